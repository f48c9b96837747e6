import Foundation
import Host
import Testing

/// The host against a real jackd.
@Suite(.serialized) struct JackTests {
    private func report(_ finished: Finished) throws -> Report {
        try JSONDecoder().decode(Report.self, from: Data(finished.output.utf8))
    }

    /// A WAV for tests that have to give the program a file.
    private func write(_ sound: SoundFile, to path: String) throws {
        // By way of a render through an amplifier at 0 dB, which changes nothing.
        let chain = try Graph(
            world: World(), setups: [PluginSetup(Example.amp)],
            settings: Renderer.settings(sampleRate: Double(sound.sampleRate), block: 512))
        var options = Renderer.Options()
        options.input = sound
        options.tail = 0
        options.output = path
        _ = try Renderer.render(chain, options)
    }

    @Test func playsAFileAndRecordsIt() throws {
        let server = try JackServer()
        let scratch = try ScratchFolder()
        try write(sine(seconds: 0.5), to: scratch.file("in.wav"))
        let finished = server.host(
            Example.amp, Example.amp, "--control", "gain=-6", "--control", "2:gain=-6", "--input", scratch.file("in.wav"),
            "--tail", "0.1", "--record", scratch.file("out.wav"), "--json"
        ).finish()
        #expect(finished.status == 0, "\(finished.errors)")
        let report = try report(finished)
        #expect(report.seconds == 0.6 && report.sampleRate == 48000 && report.block == 128 && report.lostFrames == 0)
        let recorded = try SoundFile(reading: scratch.file("out.wav"))
        #expect(recorded.frameCount == 28800)
        // The recording begins with the file's first frame, and is what a render gives.
        let rendered = try render([PluginSetup(Example.amp, ["gain": "-6"]), PluginSetup(Example.amp, ["gain": "-6"])], block: 128) {
            $0.input = sine(seconds: 0.5)
            $0.tail = 0.1
        }
        let differs = zip(recorded.channels[0], rendered.sound.channels[0]).contains { $0 != $1 }
        #expect(!differs)
    }

    @Test func fileOfAnotherRateIsConverted() throws {
        let server = try JackServer(rate: 44100)
        let scratch = try ScratchFolder()
        try write(sine(frequency: 1000, amplitude: 0.5, seconds: 0.3, rate: 48000), to: scratch.file("in.wav"))
        let finished = server.host(
            Example.amp, "--input", scratch.file("in.wav"), "--tail", "0", "--record", scratch.file("out.wav"), "--json"
        ).finish()
        #expect(finished.status == 0, "\(finished.errors)")
        let recorded = try SoundFile(reading: scratch.file("out.wav"))
        #expect(recorded.sampleRate == 44100 && recorded.frameCount == 13230)
        let expected = sine(frequency: 1000, amplitude: 0.5, seconds: 0.3, rate: 44100).channels[0]
        let worst = zip(recorded.channels[0], expected).dropFirst(100).dropLast(100).map { abs($0 - $1) }.max() ?? 1
        #expect(worst < 1e-3)
    }

    @Test(arguments: [SIGINT, SIGTERM, SIGHUP]) func signalEndsItCleanly(number: Int32) throws {
        let server = try JackServer()
        let scratch = try ScratchFolder()
        let host = server.host(Example.amp, "--record", scratch.file("out.wav"), "--json")
        #expect(eventually { server.run("jack_lsp").output.contains("continuo:out_1") })
        Thread.sleep(forTimeInterval: 0.3)
        host.signal(number)
        let finished = host.finish()
        #expect(finished.status == 0, "\(finished.errors)")
        let report = try report(finished)
        #expect(report.end == "signal")
        let recorded = try SoundFile(reading: scratch.file("out.wav"))
        #expect(Double(recorded.frameCount) == (report.seconds * 48000).rounded())
        #expect(!server.run("jack_lsp").output.contains("continuo:"))
    }

    @Test func serverThatGoesAwayIsSaid() throws {
        for isKilled in [true, false] {
            let server = try JackServer()
            let scratch = try ScratchFolder()
            let host = server.host(
                Example.fifths, Example.sampler, "--record", scratch.file("out.wav"), "--record-midi", scratch.file("out.mid"))
            #expect(eventually { server.run("jack_lsp").output.contains("continuo:midi_in") })
            Thread.sleep(forTimeInterval: 0.2)
            isKilled ? server.kill() : server.stop()
            let finished = host.finish()
            #expect(finished.status == 1, "\(finished.errors)")
            #expect(finished.errors == "Error: the JACK server has gone away: start it again, then continuo\n")
            #expect(try SoundFile(reading: scratch.file("out.wav")).frameCount > 0)
            #expect(try Data(contentsOf: URL(fileURLWithPath: scratch.file("out.mid"))).starts(with: Data("MThd".utf8)))
        }
    }

    @Test func serverThatComesBackIsTakenUpAgain() throws {
        let server = try JackServer()
        let host = server.host(Example.amp, "--wait", "--control", "gain=-6", "--connect", "in=system:capture_1", "--json")
        #expect(eventually { server.run("jack_lsp", "-c").output.contains("continuo:in_1\n   system:capture_1") })
        // By hand, and remembered
        #expect(server.run("jack_connect", "continuo:out_1", "system:playback_2").status == 0)
        Thread.sleep(forTimeInterval: 0.5)
        server.kill()
        #expect(eventually { host.errors.contains("waiting for it") })
        try server.start()
        #expect(eventually { server.run("jack_lsp", "-c").output.contains("continuo:in_1\n   system:capture_1") }, "\(host.errors)")
        #expect(eventually { server.run("jack_lsp", "-c").output.contains("continuo:out_1\n   system:playback_2") }, "\(host.errors)")
        host.signal(SIGINT)
        let finished = host.finish()
        #expect(finished.status == 0, "\(finished.errors)")
        #expect(try report(finished).end == "signal")
    }

    @Test func missingServerIsExplained() throws {
        let finished = Program([Program.continuo, "host", Example.amp, "--server", "continuo-test-none"]).finish()
        #expect(finished.status == 1)
        #expect(finished.errors.hasPrefix("Error: no JACK server 'continuo-test-none' to connect to (none answers): start one"))
        #expect(finished.errors.split(separator: "\n").count == 1)
    }

    @Test func portsAreConnectedByPattern() throws {
        let server = try JackServer()
        let host = server.host(
            Example.scope, "--connect", "in=system:capture_1", "--connect", "out=system:playback_*", "--connect", "in=nobody:*")
        #expect(eventually { server.run("jack_lsp", "-c").output.contains("continuo:in_2\n   system:capture_1") })
        let ports = server.run("jack_lsp", "-c").output
        #expect(ports.contains("continuo:in_1\n   system:capture_1"))
        #expect(ports.contains("continuo:out_1\n   system:playback_1"))
        #expect(ports.contains("continuo:out_2\n   system:playback_2"))
        host.signal(SIGINT)
        let finished = host.finish()
        #expect(finished.errors == "continuo: nothing connected for 'in=nobody:*': no such ports (see jack_lsp)\n")
    }

    @Test func latencyIsReported() throws {
        let server = try JackServer(period: 64)
        let probe = try ProbePlugin()
        setenv("LV2_PATH", "\(probe.scratch.file("lv2")):/usr/lib/lv2:/usr/local/lib/lv2", 1)
        defer { unsetenv("LV2_PATH") }
        let host = server.host(
            ProbePlugin.uri, ProbePlugin.uri, "--control", "delay=100", "--control", "2:delay=150", "--connect",
            "in=system:capture_1", "--connect", "out=system:playback_1", "--json")
        // capture_1 of the dummy driver is one period late by itself.
        #expect(
            eventually {
                server.run("jack_lsp", "-l", "continuo:out_1").output.contains("port capture latency = [ 314 314 ] frames")
            }, "\(server.run("jack_lsp", "-l", "continuo:out_1").output)")
        #expect(server.run("jack_lsp").output.contains("continuo:cv_2"))
        host.signal(SIGINT)
        let report = try report(host.finish())
        #expect(report.latency == 250)
        #expect(report.last("features") == 15)  // bounded, fixed, a power of two, live
        #expect(report.last("minimum_block") == 64 && report.last("maximum_block") == 64)
        #expect(report.last("last_free_wheeling") == 0)
        #expect(report.last("optional_cv") == 0)
    }

    @Test func latencyIsTrimmedFromTheRecording() throws {
        let server = try JackServer()
        let probe = try ProbePlugin()
        let scratch = try ScratchFolder()
        try write(sine(seconds: 0.2), to: scratch.file("in.wav"))
        setenv("LV2_PATH", "\(probe.scratch.file("lv2")):/usr/lib/lv2:/usr/local/lib/lv2", 1)
        defer { unsetenv("LV2_PATH") }
        let finished = server.host(
            ProbePlugin.uri, "--control", "delay=1000", "--input", scratch.file("in.wav"), "--tail", "0", "--record",
            scratch.file("out.wav"), "--trim-latency"
        ).finish()
        #expect(finished.status == 0, "\(finished.errors)")
        let isSame = try SoundFile(reading: scratch.file("out.wav")).channels == sine(seconds: 0.2).channels
        #expect(isSame)
    }

    @Test func metronomeFollowsJacksTransport() throws {
        let server = try JackServer()
        let scratch = try ScratchFolder()
        let wrong = try tried {
            let host = server.host(Example.metro, "--tempo", "240", "--record", scratch.file("out.wav"))
            #expect(eventually { server.run("jack_lsp").output.contains("continuo:out_1") })
            Thread.sleep(forTimeInterval: 0.3)
            #expect(server.run("sh", "-c", "echo play | jack_transport").status == 0)
            Thread.sleep(forTimeInterval: 1.2)
            #expect(server.run("sh", "-c", "echo stop | jack_transport").status == 0)
            host.signal(SIGINT)
            #expect(host.finish().status == 0)
            let samples = try SoundFile(reading: scratch.file("out.wav")).channels[0]
            var starts: [Int] = []
            var last = -10000
            for (i, sample) in samples.enumerated() where abs(sample) > 1e-3 {
                if i - last > 1000 { starts.append(i) }
                last = i
            }
            // Nothing before it rolls. A busy machine may cost this server a period or two; the transport goes on meanwhile, and the
            // metronome with it.
            let isSteady = zip(starts, starts.dropFirst()).allSatisfy { abs($1 - $0 - 12000) < 3 * 128 + 12 }
            return starts.count >= 4 && starts[0] > 10000 && isSteady ? nil : "beats at \(starts)"
        }
        #expect(wrong == nil)
    }

    @Test func workerThreadLoadsASample() throws {
        let server = try JackServer()
        let host = server.host(
            Example.sampler, "--set", "sample=/usr/lib/lv2/eg-sampler.lv2/click.wav", "--monitor", "--seconds", "1")
        let finished = host.finish()
        #expect(finished.output.contains("sample = /usr/lib/lv2/eg-sampler.lv2/click.wav\n"), "\(finished.output) \(finished.errors)")
    }

    @Test func optionalPortIsThereWhileConnected() throws {
        let server = try JackServer()
        let probe = try ProbePlugin()
        setenv("LV2_PATH", "\(probe.scratch.file("lv2")):/usr/lib/lv2:/usr/local/lib/lv2", 1)
        defer { unsetenv("LV2_PATH") }
        let host = server.host(ProbePlugin.uri, "--connect", "cv=system:capture_1", "--monitor", "--json")
        #expect(eventually { server.run("jack_lsp", "-c").output.contains("continuo:cv\n   system:capture_1") })
        #expect(eventually { host.output.contains("optional_cv = 1") })
        host.signal(SIGINT)
        #expect(host.finish().status == 0)
    }

    @Test func blockLengthMayChange() throws {
        let server = try JackServer(period: 128)
        let probe = try ProbePlugin()
        setenv("LV2_PATH", "\(probe.scratch.file("lv2")):/usr/lib/lv2:/usr/local/lib/lv2", 1)
        defer { unsetenv("LV2_PATH") }
        let host = server.host(ProbePlugin.uri, "--control", "delay=77", "--json")
        #expect(eventually { server.run("jack_lsp").output.contains("continuo:out_1") })
        for period in ["512", "64"] {
            #expect(server.run("jack_bufsize", period).status == 0)
            #expect(eventually { host.errors.contains(" \(period) frames a period: plugins are started anew") })
            Thread.sleep(forTimeInterval: 0.3)
        }
        host.signal(SIGINT)
        let finished = host.finish()
        #expect(finished.status == 0)
        let report = try report(finished)
        #expect(report.block == 64)
        #expect(report.last("maximum_block") == 64)
        #expect(report.last("longest_block") == 64)  // never more than it was told
        #expect(report.last("options_told") == 1)  // by its own interface, of just this
        #expect(report.latency == 77)  // its controls came along
        #expect(finished.errors.contains("512 frames a period") && finished.errors.contains("64 frames a period"))
    }

    /// A client that goes and comes back is a device that is unplugged and plugged in again.
    @Test func deviceThatComesBackIsConnectedAgain() throws {
        let server = try JackServer()
        func device() -> Program {
            let device = server.host(Example.amp, "--name", "device")
            #expect(eventually { server.run("jack_lsp").output.contains("device:out_1") })
            return device
        }
        let first = device()
        let commands = Pipe()
        let host = server.host("--console", "--ports", "all", input: commands.fileHandleForReading)
        #expect(eventually { server.run("jack_lsp").output.contains("continuo:midi_in") })
        commands.fileHandleForWriting.write(
            Data("add \(Example.amp) 0\nconnect effect_0:out device:in_1\nconnect in device:none\n".utf8))
        func connections() -> String { server.run("jack_lsp", "-c").output }
        #expect(eventually { connections().contains("continuo:effect_0_out\n   device:in_1") })
        // By hand, and by the second name
        #expect(server.run("jack_connect", "device:out_1", "effect_0:in").status == 0)
        #expect(eventually { connections().contains("continuo:effect_0_in\n   device:out_1") })
        Thread.sleep(forTimeInterval: 0.3)
        first.signal(SIGINT)
        #expect(first.finish().status == 0)
        #expect(!connections().contains("device:"))
        let second = device()
        #expect(eventually { connections().contains("continuo:effect_0_out\n   device:in_1") }, "\(connections())")
        #expect(eventually { connections().contains("continuo:effect_0_in\n   device:out_1") }, "\(connections())")
        // What was taken apart stays so.
        #expect(server.run("jack_disconnect", "device:out_1", "effect_0:in").status == 0)
        Thread.sleep(forTimeInterval: 1)
        second.signal(SIGINT)
        #expect(second.finish().status == 0)
        let third = device()
        #expect(eventually { connections().contains("continuo:effect_0_out\n   device:in_1") }, "\(connections())")
        #expect(!connections().contains("continuo:effect_0_in\n   device:out_1"))
        third.signal(SIGINT)
        commands.fileHandleForWriting.write(Data("quit\n".utf8))
        #expect(host.finish().status == 0)
    }

    /// Made by patch, by `--connect`, by command and by hand; some of a pattern's taken apart by hand.
    @Test func savedPatchBringsItsConnectionsBack() throws {
        let server = try JackServer()
        let scratch = try ScratchFolder()
        let device = server.host(Example.fifths, "--name", "device")
        #expect(eventually { server.run("jack_lsp").output.contains("device:midi_out") })
        try """
            [[plugin]]
            uri = "\(Example.scope)"
            name = "scope"

            [[connection]]
            from = "in"
            to = "scope:in0"

            [[connection]]
            from = "scope:out?"
            to = "system:playback_*"
            gain = 0.5

            """.write(toFile: scratch.file("start.toml"), atomically: true, encoding: .utf8)
        func connected(_ pairs: [(String, String)]) -> Bool {
            let lines = server.run("jack_lsp", "-c").output.split(separator: "\n").map(String.init)
            var port = ""
            var found: Set<String> = []
            for line in lines { if line.hasPrefix(" ") { found.insert(port + " " + line.dropFirst(3)) } else { port = line } }
            return pairs.allSatisfy { found.contains("\($0) \($1)") }
        }
        func play(_ patch: String, _ more: [String] = []) -> (Program, Pipe) {
            let commands = Pipe()
            let host = Program(
                [Program.continuo, "host", patch, "--console", "--ports", "all", "--name", "player"] + more, server: server.name,
                input: commands.fileHandleForReading)
            return (host, commands)
        }
        func save(_ commands: Pipe, _ name: String) throws -> String {
            commands.fileHandleForWriting.write(Data("patch_save \(scratch.file(name))\n".utf8))
            #expect(eventually { FileManager.default.fileExists(atPath: scratch.file(name)) })
            return try String(contentsOfFile: scratch.file(name), encoding: .utf8)
        }
        func has(_ text: String, _ from: String, _ to: String) -> Bool { text.contains("from = \"\(from)\"\nto = \"\(to)\"\n") }
        let (host, commands) = play(scratch.file("start.toml"), ["--connect", "in=system:capture_1"])
        #expect(eventually { connected([("player:in", "system:capture_1"), ("player:scope_out1", "system:playback_2")]) }, "\(host.errors)")
        #expect(server.run("jack_connect", "system:capture_2", "player:scope_in1").status == 0)
        #expect(server.run("jack_connect", "device:midi_out", "player:midi_in").status == 0)
        commands.fileHandleForWriting.write(Data("connect system:capture_1 scope:in1\n".utf8))
        let made = [
            ("player:in", "system:capture_1"), ("player:scope_in1", "system:capture_2"), ("player:scope_in1", "system:capture_1"),
            ("player:midi_in", "device:midi_out"), ("player:scope_out0", "system:playback_1"),
        ]
        #expect(eventually { connected(made) }, "\(server.run("jack_lsp", "-c").output)")
        let first = try save(commands, "first.toml")
        #expect(has(first, "system:capture_1", "in") && has(first, "system:capture_2", "scope:in1"), "\(first)")
        #expect(has(first, "system:capture_1", "scope:in1") && has(first, "device:midi_out", "midi_in"), "\(first)")
        #expect(has(first, "scope:out?", "system:playback_*") && first.contains("gain = 0.5") && !has(first, "scope:out0", "system:playback_*"))
        // Part of what the pattern means is taken apart, and stays so when ports come and go.
        #expect(server.run("jack_disconnect", "player:scope_out1", "system:playback_2").status == 0)
        Thread.sleep(forTimeInterval: 1)
        let guest = server.host(Example.amp, "--name", "guest")
        #expect(eventually { server.run("jack_lsp").output.contains("guest:out_1") })
        Thread.sleep(forTimeInterval: 0.5)
        #expect(!connected([("player:scope_out1", "system:playback_2")]))
        let second = try save(commands, "second.toml")
        #expect(has(second, "scope:out0", "system:playback_1") && !second.contains("system:playback_*") && !second.contains("playback_2"), "\(second)")
        commands.fileHandleForWriting.write(Data("quit\n".utf8))
        #expect(host.finish().status == 0)
        let (again, orders) = play(scratch.file("second.toml"))
        #expect(eventually { connected(made) }, "\(again.errors) \(server.run("jack_lsp", "-c").output)")
        #expect(!connected([("player:scope_out1", "system:playback_2")]))
        try FileManager.default.createDirectory(atPath: scratch.file("again"), withIntermediateDirectories: true)
        #expect(try save(orders, "again/second.toml") == second)
        // What is taken apart by command does not come back either.
        orders.fileHandleForWriting.write(Data("disconnect system:capture_2 scope:in1\ndisconnect_all player:midi_in\n".utf8))
        #expect(eventually { !connected([("player:scope_in1", "system:capture_2")]) && !connected([("player:midi_in", "device:midi_out")]) })
        let fourth = try save(orders, "fourth.toml")
        #expect(!fourth.contains("capture_2") && !fourth.contains("device:"), "\(fourth)")
        orders.fileHandleForWriting.write(Data("quit\n".utf8))
        #expect(again.finish().status == 0)
        for other in [guest, device] {
            other.signal(SIGINT)
            _ = other.finish()
        }
    }

    @Test func portsSayWhatTheyAre() throws {
        let server = try JackServer()
        let probe = try ProbePlugin()
        setenv("LV2_PATH", "\(probe.scratch.file("lv2")):/usr/lib/lv2:/usr/local/lib/lv2", 1)
        defer { unsetenv("LV2_PATH") }
        let host = server.host(ProbePlugin.uri, Example.fifths, "--name", "kinds")
        #expect(eventually { server.run("jack_lsp").output.contains("kinds:midi_out") })
        func properties(_ port: String) -> String { server.run("jack_property", "-p", "-l", "kinds:" + port).output }
        for (port, words) in [
            ("cv", ["signal-type", "CV"]), ("in_1", ["signal-type", "AUDIO", "order"]), ("midi_in", ["event-types", "MIDI In"]),
        ] {
            #expect(eventually { words.allSatisfy(properties(port).contains) }, "\(port): \(properties(port))")
        }
        host.signal(SIGINT)
        #expect(host.finish().status == 0)
    }

    @Test func timebaseIsKept() throws {
        let server = try JackServer()
        let probe = try ProbePlugin()
        setenv("LV2_PATH", "\(probe.scratch.file("lv2")):/usr/lib/lv2:/usr/local/lib/lv2", 1)
        defer { unsetenv("LV2_PATH") }
        let commands = Pipe()
        let master = server.host(
            Example.amp, "--name", "master", "--timebase", "--tempo", "90", "--console", input: commands.fileHandleForReading)
        #expect(eventually { server.run("jack_lsp").output.contains("master:out_1") })
        let follower = server.host(ProbePlugin.uri, "--name", "follower", "--timebase", "--monitor")
        #expect(eventually { follower.output.contains("last_tempo = 90") }, "\(follower.output) \(follower.errors)")
        #expect(follower.errors.contains("another client is JACK's timebase master"))
        for tempo in [130, 77] {
            commands.fileHandleForWriting.write(Data("set_bpm \(tempo)\ntransport 1 3 \(tempo)\n".utf8))
            #expect(eventually { follower.output.contains("last_tempo = \(tempo)") }, "\(follower.output)")
        }
        commands.fileHandleForWriting.write(Data("timebase 0\nquit\n".utf8))
        #expect(master.finish().status == 0)
        follower.signal(SIGINT)
        #expect(follower.finish().status == 0)
    }

    @Test func freewheelingIsTold() throws {
        let server = try JackServer()
        let work = "<http://lv2plug.in/ns/ext/worker#"
        let probe = try ProbePlugin(extra: "lv2:optionalFeature \(work)schedule> ; lv2:extensionData \(work)interface> ;")
        setenv("LV2_PATH", "\(probe.scratch.file("lv2")):/usr/lib/lv2:/usr/local/lib/lv2", 1)
        defer { unsetenv("LV2_PATH") }
        let host = server.host(ProbePlugin.uri, "--monitor")
        var told: [Character] { host.output.split(separator: "\n").filter { $0.hasPrefix("last_free_wheeling = ") }.compactMap(\.last) }
        #expect(eventually { told == ["0"] })
        // They wait for ever when they have done it.
        _ = server.run("timeout", "1", "jack_freewheel", "y")
        #expect(eventually { told == ["0", "1"] }, "\(host.output.prefix(2000))")
        // A worker's work is done at once then, and on its thread otherwise.
        var works: [Character] { host.output.split(separator: "\n").filter { $0.hasPrefix("worked_at_once = ") }.compactMap(\.last) }
        #expect(eventually { works.first == "0" && works.last == "1" }, "\(works)")
        _ = server.run("timeout", "1", "jack_freewheel", "n")
        #expect(eventually { told == ["0", "1", "0"] }, "\(host.output.prefix(2000))")
        #expect(eventually { works.last == "0" }, "\(works)")
        host.signal(SIGINT)
        #expect(host.finish().status == 0)
    }
}
