import ArgumentParser
import Foundation
import Host
import ModelStore

/// `continuo audition …`: plays through presets and patches.
struct AuditionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audition", abstract: "Plays through presets and patches, and judges each.",
        discussion: """
            Each is played with a phrase that suits it: notes for what plays them, a tune in the fitting range for what
            listens, a mix for the bass; --input and --input-midi bring your own. A line each says how loud it is, and
            whether it is silent, clips, or gives what is no number; if one is not fit, the command ends with status 1.

            Heard on JACK, at system:playback_* unless --connect names others. Keys: space or n the next, p the one
            before, r once more, q the end.

            Examples:
              continuo audition                                     everything of Continuo's
              continuo audition synth --search strings              some presets of one plugin
              continuo audition patches                             the patches that come with it
              continuo audition stage.toml second-half.toml         your own
              continuo audition http://drobilla.net/plugins/mda/Piano -o heard
              continuo audition transfer --input voice.wav -o heard
              continuo audition --check --json                      only judges
            """)

    @Argument(help: ArgumentHelp("Plugins (pitch, synth, transfer, bass, or a URI), patch files, or 'patches'.", valueName: "what"))
    var what: [String] = []

    @Option(name: .shortAndLong, help: ArgumentHelp("Write each to a WAV file in this folder instead of playing it.", valueName: "folder"))
    var output: String?

    @Flag(help: "Only judge: play and write nothing.")
    var check = false

    @Option(help: "Words that must all stand in a preset's name, bank or comment, or in a patch's name or comment.")
    var search: String?

    @Flag(help: "Your own presets only.")
    var own = false

    @Option(help: ArgumentHelp("A recording for all that listens.", valueName: "file"))
    var input: String?

    @Option(name: .customLong("input-midi"), help: ArgumentHelp("A Standard MIDI File for all that plays notes.", valueName: "file"))
    var inputMIDI: String?

    @Option(help: ArgumentHelp("At most so long, each.", valueName: "s"))
    var seconds: Double?

    @Option(help: ArgumentHelp("Sample rate of files (JACK has its own).", valueName: "Hz"))
    var rate = 48000

    @Option(name: .customLong("connect"), help: "OURS=THEIRS, as in 'out=system:playback_*'.")
    var connections: [String] = []

    @Option(help: "The JACK client's name.")
    var name = "continuo-audition"

    @Option(help: "The JACK server's name.")
    var server: String?

    @Flag(help: "Prints JSON at the end, and no lines.")
    var json = false

    func validate() throws {
        guard (8000...384_000).contains(rate) else { throw ValidationError("--rate goes from 8000 to 384000") }
        if let seconds, !(seconds >= 0.5 && seconds <= 600) { throw ValidationError("--seconds goes from 0.5 to 600") }
        if check && output != nil { throw ValidationError("--check writes nothing, --output does: give one of them") }
    }

    func run() throws {
        try reportingUsage {
            let world = Instruments.world()
            let pieces = try self.pieces(world)
            guard !pieces.isEmpty else { throw CommandFailure("there is nothing of that kind\(search.map { " with '\($0)'" } ?? "")") }
            var player: JackPlayer?
            if output == nil && !check {
                let wanted = try (connections.isEmpty ? ["out=system:playback_*"] : connections).map { try ConnectionPattern($0) }
                player = try JackPlayer(name: name, server: server, connections: wanted) { Console.say("continuo: \($0)") }
            }
            let rate = player.map { Double($0.sampleRate) } ?? Double(self.rate)
            if let output { try FileManager.default.createDirectory(atPath: output, withIntermediateDirectories: true) }
            let audition = Audition(
                world: world, rate: rate, seconds: seconds, input: try input.map { try SoundFile(reading: $0) },
                inputMIDI: try inputMIDI.map { try MIDIFiles.read($0, sampleRate: rate) })
            let outcomes = try player.map { try listen(audition, pieces, $0) } ?? goThrough(audition, pieces)
            if json { Console.print(try Console.json(outcomes)) }
            let unfit = outcomes.count { !$0.faults.isEmpty }
            let missing = outcomes.count { $0.missing != nil }
            if !json && outcomes.count > 1 {
                Console.print(
                    "\(outcomes.count - unfit - missing) are fit, \(unfit) not"
                        + (missing > 0 ? "; \(missing) need plugins that are not installed" : ""))
            }
            if unfit > 0 { throw ExitCode.failure }
        }
    }

    // MARK: What

    private func pieces(_ world: World) throws -> [Audition.Piece] {
        let short = ["pitch": "urn:continuo:pitch", "synth": Instruments.synth, "transfer": Instruments.transfer, "bass": "urn:continuo:bass"]
        let store = PresetStore(world: world)
        var pieces: [Audition.Piece] = []
        let asked = what.isEmpty ? ["pitch", "urn:continuo:pitch:cv", "synth", "transfer", "bass", "patches"] : what
        for word in asked {
            if word == "patches" {
                guard !own else { continue }
                let found = FactoryPatches().all
                if found.isEmpty { Console.say("continuo: the patches that come with Continuo are not installed") }
                pieces += found.filter(matches).map { .patch($0) }
            } else if Patch.isPatch(word) {
                pieces.append(.patch(word))
            } else {
                let uri = short[word] ?? word
                // Of all that is ours some may be absent; what somebody names must be there.
                if what.isEmpty && (try? world.describe(uri)) == nil {
                    Console.say("continuo: \(uri) is not installed")
                    continue
                }
                pieces += try store.entries(plugin: uri, search: search).filter { $0.isOwn || !own }.map { .preset($0) }
            }
        }
        return pieces
    }

    private func matches(_ path: String) -> Bool {
        guard let search else { return true }
        guard let patch = try? Patch(reading: path) else { return true }
        let text = [patch.name ?? "", patch.comment ?? "", path].joined(separator: " ").lowercased()
        return search.lowercased().split(whereSeparator: \.isWhitespace).allSatisfy { text.contains($0) }
    }

    // MARK: One after the other

    private func goThrough(_ audition: Audition, _ pieces: [Audition.Piece]) throws -> [Audition.Outcome] {
        var taken: Set<String> = []
        return try pieces.enumerated().map { index, piece in
            let (outcome, sound) = try audition.play(piece)
            tell(outcome, index, pieces.count)
            if let output, let sound, !sound.channels.isEmpty {
                var file = slug(outcome.group) + "-" + slug(outcome.name)
                while !taken.insert(file).inserted { file += "-2" }
                try sound.write(to: "\(output)/\(file).wav")
            }
            return outcome
        }
    }

    private func listen(_ audition: Audition, _ pieces: [Audition.Piece], _ player: JackPlayer) throws -> [Audition.Outcome] {
        let keys = Keys()
        defer { keys.restore() }
        var outcomes: [Int: Audition.Outcome] = [:]
        var index = 0
        while index < pieces.count {
            let (outcome, sound) = try audition.play(pieces[index])
            outcomes[index] = outcome
            tell(outcome, index, pieces.count)
            guard let sound, !sound.channels.isEmpty else {
                index += 1
                continue
            }
            try player.play(sound)
            var step = 1
            listening: while player.isPlaying {
                switch keys.pressed() {
                case "n", " ", "\n": break listening
                case "p":
                    step = index > 0 ? -1 : 0
                    break listening
                case "r":
                    step = 0
                    break listening
                case "q":
                    player.stop()
                    while player.isPlaying { usleep(5000) }
                    return outcomes.sorted { $0.key < $1.key }.map(\.value)
                default: usleep(20_000)
                }
            }
            index += step
        }
        return outcomes.sorted { $0.key < $1.key }.map(\.value)
    }

    private func tell(_ outcome: Audition.Outcome, _ index: Int, _ count: Int) {
        if json { return }
        var line = "\(index + 1)/\(count)  \(outcome.name) (\(outcome.group))"
        if let missing = outcome.missing {
            line += ": passed over, \(missing) is not installed"
        } else if let verdict = outcome.verdict {
            if let level = verdict.level, let peak = verdict.peak { line += String(format: ": %.1f dBFS, peak %.1f dBFS", level, peak) }
            if let notes = outcome.notes { line += ", \(notes) notes" }
            if !verdict.isFit { line += "  NOT FIT: " + verdict.faults.joined(separator: "; ") }
        }
        Console.print(line)
    }

    /// A name as a file's: small letters, digits, dashes.
    private func slug(_ name: String) -> String {
        name.lowercased().split { !$0.isLetter && !$0.isNumber }.joined(separator: "-")
    }

    /// The terminal's keys, one by one; without a terminal nobody presses any.
    private final class Keys {
        private var found = termios()
        private let isTerminal = isatty(STDIN_FILENO) != 0

        init() {
            guard isTerminal else { return }
            tcgetattr(STDIN_FILENO, &found)
            var raw = found
            // Ctrl-C ends the program as ever.
            raw.c_lflag &= ~tcflag_t(ICANON | ECHO)
            raw.c_cc.6 = 0  // VMIN
            raw.c_cc.5 = 0  // VTIME
            tcsetattr(STDIN_FILENO, TCSANOW, &raw)
            Keys.current = found
            for number in [SIGINT, SIGTERM] {
                signal(number) { number in
                    // What it was like before; only calls that a signal may interrupt.
                    tcsetattr(STDIN_FILENO, TCSANOW, &Keys.current)
                    _exit(128 + number)
                }
            }
        }

        nonisolated(unsafe) private static var current = termios()

        func pressed() -> Character? {
            guard isTerminal else { return nil }
            var byte: UInt8 = 0
            return read(STDIN_FILENO, &byte, 1) == 1 ? Character(UnicodeScalar(byte)) : nil
        }

        func restore() { if isTerminal { tcsetattr(STDIN_FILENO, TCSANOW, &found) } }
    }
}
