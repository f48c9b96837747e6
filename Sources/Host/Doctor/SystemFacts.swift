/// What there is to know of a machine before one plays on it.
public struct SystemFacts: Codable, Equatable, Sendable {
    public struct Processor: Codable, Equatable, Sendable {
        public var number: Int
        /// cpufreq's; nil: it cannot be set.
        public var governor: String?
        /// 1: a fast core of a machine with slow ones (or all are alike); below: a slow one.
        public var capacity: Double
        /// Share of the time in which it worked, 0 to 1.
        public var load: Double

        public init(number: Int, governor: String? = nil, capacity: Double = 1, load: Double = 0) {
            self.number = number
            self.governor = governor
            self.capacity = capacity
            self.load = load
        }
    }

    /// A program that works while we look, and how many cores' worth.
    public struct Worker: Codable, Equatable, Sendable {
        public var name: String
        public var process: Int
        public var load: Double

        public init(name: String, process: Int, load: Double) {
            self.name = name
            self.process = process
            self.load = load
        }
    }

    /// How late a thread that asks to be woken every millisecond is woken.
    public struct Wakeups: Codable, Equatable, Sendable {
        public var count: Int
        /// Microseconds.
        public var worst: Double
        /// Of a thousand the tenth worst, microseconds.
        public var percentile99: Double
        public var isRealtime: Bool

        public init(count: Int, worst: Double, percentile99: Double, isRealtime: Bool) {
            self.count = count
            self.worst = worst
            self.percentile99 = percentile99
            self.isRealtime = isRealtime
        }
    }

    public struct Jack: Codable, Equatable, Sendable {
        public var sampleRate: Int
        /// Frames a period.
        public var block: Int
        public var isRealtime: Bool
        /// Percent.
        public var load: Double
        /// The library that speaks to it.
        public var library: String

        public var isPipeWire: Bool { library.contains("pipewire") }
        public var milliseconds: Double { 1000 * Double(block) / Double(max(1, sampleRate)) }

        public init(sampleRate: Int, block: Int, isRealtime: Bool, load: Double, library: String) {
            self.sampleRate = sampleRate
            self.block = block
            self.isRealtime = isRealtime
            self.load = load
            self.library = library
        }
    }

    public var user = ""
    public var groups: [String] = []
    /// The highest real-time priority that this user may have; 0: none.
    public var priorityLimit = 0
    /// Whether a thread got one when it asked.
    public var getsPriority = false
    /// Bytes of memory that may be locked; nil: any number.
    public var lockedMemoryLimit: Int64?
    public var processors: [Processor] = []
    public var workers: [Worker] = []
    public var kernel = ""
    /// none, voluntary, full, realtime, as the kernel says.
    public var preemption: String?
    /// Microseconds of each second that real-time threads may have; nil: all.
    public var realtimeMicroseconds: Int?
    public var swappiness: Int?
    public var isVirtual = false
    public var wakeups: Wakeups?
    public var jack: Jack?
    /// Why there is no server to be asked.
    public var jackFailure: String?
    /// Plugins found, and which of Continuo's own are missing.
    public var pluginCount = 0
    public var missingPlugins: [String] = []

    public init() {}
}
