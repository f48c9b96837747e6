import CHost

/// Everything the process thread touches, and nothing else: plain values and pointers, so that no reference is ever counted.
/// Set-up (`Chain`, `JackHost`, `Renderer`) fills it in and frees it; `ProcessBlock.swift` and `JackProcess.swift` run it.
/// Apart from the fields under "between threads", only the process thread reads or writes it while it runs.
struct Process {
    // The graph, in the order in which it runs
    var nodes: UnsafeMutablePointer<ProcessNode>
    var nodeCount = 0
    var inputs: UnsafeMutablePointer<ProcessInput>
    var inputCount = 0
    var outputs: UnsafeMutablePointer<ProcessOutput>
    var outputCount = 0
    var urids: UnsafePointer<ch_urids>
    var forge: UnsafePointer<LV2_Atom_Forge>
    var sampleRate = 0.0
    var maximumBlock: UInt32 = 0

    // Where we are
    /// Frames run since the start.
    var position: UInt64 = 0
    /// Where recording and counting end, or UInt64.max.
    var limit = UInt64.max
    var isFreewheeling = false
    var transport = ch_transport()
    /// The transport as it should be at the next block if nobody moves it.
    var expected = ch_transport()
    var hasSentPosition = false
    /// For a transport that has no tempo of its own; 0: it stays without.
    var tempo: Float = 0
    var beatsPerBar: Float = 4
    var beatUnit: Float = 4

    // A file that plays into the audio inputs, one pointer an input, at the process's rate
    var player: UnsafeMutablePointer<UnsafeMutablePointer<Float>>?
    var playerChannels = 0
    var playerFrames: UInt64 = 0

    // Messages
    /// Set-up thread → process (`ProcessCommand`).
    var commands: UnsafeMutablePointer<ch_ring>
    /// Process → set-up thread (`ProcessEvent`).
    var events: UnsafeMutablePointer<ch_ring>
    /// Process → disk thread: blocks of the audio outputs (`RecordMessage`), or nil.
    var recorder: UnsafeMutablePointer<ch_ring>?
    /// Whether changes of control outputs are sent as events.
    var tapsControls = false
    var recordGap: UInt64 = 0
    /// Room for one message's body.
    var scratch: UnsafeMutablePointer<UInt8>
    var scratchCapacity: UInt32 = 0
    /// Posted when the set-up thread has something to look at before its next turn.
    var wake: OpaquePointer

    // What is counted
    var meter = ProcessMeter()

    // JACK, when it runs us
    var jack: OpaquePointer?

    // Between threads (through ch_load and ch_store)
    /// `ProcessGate`: the way to stop the process thread for a moment.
    var gate: Int32 = 0
    /// 1 once `limit` has been reached.
    var isFinished: Int32 = 0
    /// 1 while JACK freewheels.
    var freewheelRequest: Int32 = 0
    /// Frames of latency from the chain's input to its output.
    var latency: Int32 = 0
}

/// The states of `Process.gate`.
enum ProcessGate {
    static let open: Int32 = 0
    /// The set-up thread asks for a pause …
    static let closing: Int32 = 1
    /// … and the process thread has seen it: it plays silence and touches no plugin.
    static let closed: Int32 = 2
}

/// Message types of `Process.commands`.
enum ProcessCommand {
    /// `ControlCommand`
    static let control: UInt32 = 1
    /// `UInt32` node, `UInt32` 0, then an atom with its header
    static let atom: UInt32 = 2
}

struct ControlCommand {
    var node: UInt32
    var port: UInt32
    var value: Float
}

/// Message types of `Process.events` (and `ch_log_message`).
enum ProcessEvent {
    /// `MIDIEventHeader`, then the bytes
    static let midi: UInt32 = 1
    /// `UInt32` node, `UInt32` port, then an atom with its header
    static let atom: UInt32 = 2
    /// `ControlEvent`: a control output that changed
    static let control: UInt32 = 3
}

struct ControlEvent {
    /// Frames since the start, at the end of the block that changed it.
    var time: UInt64
    var node: UInt32
    /// Which of the node's `controlMeters`.
    var meter: UInt32
    var value: Float
}

struct MIDIEventHeader {
    /// Frames since the start.
    var time: UInt64
    /// Which of the process's outputs.
    var output: UInt32
    var size: UInt32
}

/// Message types of `Process.recorder`.
enum RecordMessage {
    /// Planar floats of all audio outputs, the same number of frames each
    static let audio: UInt32 = 1
    /// `UInt64`: that many frames found no room
    static let gap: UInt32 = 2
}

/// One plugin instance.
struct ProcessNode {
    var plugin: ch_plugin
    var worker: UnsafeMutablePointer<ch_worker>?
    /// Control values by port index.
    var values: UnsafeMutablePointer<Float>
    /// Audio inputs that take the mean of several sources.
    var mixes: UnsafeMutablePointer<ProcessMix>
    var mixCount = 0
    var atomInputs: UnsafeMutablePointer<ProcessAtomInput>
    var atomInputCount = 0
    var atomOutputs: UnsafeMutablePointer<ProcessAtomOutput>
    var atomOutputCount = 0
    /// Which of `atomInputs` takes the host's messages, or −1.
    var controlInput = -1
    var controlMeters: UnsafeMutablePointer<ProcessControlMeter>
    var controlMeterCount = 0
    var latencyValue: UnsafeMutablePointer<Float>?
    var freewheelValue: UnsafeMutablePointer<Float>?
    var tempoValue: UnsafeMutablePointer<Float>?
}

/// `destination` = the mean of `sources`.
struct ProcessMix {
    var destination: UnsafeMutablePointer<Float>
    var sources: UnsafeMutablePointer<UnsafeMutablePointer<Float>>
    var count: Int
}

struct ProcessAtomInput {
    var sequence: UnsafeMutablePointer<LV2_Atom_Sequence>
    /// Bytes in all.
    var capacity: UInt32
    /// Where its MIDI comes from, or nil.
    var midi: UnsafeMutablePointer<LV2_Atom_Sequence>?
    var takesPosition: Bool
}

struct ProcessAtomOutput {
    var sequence: UnsafeMutablePointer<LV2_Atom_Sequence>
    var capacity: UInt32
    var port: UInt32
    /// May carry patch messages.
    var notifies: Bool
}

/// What a control output has shown, looked at once a block.
struct ProcessControlMeter {
    var value: UnsafeMutablePointer<Float>
    var port: UInt32
    var minimum = Float.infinity
    var maximum = -Float.infinity
    /// What was last sent as an event.
    var sent = Float.nan
}

/// One way into the graph: a JACK port, or a channel of a file.
struct ProcessInput {
    enum Kind { case audio, cv, midi }
    var kind: Kind
    /// Audio and CV.
    var buffer: UnsafeMutablePointer<Float>?
    /// MIDI.
    var sequence: UnsafeMutablePointer<LV2_Atom_Sequence>?
    var capacity: UInt32 = 0
    /// Which of the chain's audio inputs this is, or −1.
    var channel = -1
    /// What an unconnected CV input holds.
    var rest: Float = 0
    /// A `lv2:connectionOptional` port gets NULL while nothing is connected to it.
    var optionalNode = -1
    var optionalPort: UInt32 = 0
    var isOptionalConnected = false
    /// `jack_port_t`, its buffer in this period, and the next MIDI event to take from it.
    var jack: OpaquePointer?
    var jackBuffer: UnsafeMutableRawPointer?
    var jackIndex: UInt32 = 0
}

/// One way out of the graph.
struct ProcessOutput {
    var kind: ProcessInput.Kind
    var buffer: UnsafeMutablePointer<Float>?
    var sequence: UnsafeMutablePointer<LV2_Atom_Sequence>?
    /// Which of the chain's audio outputs this is, or −1.
    var channel = -1
    var jack: OpaquePointer?
    var jackBuffer: UnsafeMutableRawPointer?
}

/// What the process thread counts.
struct ProcessMeter {
    var peak: Float = 0
    var energy = 0.0
    /// Samples that `energy` sums, over all channels.
    var samples: UInt64 = 0
    /// Samples that are no number or infinite.
    var broken: UInt64 = 0
    var notes: UInt64 = 0
    var midiEvents: UInt64 = 0
    /// Events that found no room somewhere.
    var lostEvents: UInt64 = 0
    /// Frames that the recorder had no room for.
    var lostFrames: UInt64 = 0
    // Time in the callback, as a share of the period
    var periods: UInt64 = 0
    var busyNanoseconds: UInt64 = 0
    var worstLoad: Float = 0
    /// Periods by load, in steps of 0.5 %; the last bin holds all at 100 % or more.
    var loads: UnsafeMutablePointer<UInt64>?
    static let loadBins = 201
}
