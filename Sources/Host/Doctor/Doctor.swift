import Foundation

/// Says what of a machine threatens real time, and what to do about it.
public enum Doctor {
    public static func examine(_ facts: SystemFacts) -> [Diagnosis] {
        [
            priority(facts), lockedMemory(facts), governor(facts), cores(facts), load(facts), kernel(facts), throttle(facts),
            swapping(facts), machine(facts), wakeups(facts), jack(facts), plugins(facts),
        ].compactMap { $0 }
    }

    private static func priority(_ facts: SystemFacts) -> Diagnosis {
        let subject = "Real-time priority"
        if facts.getsPriority { return Diagnosis(subject, .good, "threads get it (up to \(facts.priorityLimit))") }
        let limits = "/etc/security/limits.d/audio.conf"
        var remedy = [
            "printf '@audio - rtprio 95\\n@audio - memlock unlimited\\n' | sudo tee \(limits)"
        ]
        if !facts.groups.contains("audio") { remedy.append("sudo usermod -aG audio \(facts.user.isEmpty ? "$USER" : facts.user)") }
        remedy.append("then log out and in again")
        let cause =
            facts.priorityLimit > 0
            ? "a thread that asked for it was refused, though up to \(facts.priorityLimit) is allowed"
            : "this user may have none: audio waits behind every other program"
        return Diagnosis(subject, .problem, cause, remedy: remedy)
    }

    private static func lockedMemory(_ facts: SystemFacts) -> Diagnosis {
        let subject = "Locked memory"
        guard let limit = facts.lockedMemoryLimit else { return Diagnosis(subject, .good, "unlimited") }
        let text = "\(limit >> 20) MB may be locked"
        // JACK locks what its clients map: some tens of megabytes each.
        if limit >= 512 << 20 { return Diagnosis(subject, .good, text) }
        return Diagnosis(
            subject, .warning, "\(text): what is not may be swapped out while it is played from",
            remedy: ["echo '@audio - memlock unlimited' | sudo tee -a /etc/security/limits.d/audio.conf", "then log out and in again"])
    }

    private static func governor(_ facts: SystemFacts) -> Diagnosis? {
        let subject = "Clock speed"
        let governed = facts.processors.filter { $0.governor != nil }
        if governed.isEmpty { return Diagnosis(subject, .note, "not governed from here (fixed, or the machine's own affair)") }
        let slow = governed.filter { $0.governor != "performance" }
        if slow.isEmpty { return Diagnosis(subject, .good, "all cores run at full speed (performance)") }
        let names = Set(slow.compactMap(\.governor)).sorted().joined(separator: ", ")
        return Diagnosis(
            subject, .warning, "\(slow.count) of \(facts.processors.count) cores slow down when there is little to do (\(names))",
            remedy: ["sudo cpupower frequency-set -g performance   (package linux-cpupower)"])
    }

    private static func cores(_ facts: SystemFacts) -> Diagnosis {
        let subject = "Cores"
        let slow = facts.processors.filter { $0.capacity < 0.9 }
        let count = facts.processors.count
        if slow.isEmpty {
            return count > 1
                ? Diagnosis(subject, .good, "\(count), all alike")
                : Diagnosis(subject, .warning, "only one: inference and audio take turns on it")
        }
        let fast = ranges(facts.processors.filter { $0.capacity >= 0.9 }.map(\.number))
        return Diagnosis(
            subject, .note, "\(count), of which \(ranges(slow.map(\.number))) are slower ones",
            remedy: ["taskset -c \(fast) jackd …   (and the same for continuo) keeps the audio on the fast ones"])
    }

    private static func load(_ facts: SystemFacts) -> Diagnosis {
        let subject = "Other work"
        let total = facts.processors.map(\.load).reduce(0, +), count = Double(max(1, facts.processors.count))
        let text = String(format: "%.0f %% of the processors' time", 100 * total / count)
        let names = facts.workers.prefix(4).map { String(format: "%@ (%d) %.0f %%", $0.name, $0.process, 100 * $0.load) }
        let list = names.isEmpty ? "" : ": " + names.joined(separator: ", ")
        if total / count < 0.3 { return Diagnosis(subject, .good, text + list) }
        return Diagnosis(
            subject, total / count < 0.7 ? .warning : .problem, text + list,
            remedy: facts.workers.prefix(4).map { "renice 19 -p \($0.process)   # \($0.name); or end it" })
    }

    private static func kernel(_ facts: SystemFacts) -> Diagnosis {
        let subject = "Kernel"
        switch facts.preemption {
        case "realtime", "full": return Diagnosis(subject, .good, "\(facts.kernel), preemption \(facts.preemption!)")
        case let preemption:
            return Diagnosis(
                subject, .note, "\(facts.kernel), preemption \(preemption ?? "unknown")",
                remedy: [
                    "with blocks below 128 frames: boot with 'preempt=full threadirqs' (GRUB_CMDLINE_LINUX in /etc/default/grub, then "
                        + "sudo update-grub), or install linux-image-rt-amd64"
                ])
        }
    }

    private static func throttle(_ facts: SystemFacts) -> Diagnosis? {
        guard let microseconds = facts.realtimeMicroseconds, microseconds < 900_000 else { return nil }
        return Diagnosis(
            "Real-time share", .problem, "real-time threads may have only \(microseconds / 10_000) % of a second",
            remedy: ["sudo sysctl kernel.sched_rt_runtime_us=950000"])
    }

    private static func swapping(_ facts: SystemFacts) -> Diagnosis? {
        guard let swappiness = facts.swappiness, swappiness > 60 else { return nil }
        return Diagnosis(
            "Swapping", .warning, "the system is eager to swap (swappiness \(swappiness))", remedy: ["sudo sysctl vm.swappiness=10"])
    }

    private static func machine(_ facts: SystemFacts) -> Diagnosis? {
        guard facts.isVirtual else { return nil }
        return Diagnosis("Machine", .note, "a virtual one: its host can stall it at any time, whatever is set here")
    }

    private static func wakeups(_ facts: SystemFacts) -> Diagnosis? {
        guard let wakeups = facts.wakeups else { return nil }
        let kind = wakeups.isRealtime ? "a real-time thread" : "an ordinary thread"
        let text = String(
            format: "%@, woken %d times, was %.2f ms late at worst, %.2f ms at the 99th percentile", kind, wakeups.count,
            wakeups.worst / 1000, wakeups.percentile99 / 1000)
        // What JACK has between two periods; without a server, 64 frames at 48 kHz.
        let period = (facts.jack?.milliseconds ?? 1.33) * 1000
        if wakeups.worst < 0.25 * period { return Diagnosis("Wake-up", .good, text) }
        let remedy = [String(format: "use longer blocks than %.1f ms, or find what holds the processors up (see above)", period / 1000)]
        return Diagnosis("Wake-up", wakeups.worst < period ? .warning : .problem, text, remedy: remedy)
    }

    private static func jack(_ facts: SystemFacts) -> Diagnosis {
        let subject = "JACK"
        guard let jack = facts.jack else {
            return Diagnosis(
                subject, .note, "no server runs (\(facts.jackFailure ?? "none answers"))",
                remedy: ["jackd -R -d alsa -r 48000 -p 128   or, under PipeWire: pw-jack continuo host …"])
        }
        let text = String(
            format: "%@ at %d Hz, %d frames a period (%.1f ms), load %.0f %%", jack.isPipeWire ? "PipeWire" : "jackd", jack.sampleRate,
            jack.block, jack.milliseconds, jack.load)
        if !jack.isRealtime {
            return Diagnosis(subject, .problem, text + ", not real-time", remedy: ["start jackd with -R (and without -r)"])
        }
        if jack.load > 70 { return Diagnosis(subject, .warning, text, remedy: ["use longer blocks, or fewer plugins"]) }
        return Diagnosis(subject, .good, text + ", real-time")
    }

    private static func plugins(_ facts: SystemFacts) -> Diagnosis {
        let subject = "Plugins"
        if facts.missingPlugins.isEmpty {
            return Diagnosis(subject, .good, "\(facts.pluginCount) found, Continuo's own among them")
        }
        return Diagnosis(
            subject, .warning, "\(facts.pluginCount) found, without \(facts.missingPlugins.joined(separator: ", "))",
            remedy: ["make install   (in Continuo's source), or set LV2_PATH to where they are"])
    }

    /// 0-3,8 and so on.
    static func ranges(_ numbers: [Int]) -> String {
        var parts: [(Int, Int)] = []
        for number in numbers.sorted() {
            if let last = parts.last, last.1 + 1 == number { parts[parts.count - 1].1 = number } else { parts.append((number, number)) }
        }
        return parts.map { $0.0 == $0.1 ? "\($0.0)" : "\($0.0)-\($0.1)" }.joined(separator: ",")
    }
}
