import Foundation
import Host
import Testing

/// What the doctor says of machines that are made up, and of this one.
@Suite struct DoctorTests {
    /// A machine on which nothing is wrong.
    private var healthy: SystemFacts {
        var facts = SystemFacts()
        facts.user = "anna"
        facts.groups = ["audio"]
        facts.priorityLimit = 95
        facts.getsPriority = true
        facts.processors = (0..<8).map { .init(number: $0, governor: "performance", load: 0.02) }
        facts.kernel = "6.1.0"
        facts.preemption = "full"
        facts.realtimeMicroseconds = 950_000
        facts.swappiness = 10
        facts.wakeups = .init(count: 2000, worst: 60, percentile99: 12, isRealtime: true)
        facts.jack = .init(sampleRate: 48_000, block: 64, isRealtime: true, load: 12, library: "/usr/lib/libjack.so.0")
        facts.pluginCount = 30
        return facts
    }

    private func found(_ subject: String, _ facts: SystemFacts) throws -> Diagnosis {
        try #require(Doctor.examine(facts).first { $0.subject == subject })
    }

    @Test func healthyMachineIsLeftAlone() {
        for diagnosis in Doctor.examine(healthy) {
            #expect(diagnosis.level == .good, "\(diagnosis)")
            #expect(diagnosis.remedy.isEmpty)
        }
    }

    @Test func eachThreatIsNamedWithItsRemedy() throws {
        var facts = healthy
        facts.getsPriority = false
        facts.priorityLimit = 0
        facts.groups = ["users"]
        var said = try found("Real-time priority", facts)
        #expect(said.level == .problem && said.remedy.contains("sudo usermod -aG audio anna"))
        #expect(said.remedy.contains { $0.contains("rtprio 95") })
        facts.groups = ["audio"]
        said = try found("Real-time priority", facts)
        #expect(!said.remedy.contains { $0.contains("usermod") })

        facts = healthy
        facts.lockedMemoryLimit = 8 << 20
        said = try found("Locked memory", facts)
        #expect(said.level == .warning && said.finding.hasPrefix("8 MB"))

        facts = healthy
        facts.processors[3].governor = "powersave"
        said = try found("Clock speed", facts)
        #expect(said.level == .warning && said.finding.contains("1 of 8") && said.finding.contains("powersave"))

        facts = healthy
        for n in 4..<8 { facts.processors[n].capacity = 0.5 }
        said = try found("Cores", facts)
        #expect(said.level == .note && said.finding.contains("4-7") && said.remedy[0].contains("taskset -c 0-3 "))

        facts = healthy
        for n in 0..<8 { facts.processors[n].load = 0.9 }
        facts.workers = [.init(name: "cc1plus", process: 4711, load: 1)]
        said = try found("Other work", facts)
        #expect(said.level == .problem && said.finding.contains("cc1plus (4711) 100 %") && said.remedy[0].hasPrefix("renice 19 -p 4711"))

        facts = healthy
        facts.realtimeMicroseconds = 500_000
        #expect(try found("Real-time share", facts).level == .problem)
        facts.swappiness = 100
        #expect(try found("Swapping", facts).level == .warning)
        facts.isVirtual = true
        #expect(try found("Machine", facts).level == .note)
        facts.preemption = nil
        #expect(try found("Kernel", facts).level == .note)

        facts = healthy
        facts.wakeups?.worst = 900
        #expect(try found("Wake-up", facts).level == .warning)
        facts.wakeups?.worst = 2000
        #expect(try found("Wake-up", facts).level == .problem)
        // With longer periods there is time for it.
        facts.jack?.block = 1024
        #expect(try found("Wake-up", facts).level == .good)

        facts = healthy
        facts.jack?.isRealtime = false
        #expect(try found("JACK", facts).level == .problem)
        facts.jack = nil
        #expect(try found("JACK", facts).level == .note)
        facts.jack = .init(
            sampleRate: 44_100, block: 256, isRealtime: true, load: 1, library: "/usr/lib/x86_64-linux-gnu/pipewire-0.3/jack/libjack.so.0")
        #expect(try found("JACK", facts).finding.hasPrefix("PipeWire at 44100 Hz, 256 frames"))

        facts = healthy
        facts.missingPlugins = ["urn:continuo:bass"]
        said = try found("Plugins", facts)
        #expect(said.level == .warning && said.finding.contains("urn:continuo:bass"))
    }

    /// This machine, whatever it is: what must be there is there.
    @Test func looksAtThisMachine() {
        let facts = SystemFacts.collect(world: World(), seconds: 0.2, server: "continuo-nobody-\(getpid())")
        #expect(facts.processors.count >= 1 && facts.processors.allSatisfy { $0.load >= 0 && $0.load <= 1.01 })
        #expect(!facts.kernel.isEmpty && !facts.user.isEmpty)
        #expect(facts.jack == nil && facts.jackFailure != nil)
        #expect(facts.wakeups!.count == 200 && facts.wakeups!.worst >= facts.wakeups!.percentile99)
        #expect(Doctor.examine(facts).count >= 8)
    }
}
