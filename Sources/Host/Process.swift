import CHost

/// Everything the process thread touches, and nothing else: plain values and pointers, so that no reference is ever counted.
/// Set-up (`Graph`, `JackHost`, `Renderer`) fills it in and frees it; `ProcessBlock.swift` and `JackProcess.swift` run it.
/// Apart from the fields under "between threads", only the process thread reads or writes it while it runs.
struct Process {
    /// What runs, and in which order; exchanged by `takePlan` alone while the process runs.
    var plan: UnsafeMutablePointer<ProcessPlan>
    /// Frames since the plan was taken: the clock of its fades.
    var planPosition: UInt64 = 0
    /// A quarter of a sine in `fadeSteps` steps: the gain of what fades in; read backwards, of what fades out.
    var fadeCurve: UnsafeMutablePointer<Float>
    /// 1: fades have constant amplitude; 0: constant power. Between threads.
    var fadesEvenly: Int32 = 0
    static let fadeSteps = 1024
    /// Whether faulty plugins are muted and bypassed: live, not when rendering.
    var guardsPlugins = false
    /// Blocks in a row that a plugin may take too long; 0: for ever.
    var overrunLimit: Int32 = 0
    /// +40 dBFS.
    static let runawayLevel: Float = 100
    /// −90 dBFS: what is below counts as silence.
    static let quietLevel: Float = 3.2e-5
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

    /// By channel: which parameter data entry goes to.
    var dataEntry: UnsafeMutablePointer<ProcessDataEntry>
    var clock: ProcessClock

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

    /// How loud the outputs are while they come to rest, or come back, 0 to 1.
    var loudness: Float = 1
    // JACK, when it runs us
    var jack: OpaquePointer?

    // Between threads (through ch_load and ch_store)
    /// Frames in which a bypass takes hold.
    var bypassFrames: Int32 = 0
    /// Frames that a bypassed plugin may go on sounding; 0: it fades at once.
    var tailFrames: Int32 = 0
    /// `ProcessGate`: the way to stop the process thread for a moment.
    var gate: Int32 = 0
    /// 1 once `limit` has been reached.
    var isFinished: Int32 = 0
    /// 1 while JACK freewheels.
    var freewheelRequest: Int32 = 0
    /// A plan to be taken at the beginning of the next period, or nil.
    var pendingPlan: UnsafeMutableRawPointer?
    /// The serial number of the plan that was taken last …
    var takenPlan: Int32 = 0
    /// … and of the last one whose fades are over.
    var settledPlan: Int32 = 0
    /// Odd while the process thread is in a period: it counts on at the beginning and the end of each.
    var callback: Int32 = 0
    /// The `ProcessNode` that runs, or nil.
    var running: UnsafeMutableRawPointer?
    /// Counts the changes of plugins' latencies.
    var latencyChanges: Int32 = 0
    /// 1: it plays silence, and the plugins rest.
    var isResting: Int32 = 0
    /// 1: the next controller that moves is told of (`ProcessEvent.learned`), 2: the next key as well; and 0 again.
    var isLearning: Int32 = 0
    /// Bit c: controllers of channel c (from 0) are told of (`ProcessEvent.message`); program changes always are.
    var toldChannels: Int32 = 0
}

/// The graph, made ready for the process thread: nothing in it is looked up or sorted there. Made and freed by `GraphPlan`; what
/// it points to beyond itself (nodes, buffers of the graph's ends, delay lines) goes on from plan to plan.
struct ProcessPlan {
    /// Plans are counted from 1.
    var serial: Int32
    /// The nodes in an order in which each comes after all that it hears.
    var steps: UnsafeMutablePointer<ProcessStep>
    var stepCount: Int
    var inputs: UnsafeMutablePointer<ProcessInput>
    var inputCount: Int
    var outputs: UnsafeMutablePointer<ProcessOutput>
    var outputCount: Int
    /// What MIDI moves; each goes on from plan to plan.
    var mappings: UnsafeMutablePointer<UnsafeMutablePointer<ProcessMapping>>
    var mappingCount: Int
    var cvTaps: UnsafeMutablePointer<ProcessCVTap>
    var cvTapCount: Int
    var levelTaps: UnsafeMutablePointer<ProcessLevelTap>
    var levelTapCount: Int
    /// Frames from the plan's first until its fades begin: what is new fills its delay lines and warms up meanwhile.
    var fadeWait: UInt64
    /// Frames that its fades take; 0: what is new is there at once.
    var fadeLength: UInt64
}

/// One node's turn.
struct ProcessStep {
    var node: UnsafeMutablePointer<ProcessNode>
    /// One for each audio and CV input.
    var mixes: UnsafeMutablePointer<ProcessMix>
    var mixCount: Int
    /// One for each atom input that anything comes to.
    var merges: UnsafeMutablePointer<ProcessMerge>
    var mergeCount: Int
    /// What stands in for the outputs while the plugin is bypassed, one for each audio output.
    var bypasses: UnsafeMutablePointer<ProcessBypass>
    var bypassCount: Int
}

/// `destination` = the sum of what its arcs bring, or `rest`.
struct ProcessMix {
    var destination: UnsafeMutablePointer<Float>
    var arcs: UnsafeMutablePointer<ProcessArc>
    var arcCount: Int
    /// What it holds while nothing comes to it.
    var rest: Float = 0
    /// And no CV.
    var isAudio = true
    /// A `lv2:connectionOptional` port gets NULL while nothing is connected to it.
    var optional: UnsafeMutablePointer<ProcessOptionalPort>?
}

/// How an arc's gain moves during its plan's fades.
enum ProcessFade {
    /// `entering` rises four times as fast: what it brings fades in by its own input.
    case steady, rising, entering, falling
}

/// One way of audio or CV.
struct ProcessArc {
    var source: UnsafeMutablePointer<Float>
    var gain: Float
    var fade: ProcessFade
    /// Fades evenly: what takes its place brings the same sound, only later or louder, so that amplitudes add up and not powers.
    var isEven: Bool
    var delay: UnsafeMutablePointer<ProcessDelay>?
    /// Which of the plan's inputs it comes from, or −1.
    var input: Int
}

/// A ring of `length` samples: what goes in comes out `length` frames later.
struct ProcessDelay {
    var line: UnsafeMutablePointer<Float>
    var length: Int
    var at = 0
}

struct ProcessOptionalPort {
    var plugin: ch_plugin
    var port: UInt32
    var buffer: UnsafeMutablePointer<Float>
    var isConnected = false
}

/// The events that go to `destination`, in order of time, over what stands in it already.
struct ProcessMerge {
    var destination: UnsafeMutablePointer<LV2_Atom_Sequence>
    /// Bytes in all.
    var capacity: UInt32
    var arcs: UnsafeMutablePointer<ProcessEventArc>
    var arcCount: Int
    /// The destination's channels and keys, or nil.
    var filter: UnsafePointer<ch_midi_filter>?
}

/// One way of events.
struct ProcessEventArc {
    var source: UnsafeMutablePointer<LV2_Atom_Sequence>
    var fade: ProcessFade
    var delay: UnsafeMutablePointer<ProcessEventDelay>?
    /// Events of every type, and not MIDI alone.
    var takesAll: Bool
    /// The next event to take, within one block.
    var cursor: UnsafePointer<LV2_Atom_Event>?
}

/// Events that wait for their time.
struct ProcessEventDelay {
    /// `DelayedEvent`, then the bytes
    var waiting: UnsafeMutablePointer<ch_ring>
    /// Those that are due in this block.
    var due: UnsafeMutablePointer<LV2_Atom_Sequence>
    var capacity: UInt32
    var frames: UInt64
}

struct DelayedEvent {
    /// When it is due, in frames since the start.
    var time: UInt64
    var type: UInt32
    var size: UInt32
}

/// `destination` = `source`, as late as the plugin would have been; silence without a source.
struct ProcessBypass {
    var source: UnsafeMutablePointer<Float>?
    var destination: UnsafeMutablePointer<Float>
    var delay: UnsafeMutablePointer<ProcessDelay>?
    /// Where the delayed source stands.
    var dry: UnsafeMutablePointer<Float>?
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
    /// `UnsafeMutablePointer<ProcessNode>`, then an atom with its header
    static let atom: UInt32 = 1
}

/// Message types of `Process.events` (and `ch_log_message`).
enum ProcessEvent {
    /// `MIDIEventHeader`, then the bytes
    static let midi: UInt32 = 1
    /// `UInt32` node, `UInt32` port, then an atom with its header
    static let atom: UInt32 = 2
    /// `ControlEvent`: a control output that changed
    static let control: UInt32 = 3
    /// `MappedEvent`: a control that MIDI moved
    static let mapped: UInt32 = 4
    /// `LearnedEvent`
    static let learned: UInt32 = 5
    /// Four bytes: a MIDI message that somebody asked to be told of
    static let message: UInt32 = 6
    /// `UInt32` node, `ProcessFault`
    static let fault: UInt32 = 7
}

/// What a plugin can do wrong that the host does something about.
enum ProcessFault {
    /// Its output is no number or infinite: it is muted.
    static let notANumber: Int32 = 1
    /// Its output is louder than anything meant to be heard: it is muted.
    static let runaway: Int32 = 2
    /// It took longer than a block lasts, too often in a row: it is bypassed.
    static let overrun: Int32 = 3
    /// It left events that are none, or more than there is room for: these are lost. Told once.
    static let badEvents: Int32 = 4
}

/// A control that a CV signal moves.
struct ProcessCVMapping {
    /// Which of the graph's mappings.
    var id: UInt32
    var node: UnsafeMutablePointer<ProcessNode>
    /// The control's index.
    var port: Int
    /// The signal's range …
    var sourceLow: Float
    var sourceHigh: Float
    /// … and what its ends mean.
    var low: Float
    var high: Float
    var isToggled: Bool
    var isWhole: Bool
    /// What it was last set to.
    var value = Float.nan
}

/// Where a CV mapping reads, in one plan.
struct ProcessCVTap {
    var mapping: UnsafeMutablePointer<ProcessCVMapping>
    var source: UnsafeMutablePointer<Float>
    /// Which of the plan's inputs it is, or −1.
    var input: Int
}

/// Whose level is watched, in one plan.
struct ProcessLevelTap {
    var source: UnsafeMutablePointer<Float>
    /// The highest magnitude since somebody looked; between threads.
    var peak: UnsafeMutablePointer<Float>
}

struct MappedEvent {
    /// Which of the graph's mappings.
    var mapping: UInt32
    var value: Float
}

struct LearnedEvent {
    var source: ProcessMapping.Source
    /// From 0.
    var channel: UInt8
    var number: UInt16
}

/// One control that MIDI moves.
struct ProcessMapping {
    enum Source: UInt8 { case controller, nrpn, rpn, bend, pressure, note, keyPressure }
    /// As a number: any key.
    static let anyKey: UInt16 = 128
    enum Curve: UInt8 { case linear, logarithmic, power }

    var id: UInt32
    var source: Source
    /// From 0; 255: all.
    var channel: UInt8
    var number: UInt16
    var node: UnsafeMutablePointer<ProcessNode>
    /// The control's index; −1: the host's bypass.
    var port: Int
    var low: Float
    var high: Float
    var curve: Curve
    /// Of a power.
    var exponent: Float
    var isWhole: Bool
    /// Moves nothing until the controller has passed the control's present value.
    var takesOver: Bool
    var isCaught = false
    /// The controller's last position, 0 to 1, or −1.
    var position: Float = -1
}

struct ProcessDataEntry {
    /// Of the registered parameter that is selected, and of the non-registered one.
    var registered: UInt16 = ProcessDataEntry.none
    var nonRegistered: UInt16 = 0
    /// `.rpn` or `.nrpn`: which of them was selected last.
    var source = ProcessMapping.Source.rpn
    var coarse: UInt8 = 0
    /// The registered parameter that is none: data entry moves nothing then.
    static let none: UInt16 = 0x3FFF
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

/// One plugin instance, with buffers of its own for all its ports: they are connected once, and stay as plans come and go.
struct ProcessNode {
    /// Which of the graph's nodes this is: never used twice.
    var id: UInt32
    /// As `ch_suspect` has it.
    var suspect: UnsafeMutablePointer<CChar>
    var plugin: ch_plugin
    var worker: UnsafeMutablePointer<ch_worker>?
    /// Control values by port index.
    var values: UnsafeMutablePointer<Float>
    var atomInputs: UnsafeMutablePointer<ProcessAtomInput>
    var atomInputCount = 0
    var atomOutputs: UnsafeMutablePointer<ProcessAtomOutput>
    var atomOutputCount = 0
    /// Which of `atomInputs` takes the host's messages, or −1.
    var controlInput = -1
    /// Which of `atomInputs` and `atomOutputs` carry the main MIDI, or −1.
    var midiInput = -1
    var midiOutput = -1
    var controlMeters: UnsafeMutablePointer<ProcessControlMeter>
    var controlMeterCount = 0
    var latencyValue: UnsafeMutablePointer<Float>?
    var freewheelValue: UnsafeMutablePointer<Float>?
    var tempoValue: UnsafeMutablePointer<Float>?
    /// Whether it stands in the present plan.
    var isPlanned = false
    /// 0: the plugin plays; 1: it is bypassed; between: a fade.
    var bypassed: Float = 0
    /// While it is bypassed: it hears nothing more, and its own sound dies away beside what goes by it.
    var keepsTail = false
    /// Frames left for that, and how loud it is (it fades when they are used up).
    var tailLeft: Int32 = 0
    var tailGain: Float = 1
    /// How much of what goes by it is heard, 0 to 1; that changes as late as the plugin is.
    var passing: Float = 0
    var passingWait: Int32 = 0
    var wasWanted = false
    /// Blocks in a row that took longer than they last.
    var overruns: Int32 = 0
    /// Whether it has been told that its events are bad.
    var toldEvents = false

    // Between threads (through ch_load and ch_store)
    /// Frames, as the plugin last told.
    var latency: Int32 = 0
    /// 1: to be bypassed by the host (a plugin that has `lv2:enabled` does it itself).
    var bypassRequest: Int32 = 0
    /// `ProcessFault`, or 0: it is muted for one until somebody takes that back.
    var fault: Int32 = 0
    /// 1: `quietFrames` is wanted.
    var watchesQuiet: Int32 = 0
    /// Frames for which its audio has been silent by now.
    var quietFrames: Int32 = 0
    /// Time in the plugin: all of it, and the longest run.
    var busyNanoseconds: UInt64 = 0
    var worstNanoseconds: UInt64 = 0
    var runs: UInt64 = 0
}

struct ProcessAtomInput {
    var sequence: UnsafeMutablePointer<LV2_Atom_Sequence>
    /// Bytes in all.
    var capacity: UInt32
    var takesPosition: Bool
    var takesMIDI: Bool
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
    /// Which of the graph's audio inputs this is, or −1.
    var channel = -1
    /// What an unconnected input holds.
    var rest: Float = 0
    /// Whether anything is connected to it from outside.
    var isConnected = false
    /// `jack_port_t`, its buffer in this period, and the next MIDI event to take from it.
    var jack: OpaquePointer?
    var jackBuffer: UnsafeMutableRawPointer?
    var jackIndex: UInt32 = 0
}

/// One way out of the graph.
struct ProcessOutput {
    var kind: ProcessInput.Kind
    /// Audio and CV: what is mixed into `mix.destination`.
    var mix: ProcessMix?
    /// MIDI: what is merged into `merge.destination`.
    var merge: ProcessMerge?
    /// Which of the graph's audio outputs this is, or −1.
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
