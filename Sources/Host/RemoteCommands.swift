import CHost
import Foundation

extension RemoteCommand {
    /// By kind, in the order in which the reference has them.
    static let groups: [(title: String, commands: [RemoteCommand])] = [
        ("Plugins", pluginCommands), ("Controls and parameters", controlCommands), ("Presets and states", presetCommands),
        ("Connections", connectionCommands), ("MIDI", midiCommands), ("Watching", monitorCommands),
        ("Transport and features", transportCommands), ("Fades, ports, control voltage", signalCommands),
        ("Bundles, files, help", worldCommands),
        ("Several plugins at once", multiCommands), ("What mod-host lacks", ownCommands), ("Answered with an error", foreignCommands),
    ]

    /// In the order in which the help shows them.
    static let all: [RemoteCommand] = groups.flatMap(\.commands)

    static let byName: [String: RemoteCommand] = Dictionary(uniqueKeysWithValues: all.map { ($0.name, $0) })

    // MARK: Plugins

    private static let pluginCommands: [RemoteCommand] = [
        RemoteCommand(
            name: "add", arguments: ["<lv2_uri>", "<instance_number>"], summary: "loads a plugin",
            example: "add http://lv2plug.in/plugins/eg-amp 0"
        ) { session, words in
            let number = try instance(words[1])
            try session.add(PluginSetup(uri: words[0]), as: number, isActive: true)
            return .status(number)
        },
        RemoteCommand(
            name: "preload", arguments: ["<lv2_uri>", "<instance_number>"], summary: "loads a plugin, deactivated",
            example: "preload http://lv2plug.in/plugins/eg-amp 0"
        ) { session, words in
            let number = try instance(words[1])
            try session.add(PluginSetup(uri: words[0]), as: number, isActive: false)
            return .status(number)
        },
        RemoteCommand(
            name: "remove", arguments: ["<instance_number>"], summary: "removes a plugin; -1 removes all", example: "remove 0"
        ) { session, words in
            if words[0] == "-1" {
                for plugin in session.plugins { session.remove(plugin.node) }
            } else {
                session.remove(try session.node(try instance(words[0])))
            }
            return .status(0)
        },
        RemoteCommand(
            name: "activate", arguments: ["<instance_number>", "<instance_number_end>", "<activate_value>"], optional: 1,
            summary: "activates (1) or deactivates (0) plugins", example: "activate 0 0 1"
        ) { session, words in
            let first = try instance(words[0])
            // Older scripts leave the end out.
            let last = words.count == 3 ? try instance(words[1]) : first
            let isActive = try flag(words.last!)
            guard first <= last else { throw RemoteFailure(.instanceInvalid, "\(first) to \(last) is no range") }
            let meant = session.plugins.filter { (first...last).contains($0.number) }
            if meant.isEmpty { throw RemoteFailure(.instanceNonExists, "there is no instance \(first)") }
            for plugin in meant { session.graph.setActive(plugin.node, isActive) }
            session.graph.changed()
            return .status(0)
        },
        RemoteCommand(
            name: "bypass", arguments: ["<instance_number>", "<bypass_value>"],
            summary: "bypasses a plugin (1), or takes it up again (0)", example: "bypass 0 1"
        ) { session, words in
            let node = try session.node(try instance(words[0]))
            node.setBypass(try flag(words[1]))
            return .status(0)
        },
        RemoteCommand(
            name: "licensee", arguments: ["<instance_number>"], summary: "who a plugin is licensed to: nobody here",
            example: "licensee 0", isQuestion: true
        ) { session, words in
            _ = try session.node(try instance(words[0]))
            return .text("")
        },
    ]

    // MARK: Controls

    private static let controlCommands: [RemoteCommand] = [
        RemoteCommand(
            name: "param_set", arguments: ["<instance_number>", "<param_symbol>", "<param_value>"],
            summary: "sets a control; what is out of its range is brought into it", example: "param_set 0 gain 2.5"
        ) { session, words in
            let node = try session.node(try instance(words[0]))
            try session.setControl(node, words[1], words[2])
            return .status(0)
        },
        RemoteCommand(
            name: "param_get", arguments: ["<instance_number>", "<param_symbol>"], summary: "the value of a control",
            example: "param_get 0 gain", isQuestion: true
        ) { session, words in
            let node = try session.node(try instance(words[0]))
            let value: Float
            if words[1] == ":bypass" {
                value = node.isBypassed ? 1 : 0
            } else {
                value = ch_load_float(node.instance.values + (try session.control(node, words[1])).index)
            }
            return .status(0, String(format: "%.04f", value))
        },
        RemoteCommand(
            name: "params_flush", arguments: ["<instance_number>", "<reset_value>", "<param_count>", "<symbol_value_pairs>"],
            optional: 1, isVariadic: true, summary: "sets several controls at once",
            example: "params_flush 0 0 1 gain 2.5"
        ) { session, words in
            let node = try session.node(try instance(words[0]))
            try session.flush(node, count: try whole(words[2]), Array(words.dropFirst(3)))
            return .status(0)
        },
        RemoteCommand(
            name: "patch_set", arguments: ["<instance_number>", "<property_uri>", "<value>"],
            summary: "sets a parameter: a number, a text, a file",
            example: "patch_set 0 urn:continuo:synth#model violin.safetensors"
        ) { session, words in
            let node = try session.node(try instance(words[0]))
            do {
                try session.graph.set(.init(key: try session.parameter(node, words[1]).uri, value: words[2]), of: node)
            } catch { throw RemoteFailure(error, otherwise: .invalidOperation) }
            return .status(0)
        },
        RemoteCommand(
            name: "patch_get", arguments: ["<instance_number>", "<property_uri>"],
            summary: "asks for a parameter; the answer comes on the feedback port",
            example: "patch_get 0 urn:continuo:synth#model", isQuestion: true
        ) { session, words in
            let node = try session.node(try instance(words[0]))
            _ = try session.parameter(node, words[1])
            guard node.description.controlPort != nil else { throw RemoteFailure(.invalidOperation, "it takes no messages") }
            var buffer = [UInt8](repeating: 0, count: 256)
            let size = ch_patch_get_write(&buffer, UInt32(buffer.count), session.world.urids.forge, session.world.urids.known)
            guard session.graph.send(Array(buffer.prefix(Int(size))), to: node) else {
                throw RemoteFailure(.memoryAllocation, "too many changes at once")
            }
            return .status(0)
        },
    ]

    // MARK: Presets and state

    private static let presetCommands: [RemoteCommand] = [
        RemoteCommand(
            name: "preset_load", arguments: ["<instance_number>", "<preset_uri>"],
            summary: "loads a preset, by its URI or name, without a click",
            example: "preset_load 0 http://drobilla.net/plugins/mda/presets#JX10-moogcury-lite"
        ) { session, words in
            let node = try session.node(try instance(words[0]))
            do { try session.graph.applyPreset(words[1], to: node) } catch {
                throw RemoteFailure(error, otherwise: .invalidPreset)
            }
            return .status(0)
        },
        RemoteCommand(
            name: "preset_save", arguments: ["<instance_number>", "<preset_name>", "<dir>", "<file_name>"],
            summary: "saves a plugin's state as a preset in a bundle",
            example: "preset_save 0 \"My Preset\" /home/user/.lv2/my-presets.lv2 mypreset.ttl"
        ) { session, words in
            let node = try session.node(try instance(words[0]))
            guard !words[3].contains("/"), words[3] != "manifest.ttl", words[3].hasSuffix(".ttl") else {
                throw RemoteFailure(.invalidOperation, "'\(words[3])' is no file name for a preset: it ends in .ttl")
            }
            do { try node.instance.saveState(to: words[2], file: words[3], label: words[1]) } catch {
                throw RemoteFailure(error, otherwise: .cannotLoadState)
            }
            return .status(0)
        },
        RemoteCommand(
            name: "preset_show", arguments: ["<preset_uri>"], summary: "a preset's data, as Turtle",
            example: "preset_show http://drobilla.net/plugins/mda/presets#EPiano-bright", isQuestion: true
        ) { session, words in
            .text(session.world.presetText(words[0]) ?? "")
        },
        RemoteCommand(
            name: "state_save", arguments: ["<dir>"], summary: "saves the state of all plugins into a folder",
            example: "state_save /home/user/state", isQuestion: true
        ) { session, words in
            for plugin in session.plugins {
                do { try plugin.node.instance.saveState(to: words[0] + "/effect-\(plugin.number)") } catch {
                    throw RemoteFailure(error, otherwise: .cannotLoadState)
                }
            }
            return .status(0)
        },
        RemoteCommand(
            name: "state_load", arguments: ["<dir>"], summary: "brings back what state_save kept",
            example: "state_load /home/user/state"
        ) { session, words in
            guard FileManager.default.fileExists(atPath: words[0]) else {
                throw RemoteFailure(.cannotLoadState, "there is no folder \(words[0])")
            }
            for plugin in session.plugins {
                let folder = words[0] + "/effect-\(plugin.number)"
                guard FileManager.default.fileExists(atPath: folder) else { continue }
                do { try session.graph.replace(plugin.node) { try $0.instance.restoreState(path: folder) } } catch {
                    throw RemoteFailure(error, otherwise: .cannotLoadState)
                }
            }
            return .status(0)
        },
        RemoteCommand(
            name: "state_tmpdir", arguments: ["<dir>"], summary: "accepted; plugins' files have a folder of their own here",
            example: "state_tmpdir /tmp/state", isQuestion: true
        ) { _, _ in .status(0) },
    ]

    // MARK: Connections

    private static let connectionCommands: [RemoteCommand] = [
        RemoteCommand(
            name: "connect", arguments: ["<origin_port>", "<destination_port>"], summary: "connects two ports",
            example: "connect system:capture_1 effect_0:in"
        ) { session, words in
            try session.connect(words[0], words[1])
            return .status(0)
        },
        RemoteCommand(
            name: "disconnect", arguments: ["<origin_port>", "<destination_port>"], summary: "takes a connection apart",
            example: "disconnect system:capture_1 effect_0:in"
        ) { session, words in
            try session.disconnect(words[0], words[1])
            return .status(0)
        },
        RemoteCommand(
            name: "disconnect_all", arguments: ["<origin_port>"], summary: "takes all connections of a port apart",
            example: "disconnect_all effect_0:in"
        ) { session, words in
            try session.disconnectAll(words[0])
            return .status(0)
        },
    ]

    // MARK: MIDI

    private static let midiCommands: [RemoteCommand] = [
        RemoteCommand(
            name: "midi_learn",
            arguments: ["<instance_number>", "<param_symbol>", "<minimum>", "<maximum>", "<curve>", "<takeover>", "<keys>"],
            optional: 3,
            summary: "has the next controller that moves move a control; keys: a key as well; curve and takeover as in midi_map",
            example: "midi_learn 0 gain 0.0 1.0"
        ) { session, words in
            let number = try instance(words[0])
            var mapping = try session.mapping(
                try session.node(number), words[1], .controller(0), low: try real(words[2]), high: try real(words[3]))
            let takesKeys = try manner(words.dropFirst(4), of: &mapping)
            session.startLearning(number, mapping, takesKeys: takesKeys)
            return .status(1)
        },
        RemoteCommand(
            name: "midi_map",
            arguments: [
                "<instance_number>", "<param_symbol>", "<midi_channel>", "<midi_cc>", "<minimum>", "<maximum>", "<curve>",
                "<takeover>",
            ], optional: 2,
            summary: "has a controller move a control; 131 is the pitch bend, 132 channel pressure, 133+N note N, 261 the pressure of "
                + "any key, 262+N of key N, 512+N NRPN N, 16896+N RPN N; curve: linear, logarithmic or a power; takeover: not before it "
                + "has passed the control's value",
            example: "midi_map 0 gain 0 7 0.0 1.0"
        ) { session, words in
            let node = try session.node(try instance(words[0]))
            let channel = try whole(words[2])
            guard (-1...15).contains(channel) else { throw RemoteFailure(.assignmentFailed, "channels go from 0 to 15; -1: all") }
            guard let source = HostSession.source(try whole(words[3])) else {
                throw RemoteFailure(.assignmentFailed, "\(words[3]) is no controller")
            }
            var mapping = try session.mapping(node, words[1], source, low: try real(words[4]), high: try real(words[5]))
            mapping.channel = channel < 0 ? nil : channel + 1
            if try manner(words.dropFirst(6), of: &mapping) { throw RemoteFailure(.invalidOperation, "'keys' are for midi_learn") }
            do { try session.graph.map(mapping) } catch { throw RemoteFailure(error, otherwise: .assignmentFailed) }
            session.graph.changed()
            return .status(1)
        },
        RemoteCommand(
            name: "midi_unmap", arguments: ["<instance_number>", "<param_symbol>"], summary: "takes a controller off a control",
            example: "midi_unmap 0 gain"
        ) { session, words in
            let number = try instance(words[0])
            let node = try session.node(number)
            let port = words[1] == ":bypass" ? node.enabledPort?.index ?? -1 : try session.control(node, words[1]).index
            if session.learning?.number == number { session.stopLearning() }
            guard session.graph.unmap(node, port: port) else {
                throw RemoteFailure(.assignmentFailed, "\(words[1]) is not mapped")
            }
            session.graph.changed()
            return .status(1)
        },
        RemoteCommand(
            name: "monitor_midi_control", arguments: ["<midi_channel>", "<enable>"],
            summary: "has controllers of a channel told on the feedback port", example: "monitor_midi_control 7 1"
        ) { session, words in
            let channel = try channel(words[0])
            if try flag(words[1]) { session.toldControllers.insert(channel) } else { session.toldControllers.remove(channel) }
            session.tellControllers()
            return .status(0)
        },
        RemoteCommand(
            name: "monitor_midi_program", arguments: ["<midi_channel>", "<enable>"],
            summary: "has program changes of a channel told on the feedback port", example: "monitor_midi_program 0 1"
        ) { session, words in try session.tellPrograms(words[0], words[1]) },
        RemoteCommand(
            name: "set_midi_program_change_pedalboard_bank_channel", arguments: ["<enable>", "<midi_channel>"],
            summary: "the same, as bank changes of front ends",
            example: "set_midi_program_change_pedalboard_bank_channel 1 5"
        ) { session, words in try session.tellPrograms(words[1], words[0]) },
        RemoteCommand(
            name: "set_midi_program_change_pedalboard_snapshot_channel", arguments: ["<enable>", "<midi_channel>"],
            summary: "the same, as snapshot changes of front ends",
            example: "set_midi_program_change_pedalboard_snapshot_channel 1 4"
        ) { session, words in try session.tellPrograms(words[1], words[0]) },
    ]

    // MARK: Monitors

    private static let monitorCommands: [RemoteCommand] = [
        RemoteCommand(
            name: "monitor", arguments: ["<addr>", "<port>", "<status>"],
            summary: "opens (1) or closes (0) the socket to which param_monitor tells", example: "monitor localhost 12345 1",
            isQuestion: true
        ) { session, words in
            if !(try flag(words[2])) {
                session.monitor = nil
                return .status(0)
            }
            guard let made = MonitorConnection(
                address: words[0], port: try whole(words[1]), isAnywhere: session.reachesAnywhere)
            else { throw RemoteFailure(.invalidOperation, "nobody listens at \(words[0]):\(words[1]) that may be told") }
            session.monitor = made
            return .status(0)
        },
        RemoteCommand(
            name: "param_monitor", arguments: ["<instance_number>", "<param_symbol>", "<cond_op>", "<value>"],
            summary: "tells when a control is >, >=, <, <=, == or != a value", example: "param_monitor 0 gain > 2.5",
            isQuestion: true
        ) { session, words in
            let number = try instance(words[0])
            let port = try session.control(try session.node(number), words[1])
            guard [">", ">=", "<", "<=", "==", "!="].contains(words[2]) else {
                throw RemoteFailure(.assignmentInvalidOperation, "'\(words[2])' is no comparison")
            }
            guard session.monitor != nil else { throw RemoteFailure(.instanceInvalid, "monitor has to come first") }
            guard session.monitors.count < 1000 else { throw RemoteFailure(.assignmentListFull, "too many monitors") }
            session.monitors.append(
                .init(number: number, symbol: port.symbol, comparison: words[2], threshold: try real(words[3]), last: .nan))
            return .status(0)
        },
        RemoteCommand(
            name: "monitor_output", arguments: ["<instance_number>", "<param_symbol>"],
            summary: "has an output control told on the feedback port", example: "monitor_output 0 meter", isQuestion: true
        ) { session, words in
            let number = try instance(words[0])
            let port = try session.control(try session.node(number), words[1])
            if port.isInput { throw RemoteFailure(.invalidSymbol, "\(port.symbol) is no output") }
            if !session.watchedOutputs.contains(where: { $0.number == number && $0.symbol == port.symbol }) {
                session.watchedOutputs.append((number, port.symbol, .nan))
            }
            return .status(1)
        },
        RemoteCommand(
            name: "monitor_output_off", arguments: ["<instance_number>", "<param_symbol>"], summary: "the end of monitor_output",
            example: "monitor_output_off 0 meter", isQuestion: true
        ) { session, words in
            let number = try instance(words[0])
            _ = try session.node(number)
            session.watchedOutputs.removeAll { $0.number == number && $0.symbol == words[1] }
            return .status(1)
        },
        RemoteCommand(
            name: "output_data_ready", arguments: [], summary: "a client of the feedback port is ready for more",
            example: "output_data_ready", isQuestion: true
        ) { session, _ in
            session.feedback.ready()
            return .status(0)
        },
        RemoteCommand(
            name: "cpu_load", arguments: [], summary: "JACK's load in percent", example: "cpu_load", isQuestion: true
        ) { session, _ in .status(0, String(format: "%.04f", session.jack?.load ?? 0)) },
        RemoteCommand(
            name: "max_cpu_load", arguments: [], summary: "the highest load of a period of ours in percent",
            example: "max_cpu_load", isQuestion: true
        ) { session, _ in .status(0, String(format: "%.04f", session.graph.process.pointee.meter.worstLoad * 100)) },
    ]

    // MARK: Transport

    private static let transportCommands: [RemoteCommand] = [
        RemoteCommand(
            name: "transport", arguments: ["<rolling>", "<beats_per_bar>", "<beats_per_minute>"],
            summary: "starts (1) or stops (0) the transport and sets its tempo", example: "transport 1 4 120"
        ) { session, words in
            let isRolling = try flag(words[0])
            try session.setMetre(beatsPerBar: try real(words[1]), tempo: try real(words[2]))
            if let jack = session.jack, jack.transport.rolling != isRolling {
                jack.setRolling(isRolling)
                if !isRolling { jack.rewind() }
            }
            return .status(0)
        },
        RemoteCommand(
            name: "set_bpm", arguments: ["<beats_per_minute>"], summary: "the transport's tempo", example: "set_bpm 120"
        ) { session, words in
            try session.setMetre(beatsPerBar: nil, tempo: try real(words[0]))
            return .status(0)
        },
        RemoteCommand(
            name: "set_bpb", arguments: ["<beats_per_bar>"], summary: "the transport's beats in a bar", example: "set_bpb 4"
        ) { session, words in
            try session.setMetre(beatsPerBar: try real(words[0]), tempo: nil)
            return .status(0)
        },
        RemoteCommand(
            name: "transport_sync", arguments: ["<mode>"],
            summary: "what tempo and transport follow: none (but JACK), or midi: the clock, start, stop and song position at a MIDI input",
            example: "transport_sync midi"
        ) { session, words in
            switch words[0] {
            case "none": try session.followMIDI(false)
            case "midi": try session.followMIDI(true)
            case "link": throw RemoteFailure(.linkUnavailable, "there is no Ableton Link here")
            default: throw RemoteFailure(.invalidOperation, "'\(words[0])' is neither none, midi nor link")
            }
            return .status(0)
        },
        RemoteCommand(
            name: "feature_enable", arguments: ["<feature>", "<enable>"],
            summary: "processing, freewheeling, cpu-load (told on the feedback port) or aggregated-midi on (1) or off (0)",
            example: "feature_enable processing 1"
        ) { session, words in
            // Negative numbers are ways to switch off (mod-host's fades).
            let isOn = try whole(words[1]) > 0
            switch words[0] {
            case "processing": session.jack?.setProcessing(isOn)
            case "freewheeling":
                guard session.jack?.setFreewheeling(isOn) ?? true else {
                    throw RemoteFailure(.invalidOperation, "JACK refuses")
                }
            case "cpu-load": session.tellsLoad = isOn
            case "aggregated-midi": break  // every MIDI input is one already
            case "link": throw RemoteFailure(.linkUnavailable, "there is no Ableton Link here")
            default: throw RemoteFailure(.invalidOperation, "there is no feature '\(words[0])'")
            }
            return .status(0)
        },
    ]

    // MARK: The world

    private static let worldCommands: [RemoteCommand] = [
        RemoteCommand(
            name: "bundle_add", arguments: ["<bundle_path>"], summary: "reads a bundle into the running world",
            example: "bundle_add /path/to/bundle.lv2", isQuestion: true
        ) { session, words in
            session.world.addBundle(words[0])
            return .status(0)
        },
        RemoteCommand(
            name: "bundle_remove", arguments: ["<bundle_path>", "<resource>"], optional: 1,
            summary: "forgets a bundle of the running world", example: "bundle_remove /path/to/bundle.lv2 \"\"",
            isQuestion: true
        ) { session, words in
            let path = words[0].hasSuffix("/") ? words[0] : words[0] + "/"
            if session.plugins.contains(where: { $0.node.description.bundlePath == path }) {
                throw RemoteFailure(.invalidOperation, "a plugin of that bundle plays")
            }
            session.world.removeBundle(path, resource: words.count > 1 && !words[1].isEmpty ? words[1] : nil)
            return .status(0)
        },
        RemoteCommand(
            name: "save", arguments: ["<file_name>"], summary: "saves the commands so far", example: "save my_setup",
            isQuestion: true
        ) { session, words in
            do { try AtomicSave.write(session.history.lines.joined(separator: "\n") + "\n", to: words[0]) } catch {
                throw RemoteFailure(error, otherwise: .invalidOperation)
            }
            return .status(0)
        },
        RemoteCommand(
            name: "load", arguments: ["<file_name>"], summary: "does the commands of a file", example: "load my_setup",
            isQuestion: true
        ) { session, words in
            guard let text = try? String(contentsOfFile: words[0], encoding: .utf8) else {
                throw RemoteFailure(.invalidOperation, "\(words[0]) cannot be read")
            }
            guard session.loadDepth < 8 else { throw RemoteFailure(.invalidOperation, "files load each other without end") }
            session.loadDepth += 1
            defer { session.loadDepth -= 1 }
            for (i, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
                if line.allSatisfy(\.isWhitespace) || line.hasPrefix("#") { continue }
                let reply = session.execute(String(line))
                if reply.isFailure {
                    return .failure(.invalidOperation, "\(words[0]):\(i + 1): \(reply.text): \(reply.explanation)", isTold: true)
                }
                if session.isQuitting { break }
            }
            return .status(0)
        },
        RemoteCommand(
            name: "help", arguments: ["[command]"], optional: 1, summary: "what there is, or what a command does",
            example: "help connect", isQuestion: true
        ) { _, words in
            guard let name = words.first else { return .text(helpText) }
            guard let command = byName[name] else { throw RemoteFailure(.invalidOperation, "there is no command '\(name)'") }
            return .text("\(command.usage)\n    \(command.summary)\n    for example: \(command.example)")
        },
        RemoteCommand(name: "quit", arguments: [], summary: "ends the host", example: "quit", isQuestion: true) { session, _ in
            session.isQuitting = true
            return .status(0)
        },
    ]

    static let helpText: String = {
        let width = all.map(\.usage.count).filter { $0 <= 44 }.max() ?? 0
        return all.map { command in
            command.usage.count > 44
                ? "\(command.usage)\n\(String(repeating: " ", count: width + 2))\(command.summary)"
                : "\(command.usage.padding(toLength: width + 2, withPad: " ", startingAt: 0))\(command.summary)"
        }.joined(separator: "\n")
    }()

    // MARK: Reading arguments

    static func instance(_ word: String) throws -> Int {
        guard let number = Int(word), HostSession.numberRange.contains(number) else {
            throw RemoteFailure(.instanceInvalid, "'\(word)' is no instance number: they go from 0 to 9990")
        }
        return number
    }

    static func whole(_ word: String) throws -> Int {
        guard let number = Int(word) else { throw RemoteFailure(.invalidOperation, "'\(word)' is no whole number") }
        return number
    }

    static func channel(_ word: String) throws -> Int {
        guard let number = Int(word), (0...15).contains(number) else {
            throw RemoteFailure(.invalidOperation, "'\(word)' is no MIDI channel: they go from 0 to 15")
        }
        return number
    }

    static func real(_ word: String) throws -> Float {
        guard let number = Float(word), number.isFinite else { throw RemoteFailure(.invalidOperation, "'\(word)' is no number") }
        return number
    }

    /// Reads how a controller is to move a control; whether keys may as well.
    private static func manner(_ words: ArraySlice<String>, of mapping: inout MIDIMapping) throws -> Bool {
        var takesKeys = false
        for word in words {
            switch word {
            case "linear": mapping.curve = .linear
            case "logarithmic": mapping.curve = .logarithmic
            case "takeover": mapping.takesOver = true
            case "keys": takesKeys = true
            default:
                guard let power = Float(word), (0.01...100).contains(power) else {
                    throw RemoteFailure(
                        .invalidOperation, "'\(word)' is neither linear, logarithmic, a power from 0.01 to 100, takeover nor keys")
                }
                mapping.curve = .power(power)
            }
        }
        return takesKeys
    }

    static func flag(_ word: String) throws -> Bool {
        guard let number = Int(word) else { throw RemoteFailure(.invalidOperation, "'\(word)' is neither 1 nor 0") }
        return number != 0
    }
}
