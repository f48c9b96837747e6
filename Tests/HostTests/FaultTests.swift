import Foundation
import Host
import Testing

/// Plugins that do what they must not: the host says which, and the others play on.
@Suite struct FaultTests {
    private final class Notices { var lines: [String] = [] }

    private func setUp() throws -> (ProbePlugin, HostSession, GraphStepper, Notices) {
        let probe = try ProbePlugin(defines: ["MISBEHAVE"])
        let graph = try Graph(
            world: probe.world,
            settings: ProcessSettings(
                sampleRate: 48000, minimumBlock: 64, maximumBlock: 64, nominalBlock: 64, hasFixedBlock: true, isOffline: false))
        let session = HostSession(graph: graph, world: probe.world)
        let notices = Notices()
        session.onNotice = { notices.lines.append($0) }
        let stepper = GraphStepper(graph, block: 64)
        stepper.listen(session)
        for line in [
            "add \(ProbePlugin.uri) 0", "add \(Example.amp) 1", "connect in effect_0:in", "connect effect_0:out bad",
            "connect in effect_1:in", "connect effect_1:out good",
        ] { #expect(!session.execute(line).isFailure) }
        stepper.run(blocks: 60) { _ in 0.25 }
        return (probe, session, stepper, notices)
    }

    @Test(arguments: [(1, "no number"), (2, "+40 dBFS")]) func whatIsNoSoundIsMuted(fault: Int, words: String) throws {
        let (probe, session, stepper, notices) = try setUp()
        stepper.guardPlugins()
        _ = session.execute("param_set 0 delay \(fault)")
        let start = stepper.frames
        stepper.run(blocks: 20) { _ in 0.25 }
        #expect(stepper.sound[0][start...].allSatisfy { $0 == 0 })
        #expect(stepper.sound[1][start...].allSatisfy { abs($0 - 0.25) < 1e-6 })
        #expect(notices.lines.count == 1 && notices.lines[0].hasPrefix("effect_0 (Probe)") && notices.lines[0].contains(words))
        #expect(session.execute("list").text.contains("\"muted\":true"))
        // Cured and brought back
        _ = session.execute("param_set 0 delay 0")
        stepper.run(blocks: 20) { _ in 0.25 }
        #expect(stepper.sound[0].last == 0)
        #expect(session.execute("revive 0").text == "resp 0")
        stepper.run(blocks: 200) { _ in 0.25 }
        #expect(stepper.sound[0].last == 0.25 && notices.lines.count == 1)
        withExtendedLifetime(probe) {}  // its files are wanted until here
    }

    @Test func whatTakesTooLongIsBypassed() throws {
        let (probe, session, stepper, notices) = try setUp()
        stepper.guardPlugins(overrunLimit: 4)
        _ = session.execute("param_set 0 delay 3")
        stepper.run(blocks: 20) { _ in 0.25 }
        #expect(notices.lines.count == 1 && notices.lines[0].contains("longer than a period"))
        let runs = stepper.graph.nodes[0].load.runs
        let start = stepper.frames
        stepper.run(blocks: 20) { _ in 0.25 }
        #expect(stepper.graph.nodes[0].load.runs == runs)
        #expect(stepper.sound[0][start...].allSatisfy { abs($0 - 0.25) < 1e-6 })  // its input goes by
        _ = session.execute("param_set 0 delay 0")
        #expect(session.execute("bypass 0 0").text == "resp 0")
        stepper.run(blocks: 40) { _ in 0.25 }
        #expect(stepper.graph.nodes[0].load.runs > runs && notices.lines.count == 1)
        withExtendedLifetime(probe) {}
    }

    @Test func floodsOfAtomsAreCut() throws {
        let (probe, session, stepper, _) = try setUp()
        _ = session.execute("param_set 0 delay 4")
        stepper.run(blocks: 20) { _ in 0.25 }
        #expect(stepper.sound[1].last == 0.25)
        withExtendedLifetime(probe) {}
    }
}
