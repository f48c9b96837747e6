import CHost
import Foundation

extension RemoteCommand {
    // MARK: Several at once

    static let multiCommands: [RemoteCommand] = [
        RemoteCommand(
            name: "multi_add", arguments: ["<instance_count>", "<uri_number_pairs>"], isVariadic: true,
            summary: "add for several plugins", example: "multi_add 1 http://lv2plug.in/plugins/eg-amp 0"
        ) { session, words in try addSeveral(session, words, isActive: true) },
        RemoteCommand(
            name: "multi_preload", arguments: ["<instance_count>", "<uri_number_pairs>"], isVariadic: true,
            summary: "preload for several plugins", example: "multi_preload 1 http://lv2plug.in/plugins/eg-amp 0"
        ) { session, words in try addSeveral(session, words, isActive: false) },
        RemoteCommand(
            name: "multi_remove", arguments: ["<instance_count>", "<instance_numbers>"], isVariadic: true,
            summary: "remove for several plugins", example: "multi_remove 2 0 1"
        ) { session, words in
            for node in try nodes(session, words[0], words.dropFirst(1)).nodes { session.remove(node) }
            return .status(0)
        },
        RemoteCommand(
            name: "multi_activate", arguments: ["<activate_value>", "<instance_count>", "<instance_numbers>"], isVariadic: true,
            summary: "activate for several plugins", example: "multi_activate 1 2 0 1"
        ) { session, words in
            let isActive = try flag(words[0])
            for node in try nodes(session, words[1], words.dropFirst(2)).nodes { session.graph.setActive(node, isActive) }
            session.graph.changed()
            return .status(0)
        },
        RemoteCommand(
            name: "multi_bypass", arguments: ["<bypass_value>", "<instance_count>", "<instance_numbers>"], isVariadic: true,
            summary: "bypass for several plugins", example: "multi_bypass 1 2 0 1"
        ) { session, words in
            let isBypassed = try flag(words[0])
            for node in try nodes(session, words[1], words.dropFirst(2)).nodes { node.setBypass(isBypassed) }
            return .status(0)
        },
        RemoteCommand(
            name: "multi_param_set", arguments: ["<param_symbol>", "<param_value>", "<instance_count>", "<instance_numbers>"],
            isVariadic: true, summary: "param_set for several plugins", example: "multi_param_set gain 2.5 2 0 1"
        ) { session, words in
            for node in try nodes(session, words[2], words.dropFirst(3)).nodes { try session.setControl(node, words[0], words[1]) }
            return .status(0)
        },
        RemoteCommand(
            name: "multi_params_flush",
            arguments: ["<reset_value>", "<instance_count>", "<instance_numbers>", "<param_count>", "<symbol_value_pairs>"],
            optional: 1, isVariadic: true, summary: "params_flush for several plugins",
            example: "multi_params_flush 0 1 0 1 gain 2.5"
        ) { session, words in
            let (meant, rest) = try nodes(session, words[1], words.dropFirst(2))
            guard let count = rest.first else { throw RemoteFailure(.assignmentInvalidOperation, "few arguments") }
            for node in meant { try session.flush(node, count: try whole(count), Array(rest.dropFirst())) }
            return .status(0)
        },
    ]

    private static func addSeveral(_ session: HostSession, _ words: [String], isActive: Bool) throws -> RemoteReply {
        let count = try whole(words[0])
        guard count > 0, words.count == 1 + 2 * count else {
            throw RemoteFailure(.assignmentInvalidOperation, "\(words[0]) plugins need as many URIs and numbers")
        }
        for i in 0..<count {
            try session.add(PluginSetup(uri: words[1 + 2 * i]), as: try instance(words[2 + 2 * i]), isActive: isActive)
        }
        return .status(0)
    }

    private static func nodes(
        _ session: HostSession, _ countWord: String, _ words: ArraySlice<String>
    ) throws -> (nodes: [GraphNode], rest: ArraySlice<String>) {
        let count = try whole(countWord)
        guard count > 0, count <= words.count else {
            throw RemoteFailure(.assignmentInvalidOperation, "\(countWord) plugins need as many numbers")
        }
        return (try words.prefix(count).map { try session.node(try instance($0)) }, words.dropFirst(count))
    }

    // MARK: What belongs to MOD's devices

    static let foreignCommands: [RemoteCommand] = [
        unavailable(
            "cc_map",
            ["<instance_number>", "<param_symbol>", "<device_id>", "<actuator_id>", "<label>", "<value>", "<minimum>", "<maximum>",
                "<steps>", "<extraflags>", "<unit>", "<scalepoints_count>", "<scalepoints...>"], isVariadic: true,
            "a Control Chain actuator for a control: there is no Control Chain here",
            "cc_map 0 gain 0 1 Gain 0.0 -24.0 3.0 33 0 dB 0", .controlChainUnavailable),
        unavailable(
            "cc_unmap", ["<instance_number>", "<param_symbol>"], "the end of cc_map", "cc_unmap 0 gain", .controlChainUnavailable),
        unavailable(
            "cc_value_set", ["<instance_number>", "<param_symbol>", "<value>"], "a mapped actuator's value",
            "cc_value_set 0 gain 2.5", .controlChainUnavailable),
        unavailable(
            "hmi_map",
            ["<instance_number>", "<param_symbol>", "<hw_id>", "<page>", "<subpage>", "<caps>", "<flags>", "<label>", "<minimum>",
                "<maximum>", "<steps>"], "a device's own knob for a control: not here",
            "hmi_map 0 gain 0 0 0 0 0 Gain 0 1 33", .deviceUnavailable),
        unavailable("hmi_unmap", ["<instance_number>", "<param_symbol>"], "the end of hmi_map", "hmi_unmap 0 gain", .deviceUnavailable),
        unavailable(
            "show_external_ui", ["<instance_number>"], "a plugin's window: there are none here", "show_external_ui 0",
            .windowUnavailable),
    ]

    private static func unavailable(
        _ name: String, _ arguments: [String], isVariadic: Bool = false, _ summary: String, _ example: String,
        _ status: RemoteStatus
    ) -> RemoteCommand {
        RemoteCommand(
            name: name, arguments: arguments, optional: isVariadic ? 1 : 0, isVariadic: isVariadic, summary: summary,
            example: example, isQuestion: true
        ) { session, words in
            if arguments.first == "<instance_number>" { _ = try session.node(try instance(words[0])) }
            throw RemoteFailure(status, summary)
        }
    }

    // MARK: What mod-host lacks

    static let ownCommands: [RemoteCommand] = [
        RemoteCommand(
            name: "list", arguments: [], summary: "the plugins that run, as JSON: number, name, URI", example: "list",
            isQuestion: true
        ) { session, _ in
            .status(
                0,
                json(session.plugins.map { plugin in
                    [
                        "instance": plugin.number, "name": plugin.node.name, "uri": plugin.node.description.uri,
                        "title": plugin.node.description.name, "bypassed": plugin.node.isBypassed,
                        "active": !plugin.node.isInactive, "muted": plugin.node.isMuted,
                        "preset": plugin.node.setup.preset ?? "",
                    ] as [String: Any]
                }))
        },
        RemoteCommand(
            name: "presets", arguments: ["<instance_number>"], summary: "a plugin's presets, as JSON: URI, name, bank",
            example: "presets 0", isQuestion: true
        ) { session, words in
            let node = try session.node(try instance(words[0]))
            return .status(
                0,
                json(session.world.describePresets(node.instance.lilvPlugin).map {
                    ["uri": $0.uri, "label": $0.label, "bank": $0.bank ?? ""]
                }))
        },
        RemoteCommand(
            name: "controls", arguments: ["<instance_number>"],
            summary: "a plugin's controls, as JSON: symbol, value, range, unit", example: "controls 0", isQuestion: true
        ) { session, words in
            let node = try session.node(try instance(words[0]))
            let controls = node.description.ports.filter { $0.kind == .control }.map { port -> [String: Any] in
                var entry: [String: Any] = [
                    "symbol": port.symbol, "name": port.name, "input": port.isInput,
                    "value": finite(ch_load_float(node.instance.values + port.index)),
                ]
                if let low = port.minimum { entry["minimum"] = finite(low) }
                if let high = port.maximum { entry["maximum"] = finite(high) }
                if let unit = port.unit { entry["unit"] = unit }
                return entry
            }
            return .status(0, json(controls))
        },
        RemoteCommand(
            name: "loads", arguments: [], summary: "what each plugin costs, as JSON: mean and worst share of a period in percent",
            example: "loads", isQuestion: true
        ) { session, _ in
            let period = Double(session.graph.settings.maximumBlock) / session.graph.settings.sampleRate
            return .status(
                0,
                json(session.plugins.map { plugin in
                    let load = plugin.node.load
                    return [
                        "instance": plugin.number, "name": plugin.node.name,
                        "mean": load.runs > 0 ? rounded(load.seconds / Double(load.runs) / period * 100) : 0,
                        "worst": rounded(load.worstSeconds / period * 100),
                    ] as [String: Any]
                }))
        },
        RemoteCommand(name: "xruns", arguments: [], summary: "JACK's xruns so far", example: "xruns", isQuestion: true) {
            session, _ in .status(0, "\(session.jack?.xruns ?? 0)")
        },
        RemoteCommand(
            name: "latency", arguments: [], summary: "frames from the inputs to the outputs", example: "latency", isQuestion: true
        ) { session, _ in .status(0, "\(session.graph.latency)") },
        RemoteCommand(
            name: "graph", arguments: [], summary: "the whole graph, as JSON: plugins, ports, connections, mappings",
            example: "graph", isQuestion: true
        ) { session, _ in
            let graph = session.graph
            func ends(_ ends: [GraphEnd]) -> [[String: Any]] {
                ends.map { ["name": $0.name, "kind": $0.kind.rawValue, "partners": $0.partners.map(\.pattern)] }
            }
            func ports(_ node: GraphNode) -> [[String: Any]] {
                node.description.ports.filter { $0.kind == .audio || $0.kind == .cv || $0.takesMIDI }.map {
                    ["symbol": $0.symbol, "kind": $0.takesMIDI ? "midi" : $0.kind.rawValue, "input": $0.isInput]
                }
            }
            return .status(
                0,
                json([
                    "rate": graph.settings.sampleRate, "block": graph.settings.maximumBlock, "latency": graph.latency,
                    "plugins": session.plugins.map {
                        [
                            "instance": $0.number, "name": $0.node.name, "uri": $0.node.description.uri,
                            "latency": $0.node.latency, "ports": ports($0.node),
                        ] as [String: Any]
                    },
                    "absent": graph.absent.map { ["name": $0.name, "uri": $0.setup.uri, "cause": "\($0.cause)"] },
                    "inputs": ends(graph.inputs), "outputs": ends(graph.outputs),
                    "connections": session.connections().map {
                        ["from": $0.from, "to": $0.to, "gain": finite($0.gain)] as [String: Any]
                    },
                    "mappings": graph.mappings.map {
                        ["control": $0.description.control, "controller": HostSession.controllerNumber($0.description.source)]
                            as [String: Any]
                    },
                ]))
        },
        RemoteCommand(
            name: "undo", arguments: [], summary: "brings back the plugin that was removed last", example: "undo"
        ) { session, _ in .status(try session.undo()) },
        RemoteCommand(
            name: "revive", arguments: ["<instance_number>"],
            summary: "loads a plugin anew with its settings, for one that was muted", example: "revive 0"
        ) { session, words in
            let node = try session.node(try instance(words[0]))
            do { try session.graph.replace(node) { _ in } } catch { throw RemoteFailure(error, otherwise: .instantiation) }
            return .status(0)
        },
        RemoteCommand(
            name: "patch_load", arguments: ["<file_name>"],
            summary: "puts a patch in the place of what plays, without a click", example: "patch_load stage.toml"
        ) { session, words in
            try session.load(patchFile: words[0])
            return .status(0)
        },
        RemoteCommand(
            name: "patch_save", arguments: ["<file_name>", "[copy]"], optional: 1,
            summary: "saves what plays as a patch, with its plugins' states; copy: and with copies of the files that they use, to be taken elsewhere",
            example: "patch_save stage.toml", isQuestion: true
        ) { session, words in
            guard Patch.isPatch(words[0]) else { throw RemoteFailure(.invalidOperation, "a patch's name ends in .toml") }
            guard words.count < 2 || words[1] == "copy" else { throw RemoteFailure(.invalidOperation, "'\(words[1])': write copy, or nothing") }
            try session.save(patchFile: words[0], copiesFiles: words.count > 1)
            return .status(0)
        },
        RemoteCommand(
            name: "snapshot_save", arguments: ["<name>"], summary: "keeps all controls as they stand", example: "snapshot_save A"
        ) { session, words in
            guard session.snapshots.count < 1000 || session.snapshots[words[0]] != nil else {
                throw RemoteFailure(.memoryAllocation, "too many snapshots")
            }
            session.snapshots[words[0]] = HostSnapshot(session.graph)
            return .status(0)
        },
        RemoteCommand(
            name: "snapshot_load", arguments: ["<name>"], summary: "sets all controls as they stood", example: "snapshot_load A"
        ) { session, words in
            let snapshot = try session.snapshot(words[0])
            HostSnapshot.morph(snapshot, snapshot, 0, in: session.graph)
            return .status(0)
        },
        RemoteCommand(
            name: "snapshot_morph", arguments: ["<name>", "<name>", "<position>"],
            summary: "sets all controls between two snapshots, 0 to 1", example: "snapshot_morph A B 0.5"
        ) { session, words in
            let position = try real(words[2])
            guard (0...1).contains(position) else { throw RemoteFailure(.invalidOperation, "a position goes from 0 to 1") }
            HostSnapshot.morph(try session.snapshot(words[0]), try session.snapshot(words[1]), position, in: session.graph)
            return .status(0)
        },
        RemoteCommand(
            name: "midi_range", arguments: ["<instance_number>", "<channels>", "<lowest_key>", "<highest_key>", "<transpose>"],
            optional: 1, summary: "the MIDI that a plugin hears: channels 1 to 16 with commas, or 0 for all; keys; semitones",
            example: "midi_range 0 1,2 0 59 -12"
        ) { session, words in
            let node = try session.node(try instance(words[0]))
            var range = PluginSetup.MIDIRange()
            let channels = try words[1].split(separator: ",").map { try whole(String($0)) }
            guard channels == [0] || !channels.isEmpty && channels.allSatisfy({ (1...16).contains($0) }) else {
                throw RemoteFailure(.invalidOperation, "'\(words[1])' are no channels")
            }
            range.channels = channels == [0] ? nil : Set(channels)
            let low = try whole(words[2]), high = try whole(words[3])
            guard low >= 0, low <= high, high <= 127 else { throw RemoteFailure(.invalidOperation, "keys go from 0 to 127") }
            range.keys = low...high
            range.transpose = words.count > 4 ? try whole(words[4]) : 0
            guard (-127...127).contains(range.transpose) else { throw RemoteFailure(.invalidOperation, "that is too far") }
            node.setFilter(range)
            return .status(0)
        },
    ]

    /// One line.
    static func json(_ value: Any) -> String {
        let data = try? JSONSerialization.data(withJSONObject: value, options: [.sortedKeys, .withoutEscapingSlashes])
        return data.map { String(decoding: $0, as: UTF8.self) } ?? "{}"
    }

    private static func finite(_ value: Float) -> Any { value.isFinite ? Double(String(value)) ?? 0 : NSNull() }
    private static func rounded(_ value: Double) -> Double { (value * 1000).rounded() / 1000 }
}

// MARK: What commands share

extension HostSession {
    func control(_ node: GraphNode, _ symbol: String) throws -> PortDescription {
        guard let port = node.description.ports.first(where: { $0.kind == .control && $0.symbol == symbol }) else {
            throw RemoteFailure(.invalidSymbol, "\(node.description.name) has no control '\(symbol)'")
        }
        return port
    }

    func inputControl(_ node: GraphNode, _ symbol: String) throws -> PortDescription {
        let port = try control(node, symbol)
        if !port.isInput { throw RemoteFailure(.invalidSymbol, "\(symbol) is an output") }
        return port
    }

    func parameter(_ node: GraphNode, _ name: String) throws -> ParameterDescription {
        guard let found = node.description.parameters.first(where: { $0.uri == name || $0.symbol == name }) else {
            throw RemoteFailure(.invalidSymbol, "\(node.description.name) has no parameter '\(name)'")
        }
        return found
    }

    /// - Parameter text: a number, or the name of a scale point.
    func setControl(_ node: GraphNode, _ symbol: String, _ text: String) throws {
        if symbol == ":bypass" { return node.setBypass(try RemoteCommand.real(text) > 0.5) }
        let port = try inputControl(node, symbol)
        var value: Float
        if let point = port.scalePoints.first(where: { $0.label.lowercased() == text.lowercased() }) {
            value = point.value
        } else {
            value = try RemoteCommand.real(text)
        }
        let scale = port.isInSampleRates ? Float(graph.settings.sampleRate) : 1
        if let low = port.minimum { value = max(value, low * scale) }
        if let high = port.maximum { value = min(value, high * scale) }
        ch_store_float(node.instance.values + port.index, value)
    }

    func flush(_ node: GraphNode, count: Int, _ words: [String]) throws {
        guard count >= 0, words.count == 2 * count else {
            throw RemoteFailure(.assignmentInvalidOperation, "\(count) controls need as many symbols and values")
        }
        for i in 0..<count { try setControl(node, words[2 * i], words[2 * i + 1]) }
    }

    func mapping(
        _ node: GraphNode, _ symbol: String, _ source: MIDIMapping.Source, low: Float, high: Float
    ) throws -> MIDIMapping {
        if symbol != ":bypass" { _ = try inputControl(node, symbol) }
        var mapping = MIDIMapping(control: "\(node.name)\(symbol == ":bypass" ? symbol : ":" + symbol)", source: source)
        if symbol != ":bypass" {
            (mapping.low, mapping.high) = (low, high)
            mapping.curve = .linear
        }
        return mapping
    }

    func tellPrograms(_ channel: String, _ enable: String) throws -> RemoteReply {
        let channel = try RemoteCommand.channel(channel)
        if try RemoteCommand.flag(enable) { toldPrograms.insert(channel) } else { toldPrograms.remove(channel) }
        return .status(0)
    }

    func setMetre(beatsPerBar: Float?, tempo: Float?) throws {
        if let tempo, !(1...1000).contains(tempo) { throw RemoteFailure(.invalidOperation, "a tempo goes from 1 to 1000") }
        if let beatsPerBar, !(1...64).contains(beatsPerBar) { throw RemoteFailure(.invalidOperation, "a bar has 1 to 64 beats") }
        if let tempo { ch_store_float(&graph.process.pointee.tempo, tempo) }
        if let beatsPerBar { ch_store_float(&graph.process.pointee.beatsPerBar, beatsPerBar) }
        keepTransport { transport in
            if let tempo { transport.tempo = tempo }
            if let beatsPerBar { transport.beatsPerBar = beatsPerBar }
        }
        jack?.metreHasChanged()
    }

    /// - Throws: `RemoteFailure` if another client is the timebase master: then there is nothing to be led.
    func followMIDI(_ isFollowed: Bool) throws {
        if isFollowed {
            guard jack?.setTimebaseMaster(true) ?? true else {
                throw RemoteFailure(.invalidOperation, "another client is JACK's timebase master")
            }
            do { try graph.offerMIDI() } catch { throw RemoteFailure(error, otherwise: .memoryAllocation) }
        }
        ch_store(&graph.process.pointee.clock.mode, isFollowed ? ProcessClock.begins : ProcessClock.off)
        keepTransport { $0.followsMIDI = isFollowed }
    }
}
