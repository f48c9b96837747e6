import ArgumentParser
import Foundation
import Host

/// The plugins and their settings: what `host` and `render` share.
struct ChainArguments: ParsableArguments {
    @Argument(help: "Plugins by URI, or patch files (.toml); several run in a row.")
    var plugins: [String] = []

    @Option(name: .long, help: "A preset's name or URI, or a saved state's path. With several plugins: N:PRESET.")
    var preset: [String] = []

    @Option(
        name: .customLong("control"),
        help: "SYMBOL=VALUE sets a control or parameter. With several plugins: N:SYMBOL=VALUE, N from 1.")
    var controls: [String] = []

    @Option(name: .customLong("set"), help: "The same as --control.")
    var parameters: [String] = []

    @Option(name: .long, help: "A sound file for the audio input.")
    var input: String?

    @Option(name: .customLong("record-midi"), help: "Takes the MIDI output to a Standard MIDI File.")
    var recordMIDI: String?

    @Option(
        name: .customLong("record-controls"),
        help: "Takes the control outputs to a CSV file: time, then a column an output, a row a change.")
    var recordControls: String?

    @Option(name: .long, help: "Seconds to run (otherwise the input's length and the tail).")
    var seconds: Double?

    @Option(name: .long, help: "Seconds after the input's end.")
    var tail = 1.0

    @Flag(name: .customLong("trim-latency"), help: "Leaves the latency out of the recording's beginning.")
    var trimsLatency = false

    @Option(name: .customLong("save-state"), help: "Saves the plugins' state to a folder at the end.")
    var saveState: String?

    @Option(name: .long, help: "Beats a minute of the transport (host: where JACK's has none; render: 120).")
    var tempo: Float?

    @Option(name: .long, help: "The metre, as in 4/4.")
    var meter = "4/4"

    @Flag(name: .long, help: "Prints the summary as JSON.")
    var json = false

    /// What is to run: plugins and patches in a row, or one patch with connections of its own.
    func patch() throws -> Patch {
        var whole = Patch(plugins: [])
        for plugin in plugins {
            if Patch.isPatch(plugin) {
                let patch = try Patch(reading: plugin)
                if plugins.count == 1 {
                    whole = patch
                } else if !patch.connections.isEmpty {
                    throw HostError.usage("\(plugin) has connections of its own: it stands alone, and not in a row with others")
                } else {
                    whole.plugins += patch.plugins
                    whole.transport = whole.transport ?? patch.transport
                }
            } else {
                whole.plugins.append(PluginSetup(uri: plugin))
            }
        }
        var setups = whole.plugins
        for preset in preset {
            let (index, name) = try target(preset, setups.count)
            setups[index].preset = name
        }
        for text in controls + parameters {
            let (index, assignment) = try target(text, setups.count)
            guard let equals = assignment.firstIndex(of: "="), equals != assignment.startIndex else {
                throw HostError.usage("'\(text)' sets nothing: write SYMBOL=VALUE")
            }
            setups[index].settings.append(
                .init(key: String(assignment[..<equals]), value: String(assignment[assignment.index(after: equals)...])))
        }
        whole.plugins = setups
        return whole
    }

    func validate() throws {
        if let seconds, !(seconds >= 0 && seconds < 1e6) { throw ValidationError("--seconds goes from 0 to 1000000") }
        guard tail >= 0 && tail < 1e6 else { throw ValidationError("--tail goes from 0 to 1000000") }
        if let tempo, !(tempo >= 1 && tempo <= 1000) { throw ValidationError("--tempo goes from 1 to 1000") }
    }

    /// Writes the MIDI where it is wanted, and prints the summary.
    func finish(_ report: Report, _ midi: [TimedMIDI], _ controls: [TimedControl]) throws {
        if let recordMIDI {
            try MIDIFiles.write(midi, sampleRate: report.sampleRate, name: "Continuo", to: recordMIDI)
        }
        if let recordControls {
            try ControlTable(controls, report: report).write(to: recordControls)
        }
        Console.print(json ? report.json : report.summary)
    }

    /// "2:gain" → (1, "gain"); without a number the first plugin is meant.
    private func target(_ text: String, _ count: Int) throws -> (Int, String) {
        guard let colon = text.firstIndex(of: ":"), let number = Int(text[..<colon]) else { return (0, text) }
        guard number >= 1 && number <= count else {
            throw HostError.usage("'\(text)': there are \(count) plugins, counted from 1")
        }
        return (number - 1, String(text[text.index(after: colon)...]))
    }

    func metre() throws -> (Float, Float) {
        let parts = meter.split(separator: "/").compactMap { Float($0) }
        guard parts.count == 2, parts[0] >= 1, parts[1] >= 1 else {
            throw HostError.usage("'\(meter)' is no metre: write it as in 4/4")
        }
        return (parts[0], parts[1])
    }
}

/// Runs a command's body; what was asked wrongly ends with the usage line and its exit code (64), all else with 1.
func reportingUsage(_ body: () throws -> Void) throws {
    do {
        try body()
    } catch HostError.usage(let cause) {
        throw ValidationError(cause)
    }
}
