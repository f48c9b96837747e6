import CHost
import Foundation

/// Asking the system. Everything is read from where Linux tells it (proc(5), sysfs), nothing is changed.
extension SystemFacts {
    /// - Parameters:
    ///   - seconds: for how long load and wake-ups are watched
    ///   - server: the JACK server's name; nil: the default one
    public static func collect(world: World, seconds: Double = 2, server: String? = nil) -> SystemFacts {
        var facts = SystemFacts()
        facts.user = ProcessInfo.processInfo.userName
        facts.groups = groupNames()
        facts.priorityLimit = Int(ch_priority_limit())
        let locked = ch_locked_memory_limit()
        facts.lockedMemoryLimit = locked < 0 ? nil : locked
        facts.swappiness = number("/proc/sys/vm/swappiness")
        if let runtime = number("/proc/sys/kernel/sched_rt_runtime_us"), let period = number("/proc/sys/kernel/sched_rt_period_us"),
            runtime >= 0, period > 0
        {
            facts.realtimeMicroseconds = Int(Double(runtime) / Double(period) * 1e6)
        }
        facts.isVirtual = text("/proc/cpuinfo")?.contains(" hypervisor") ?? false
        (facts.kernel, facts.preemption) = kernelFacts()
        facts.processors = processorList()
        facts.watch(seconds)
        facts.askJack(server)
        let uris = Set(world.pluginURIs)
        facts.pluginCount = uris.count
        facts.missingPlugins = ["urn:continuo:pitch", "urn:continuo:synth", "urn:continuo:transfer", "urn:continuo:bass"]
            .filter { !uris.contains($0) }
        return facts
    }

    // MARK: Files

    private static func text(_ path: String) -> String? {
        FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) }
    }

    private static func number(_ path: String) -> Int? {
        text(path).flatMap { Int($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
    }

    private static func groupNames() -> [String] {
        var ids = [gid_t](repeating: 0, count: 256)
        let count = getgroups(256, &ids)
        return ids.prefix(max(0, Int(count))).compactMap { id in getgrgid(id).map { String(cString: $0.pointee.gr_name) } }
    }

    private static func kernelFacts() -> (String, String?) {
        var name = utsname()
        uname(&name)
        func string(_ field: some Any) -> String {
            withUnsafeBytes(of: field) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        }
        let release = string(name.release), version = string(name.version)
        // With dynamic preemption the one in force stands in brackets, or in parentheses.
        if let dynamic = text("/sys/kernel/debug/sched/preempt"),
            let chosen = dynamic.split(whereSeparator: \.isWhitespace).first(where: { $0.hasPrefix("(") || $0.hasPrefix("[") })
        {
            return (release, String(chosen.dropFirst().dropLast()))
        }
        if version.contains("PREEMPT_RT") { return (release, "realtime") }
        if let command = text("/proc/cmdline"), let found = command.firstMatch(of: /preempt=(\w+)/) {
            return (release, String(found.1))
        }
        if version.contains("PREEMPT_DYNAMIC") { return (release, "voluntary") }
        return (release, version.contains("PREEMPT") ? "full" : nil)
    }

    private static func processorList() -> [Processor] {
        let folder = "/sys/devices/system/cpu"
        let online = text(folder + "/online").map(numbers) ?? Array(0..<ProcessInfo.processInfo.processorCount)
        let slow = Set(text("/sys/devices/cpu_atom/cpus").map(numbers) ?? [])
        let capacities = online.map { number("\(folder)/cpu\($0)/cpu_capacity") ?? 0 }
        let most = capacities.max() ?? 0
        return zip(online, capacities).map { cpu, capacity in
            Processor(
                number: cpu,
                governor: text("\(folder)/cpu\(cpu)/cpufreq/scaling_governor")?.trimmingCharacters(in: .whitespacesAndNewlines),
                capacity: slow.contains(cpu) ? 0.5 : most > 0 && capacity > 0 ? Double(capacity) / Double(most) : 1)
        }
    }

    /// The numbers of a list as the kernel writes it: 0-3,8.
    static func numbers(_ list: String) -> [Int] {
        list.trimmingCharacters(in: .whitespacesAndNewlines).split(separator: ",").flatMap { part -> [Int] in
            let ends = part.split(separator: "-").compactMap { Int($0) }
            guard let first = ends.first, let last = ends.last, first <= last, last < 100_000 else { return [] }
            return Array(first...last)
        }
    }

    // MARK: Watching

    /// Jiffies of each processor: busy, and in all.
    private static func processorTimes() -> [Int: (busy: Double, all: Double)] {
        var times: [Int: (Double, Double)] = [:]
        for line in (text("/proc/stat") ?? "").split(separator: "\n") where line.hasPrefix("cpu") {
            let fields = line.split(separator: " ")
            guard let number = Int(fields[0].dropFirst(3)) else { continue }
            let values = fields.dropFirst().prefix(8).compactMap { Double($0) }
            guard values.count >= 5 else { continue }
            let all = values.reduce(0, +)
            times[number] = (all - values[3] - values[4], all)
        }
        return times
    }

    /// Jiffies that each process has had, and its name.
    private static func processTimes() -> [Int: (name: String, time: Double)] {
        var times: [Int: (String, Double)] = [:]
        for entry in (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? [] {
            guard let process = Int(entry), process != Int(getpid()), let line = text("/proc/\(entry)/stat") else { continue }
            // The name stands in parentheses, and may hold any of them itself.
            guard let open = line.firstIndex(of: "("), let close = line.lastIndex(of: ")"), open < close else { continue }
            let fields = line[line.index(after: close)...].split(separator: " ")
            guard fields.count > 13, let user = Double(fields[11]), let system = Double(fields[12]) else { continue }
            times[process] = (String(line[line.index(after: open)..<close]), user + system)
        }
        return times
    }

    private mutating func watch(_ seconds: Double) {
        let processorsBefore = Self.processorTimes(), processesBefore = Self.processTimes()
        let begin = ch_now()
        wakeups = Self.measureWakeups(seconds, &getsPriority)
        let elapsed = Double(ch_now() - begin) / 1e9
        let processorsAfter = Self.processorTimes()
        for index in processors.indices {
            guard let before = processorsBefore[processors[index].number], let after = processorsAfter[processors[index].number],
                after.all > before.all
            else { continue }
            processors[index].load = (after.busy - before.busy) / (after.all - before.all)
        }
        let jiffies = Double(sysconf(Int32(_SC_CLK_TCK)))
        workers = Self.processTimes().compactMap { process, after in
            guard let before = processesBefore[process], before.name == after.name else { return nil }
            let load = (after.time - before.time) / jiffies / elapsed
            return load > 0.1 ? Worker(name: after.name, process: process, load: load) : nil
        }.sorted { ($1.load, $0.process) < ($0.load, $1.process) }
    }

    /// Wakes a thread every millisecond, in real time where it is allowed.
    private static func measureWakeups(_ seconds: Double, _ getsPriority: inout Bool) -> Wakeups? {
        let count = max(10, Int(seconds * 1000))
        nonisolated(unsafe) var lateness: [Double] = []
        nonisolated(unsafe) var isRealtime = false
        let done = DispatchSemaphore(value: 0)
        Thread.detachNewThread {
            var parameter = sched_param()
            parameter.sched_priority = 10
            isRealtime = sched_setscheduler(0, SCHED_FIFO, &parameter) == 0
            lateness.reserveCapacity(count)
            var due = ch_now()
            for _ in 0..<count {
                due += 1_000_000
                let now = ch_now()
                if due > now { cr_sleep(due - now) }
                lateness.append(Double(ch_now()) / 1000 - Double(due) / 1000)
                // What one stall has cost is not charged to the next.
                due = max(due, ch_now() - 1_000_000)
            }
            done.signal()
        }
        done.wait()
        getsPriority = isRealtime
        let sorted = lateness.sorted()
        return Wakeups(
            count: count, worst: max(0, sorted.last!), percentile99: max(0, sorted[min(count - 1, count * 99 / 100)]),
            isRealtime: isRealtime)
    }

    // MARK: JACK

    private mutating func askJack(_ server: String?) {
        nonisolated(unsafe) var found: Jack?
        nonisolated(unsafe) var failure: String?
        let done = DispatchSemaphore(value: 0)
        Thread.detachNewThread {
            do { found = try JackHost.facts(server: server) } catch { failure = "\(error)" }
            done.signal()
        }
        // A server that hangs hangs its clients.
        if done.wait(timeout: .now() + 5) == .timedOut {
            jackFailure = "one is there, but does not answer"
        } else {
            jack = found
            jackFailure = failure == nil ? nil : "none answers"
        }
    }
}

extension JackHost {
    /// What the server says of itself.
    ///
    /// - Throws: `HostError.noServer`.
    static func facts(server: String?) throws -> SystemFacts.Jack {
        var options = Options()
        options.name = "continuo-doctor"
        options.server = server
        let client = try open(options)
        defer { jack_client_close(client) }
        var path = [CChar](repeating: 0, count: 4096)
        ch_jack_library(&path, path.count)
        let library = path.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
        return SystemFacts.Jack(
            sampleRate: Int(jack_get_sample_rate(client)), block: Int(jack_get_buffer_size(client)),
            isRealtime: jack_is_realtime(client) != 0, load: Double(jack_cpu_load(client)),
            library: URL(fileURLWithPath: library).resolvingSymlinksInPath().path)
    }
}
