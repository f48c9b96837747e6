import CHost
import Foundation

/// Runs a graph on files, without JACK: as fast as it goes, and the same bits every time.
public struct Renderer {
    public struct Options: Sendable {
        /// Plays into the audio inputs.
        public var input: SoundFile?
        /// MIDI that plays into the MIDI input, in frames, sorted by time.
        public var inputMIDI: [TimedMIDI] = []
        /// Takes the audio outputs.
        public var output: String?
        /// Seconds to render; nil: the input and the tail.
        public var seconds: Double?
        /// Seconds after the input's end.
        public var tail = 1.0
        /// Goes on after that until the output has been silent for 0.3 s, for so many seconds at most; nil: does not.
        public var settles: Double?
        /// Blocks of 0 frames to the graph's longest, drawn from this seed, and not all of one length.
        public var randomBlocks: UInt64?
        /// Beats a minute of the transport, which rolls from the start.
        public var tempo: Float = 120
        public var beatsPerBar: Float = 4
        public var beatUnit: Float = 4
        /// Leaves out as many frames at the output's beginning as the graph says it is late.
        public var trimsLatency = false

        public init() {}
    }

    /// What came of it.
    public struct Result: Sendable {
        public var report: Report
        /// The MIDI at the graph's outputs.
        public var midi: [TimedMIDI]
        /// Changes of the graph's control outputs.
        public var controls: [TimedControl]
    }

    /// The settings that a graph must be made with to be rendered.
    public static func settings(sampleRate: Double, block: Int, hasRandomBlocks: Bool = false) -> ProcessSettings {
        ProcessSettings(
            sampleRate: sampleRate, minimumBlock: hasRandomBlocks ? 0 : 1, maximumBlock: block, nominalBlock: block,
            hasFixedBlock: false, isOffline: true)
    }

    /// Renders the graph. It must be fresh: rendered once only.
    ///
    /// - Parameter progress: called now and then with the share of the work that is done, 0 to 1.
    /// - Throws: `HostError` if files do not fit the graph or cannot be written.
    public static func render(
        _ graph: Graph, _ options: Options, progress: ((Double) -> Void)? = nil
    ) throws -> Result {
        let settings = graph.settings
        let process = graph.process
        let input = options.input?.mapped(to: graph.audioInputCount) ?? []
        if let file = options.input {
            guard graph.audioInputCount > 0 else { throw HostError.usage("these plugins take no audio input") }
            guard Double(file.sampleRate) == settings.sampleRate else {
                throw HostError.usage("the input has \(file.sampleRate) Hz, the graph runs at \(Int(settings.sampleRate)) Hz")
            }
        }
        let inputFrames = input.first?.count ?? 0
        let asked = options.seconds ?? (Double(inputFrames) / settings.sampleRate + options.tail)
        var frames = Int((asked * settings.sampleRate).rounded())
        // Frames that must be quiet, after those asked for, before it ends.
        let settling = options.settles == nil ? 0 : Int(0.3 * settings.sampleRate)
        let most = frames + Int(((options.settles ?? 0) * settings.sampleRate).rounded())
        process.pointee.limit = UInt64(most)

        graph.activate()
        defer { graph.deactivate() }
        let denormals = cr_flush_denormals()
        defer { cr_restore_denormals(denormals) }

        var skip = 0
        if options.trimsLatency {
            skip = graph.askLatency()
            frames += skip
            process.pointee.limit += UInt64(skip)
        }
        let last = Int(process.pointee.limit)
        var recorder: Recorder?
        if let path = options.output {
            guard graph.audioOutputCount > 0 else { throw HostError.usage("these plugins have no audio output") }
            recorder = try Recorder(
                path: path, channelCount: graph.audioOutputCount, sampleRate: settings.sampleRate,
                maximumBlock: settings.maximumBlock, seconds: 0, skip: skip)
            process.pointee.recorder = recorder!.ring
        }
        defer { process.pointee.recorder = nil }
        let events = GraphEvents()
        events.collectsMIDI = true
        process.pointee.tapsControls = true
        var random = SplitMix64(state: options.randomBlocks ?? 0)
        var nextMIDI = options.inputMIDI.startIndex
        let began = ch_now()

        var position = 0, silent = 0
        while position < frames || position < last && silent < settling {
            var block = min(settings.maximumBlock, (position < frames ? frames : last) - position)
            if options.randomBlocks != nil { block = min(block, Int(random.next() % UInt64(settings.maximumBlock + 1))) }
            fillInputs(graph, input, position, block, options.inputMIDI, &nextMIDI)
            process.pointee.transport = ch_transport_at(
                Int64(position), true, settings.sampleRate, options.tempo, options.beatsPerBar, options.beatUnit)
            processBlock(process, UInt32(block))
            recorder?.drain()
            events.drain(graph)
            graph.advance()
            position += block
            if options.settles != nil { silent = isSilent(process, block) ? silent + block : 0 }
            progress?(min(1, Double(position) / Double(max(1, frames))))
        }
        try recorder?.finish()

        var report = graph.report(events)
        let elapsed = Double(ch_now() - began) / 1e9
        if elapsed > 0 { report.speed = report.seconds / elapsed }
        return Result(report: report, midi: events.midi, controls: events.controls)
    }

    /// Whether no output was louder than −90 dBFS.
    private static func isSilent(_ process: UnsafeMutablePointer<Process>, _ frames: Int) -> Bool {
        let plan = process.pointee.plan
        for i in 0..<plan.pointee.outputCount {
            let output = plan.pointee.outputs + i
            guard output.pointee.channel >= 0, let buffer = output.pointee.mix?.destination else { continue }
            for frame in 0..<frames where !(abs(buffer[frame]) < 3.2e-5) { return false }
        }
        return true
    }

    private static func fillInputs(
        _ graph: Graph, _ audio: [[Float]], _ position: Int, _ block: Int, _ midi: [TimedMIDI], _ nextMIDI: inout Int
    ) {
        let process = graph.process
        var tookMIDI = false
        let plan = process.pointee.plan
        for i in 0..<plan.pointee.inputCount {
            let input = plan.pointee.inputs + i
            if let buffer = input.pointee.buffer, input.pointee.channel >= 0 {
                let source = audio.isEmpty ? [] : audio[input.pointee.channel]
                let available = max(0, min(block, source.count - position))
                source.withUnsafeBufferPointer { source in
                    if available > 0 { buffer.update(from: source.baseAddress! + position, count: available) }
                }
                for frame in available..<max(block, available) { buffer[frame] = 0 }
            } else if let sequence = input.pointee.sequence {
                ch_sequence_clear(sequence, process.pointee.urids)
                if tookMIDI { continue }
                tookMIDI = true
                while nextMIDI < midi.endIndex, midi[nextMIDI].time < position + block {
                    let event = midi[nextMIDI]
                    if !ch_sequence_append(
                        sequence, input.pointee.capacity, Int64(max(event.time - position, 0)),
                        process.pointee.urids.pointee.midi_event, UInt32(event.bytes.count), event.bytes)
                    {
                        process.pointee.meter.lostEvents += 1
                    }
                    nextMIDI += 1
                }
            }
        }
    }
}

/// A small generator of the same numbers from the same seed (Steele, Lea, Flood 2014).
struct SplitMix64 {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
