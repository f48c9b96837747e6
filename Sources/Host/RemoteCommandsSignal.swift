import CHost
import Foundation

extension RemoteCommand {
    /// Fades, the timebase, CV and levels.
    static let signalCommands: [RemoteCommand] = [
        RemoteCommand(
            name: "fade", arguments: ["<milliseconds>", "<curve>"], optional: 2,
            summary: "how long changes fade, 0 to 60000, and how: power (for sounds that differ) or linear (for those that are alike); alone: "
                + "how long now, and linear if it is", example: "fade 50 power"
        ) { session, words in
            let graph = session.graph
            guard let word = words.first else {
                return .status(0, String(format: "%g", graph.fadeSeconds * 1000) + (graph.fadesEvenly ? " linear" : ""))
            }
            let time = try time(word, 0...60000, "a fade takes 0 to 60000 ms")
            if words.count > 1 {
                guard words[1] == "power" || words[1] == "linear" else {
                    throw RemoteFailure(.invalidOperation, "'\(words[1])' is neither power nor linear")
                }
                graph.fadesEvenly = words[1] == "linear"
            }
            graph.fadeSeconds = time / 1000
            return .status(0)
        },
        RemoteCommand(
            name: "tail", arguments: ["<seconds>"], optional: 1,
            summary: "how long a plugin that was replaced, removed or bypassed may go on sounding, 0 to 3600; alone: how long now",
            example: "tail 4"
        ) { session, words in
            guard let word = words.first else { return .status(0, String(format: "%g", session.graph.tailSeconds)) }
            session.graph.tailSeconds = try time(word, 0...3600, "a tail lasts 0 to 3600 s")
            return .status(0)
        },
        RemoteCommand(
            name: "timebase", arguments: ["<enable>"],
            summary: "is JACK's timebase master (1), whose tempo all clients follow, or leaves that (0)", example: "timebase 1"
        ) { session, words in
            let isMaster = try flag(words[0])
            guard session.jack?.setTimebaseMaster(isMaster) ?? true else {
                throw RemoteFailure(.invalidOperation, "another client is JACK's timebase master")
            }
            session.keepTransport { $0.isMaster = isMaster }
            return .status(0)
        },
        RemoteCommand(
            name: "ports", arguments: ["<which>"],
            summary: "has JACK know all ports of all plugins (all), or those alone that are connected with others (ends)",
            example: "ports all"
        ) { session, words in
            guard words[0] == "all" || words[0] == "ends" else {
                throw RemoteFailure(.invalidOperation, "'\(words[0])' is neither all nor ends")
            }
            session.graph.offersPorts = words[0] == "all"
            return .status(0)
        },
        RemoteCommand(
            name: "cv_map",
            arguments: ["<instance_number>", "<param_symbol>", "<source_port_name>", "<minimum>", "<maximum>", "<operational-mode>"],
            summary: "has a CV port move a control; mode: - below 0, + above 0, b both, = as the port says",
            example: "cv_map 0 gain \"AMS CV Source:CV Out 1\" -24.0 3.0 ="
        ) { session, words in
            let node = try session.node(try instance(words[0]))
            guard ["=", "-", "+", "b"].contains(words[5]) else {
                throw RemoteFailure(.invalidOperation, "'\(words[5])' is no mode: it is one of -, +, b and =")
            }
            let (source, known) = try session.cvSource(words[2])
            let port = try session.inputControl(node, words[1])
            var mapping = CVMapping(control: "\(node.name):\(port.symbol)", source: source)
            (mapping.low, mapping.high) = (try real(words[3]), try real(words[4]))
            (mapping.sourceLow, mapping.sourceHigh) = cvRange(known, mode: words[5])
            do { try session.graph.mapCV(mapping) } catch { throw RemoteFailure(error, otherwise: .portRegister) }
            session.graph.changed()
            return .status(0)
        },
        RemoteCommand(
            name: "cv_unmap", arguments: ["<instance_number>", "<param_symbol>"], summary: "the end of cv_map",
            example: "cv_unmap 0 gain"
        ) { session, words in
            let node = try session.node(try instance(words[0]))
            let port = try session.control(node, words[1])
            // As in mod-host, one that is not mapped is no failure.
            if session.graph.unmapCV(node, port: port.index) { session.graph.changed() }
            return .status(0)
        },
        RemoteCommand(
            name: "monitor_audio_levels", arguments: ["<source_port_name>", "<enable>"],
            summary: "has the level of a port told on the feedback port; those are ended in the reverse order",
            example: "monitor_audio_levels system:capture_1 1", isQuestion: true
        ) { session, words in
            let graph = session.graph
            let name = session.resolved(words[0])
            if try flag(words[1]) {
                if graph.levels.contains(where: { $0.name == name }) { return .status(0) }
                guard graph.levels.count < 256 else { throw RemoteFailure(.memoryAllocation, "too many levels are watched") }
                do { _ = try graph.watchLevel(of: name) } catch { throw RemoteFailure(error, otherwise: .portRegister) }
            } else {
                guard graph.levels.last?.name == name else {
                    throw RemoteFailure(.invalidOperation, "'\(words[0])' is not the one that was begun last")
                }
                graph.unwatchLastLevel()
            }
            graph.changed()
            return .status(0)
        },
    ]

    private static func time(_ word: String, _ range: ClosedRange<Float>, _ cause: String) throws -> Double {
        let time = try real(word)
        guard range.contains(time) else { throw RemoteFailure(.invalidOperation, cause) }
        return Double(time)
    }

    /// The part of a signal that moves a control: what the source says of its range, by mod-host's modes.
    private static func cvRange(_ known: ClosedRange<Float>?, mode: String) -> (Float, Float) {
        let range = known ?? CVMapping.usualRange
        let span = known.map { $0.upperBound - $0.lowerBound }
        switch mode {
        case "-": return (-(span ?? 1), 0)
        case "+": return (0, span ?? 1)
        case "b":
            guard let span else { return (-1, 1) }
            return range.lowerBound < 0 && range.upperBound > 0 ? (range.lowerBound, range.upperBound) : (-span / 2, span / 2)
        default: return (range.lowerBound, range.upperBound)
        }
    }
}

extension HostSession {
    /// A signal's source by the graph's names, and its range if that is known.
    fileprivate func cvSource(_ word: String) throws -> (String, ClosedRange<Float>?) {
        let name = resolved(word)
        do {
            switch try graph.place(name, isSource: true) {
            case .ports(_, let ports):
                guard ports.count == 1, let low = ports[0].minimum, let high = ports[0].maximum, low < high else { return (name, nil) }
                return (name, low...high)
            case .end: return (name, nil)
            case .outside:
                if let jack, !jack.ports.exists(name) { throw RemoteFailure(.valueOutOfRange, "there is no port '\(name)'") }
                return (name, jack?.ports.range(of: name))
            }
        } catch let error as HostError { throw RemoteFailure(.valueOutOfRange, "\(error)") }
    }

    /// The levels that are watched: the highest since they were last told; silence once.
    func tellLevels() {
        for (i, level) in graph.levels.enumerated() {
            let peak = ch_load_float(level.peak)
            if peak == 0 && !level.wasHeard { continue }
            level.wasHeard = peak > 0
            ch_store_float(level.peak, 0)
            feedback.tell(.level, "audio_monitor \(i)", String(format: "%f", peak))
        }
    }

    /// The transport, when it has changed.
    func tellTransport() {
        guard let jack else { return }
        let now = jack.transport
        let process = graph.process
        let told = (
            now.rolling, now.has_tempo ? now.beats_per_bar : ch_load_float(&process.pointee.beatsPerBar),
            now.has_tempo ? now.beats_per_minute : ch_load_float(&process.pointee.tempo)
        )
        // A transport that stands tells its tempo when it is asked to.
        let isLed = ch_load(&process.pointee.clock.mode) != ProcessClock.off && !now.rolling
        if isLed && abs(now.beats_per_minute - ch_load_float(&process.pointee.tempo)) > 0.005 { jack.metreHasChanged() }
        if let before = toldTransport, before == told { return }
        let isFirst = toldTransport == nil
        toldTransport = told
        if !isFirst { feedback.tell(.transport, "transport", String(format: "%i %f %f", told.0 ? 1 : 0, told.1, told.2)) }
    }
}
