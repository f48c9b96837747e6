import Foundation

/// A JACK server of our own, on the dummy driver, under a name that nobody else uses.
final class JackServer {
    let name: String
    let rate: Int
    private var process = Process()
    private let period: Int
    private var wasKilled = false

    /// - Throws: if jackd is not installed or does not come up within 20 s.
    init(rate: Int = 48000, period: Int = 128) throws {
        name = "continuo-test-\(UInt32.random(in: 0..<UInt32.max))"
        self.rate = rate
        self.period = period
        try start()
    }

    /// Starts it, or starts it again under the same name.
    func start() throws {
        process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["jackd", "-r", "-n", name, "-d", "dummy", "-r", "\(rate)", "-p", "\(period)"]
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        for _ in 0..<200 {
            if run("jack_lsp").status == 0 { return }
            Thread.sleep(forTimeInterval: 0.1)
        }
        stop()
        throw CocoaError(.executableLoad)
    }

    deinit {
        stop()
        // A killed server keeps its place in libjack's list, which has eight: only one of its own name takes it over.
        if wasKilled {
            wasKilled = false
            try? start()
            stop()
        }
    }

    func stop() {
        if process.isRunning {
            process.terminate()
            process.waitUntilExit()
            // With clients still connected jackd dies of SIGPIPE instead.
            wasKilled = process.terminationReason == .uncaughtSignal
        }
    }

    /// Without a chance to say goodbye.
    func kill() {
        if process.isRunning {
            Foundation.kill(process.processIdentifier, SIGKILL)
            process.waitUntilExit()
            wasKilled = true
        }
    }

    /// Runs a program that talks to this server.
    /// (Two clients that come at one moment can leave one waiting for jackd2 for ever: hence the limit.)
    func run(_ arguments: String...) -> Finished { Program(["timeout", "20"] + arguments, server: name).finish() }

    /// Starts the host under test.
    func host(_ arguments: String..., input: FileHandle? = nil) -> Program {
        Program([Program.continuo, "host"] + arguments, server: name, input: input)
    }
}

struct Finished {
    var status: Int32
    var output: String
    var errors: String
}

/// A program with its output caught.
final class Program {
    let process = Process()
    private let scratch = try! ScratchFolder()

    /// The program under test, beside the test bundle.
    static let continuo: String = {
        var folder = URL(fileURLWithPath: CommandLine.arguments[0]).standardizedFileURL.deletingLastPathComponent()
        if let exe = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe") {
            folder = URL(fileURLWithPath: exe).deletingLastPathComponent()
        }
        for candidate in [folder.path + "/continuo", FileManager.default.currentDirectoryPath + "/.build/release/continuo"]
        where FileManager.default.isExecutableFile(atPath: candidate) {
            return candidate
        }
        return "continuo"
    }()

    init(_ arguments: [String], server: String? = nil, input: FileHandle? = nil, environment more: [String: String] = [:]) {
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = arguments
        var environment = ProcessInfo.processInfo.environment
        if let server { environment["JACK_DEFAULT_SERVER"] = server }
        // What a host keeps of itself is its own.
        environment["XDG_STATE_HOME"] = scratch.path
        environment["XDG_CACHE_HOME"] = scratch.path
        process.environment = environment.merging(more) { _, new in new }
        if let input { process.standardInput = input }
        for name in ["out", "err"] { _ = FileManager.default.createFile(atPath: scratch.file(name), contents: nil) }
        process.standardOutput = FileHandle(forWritingAtPath: scratch.file("out"))
        process.standardError = FileHandle(forWritingAtPath: scratch.file("err"))
        try! process.run()
    }

    deinit { if process.isRunning { kill(process.processIdentifier, SIGKILL) } }

    var output: String { (try? String(contentsOfFile: scratch.file("out"), encoding: .utf8)) ?? "" }
    var errors: String { (try? String(contentsOfFile: scratch.file("err"), encoding: .utf8)) ?? "" }

    /// Waits for its end, at most `seconds` (a machine may stand still for a while); then it is killed, its status is −1, and where its
    /// threads were stands among its errors.
    func finish(within seconds: Double = 30) -> Finished {
        let end = Date().addingTimeInterval(seconds)
        while process.isRunning && Date() < end { Thread.sleep(forTimeInterval: 0.02) }
        var status: Int32 = -1
        var places = ""
        if process.isRunning {
            places = threads
            kill(process.processIdentifier, SIGKILL)
            process.waitUntilExit()
        } else {
            status = process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus
        }
        let output = (try? String(contentsOfFile: scratch.file("out"), encoding: .utf8)) ?? ""
        return Finished(status: status, output: output, errors: errors + places)
    }

    /// Where its threads are.
    private var threads: String {
        let tasks = "/proc/\(process.processIdentifier)/task"
        return ((try? FileManager.default.contentsOfDirectory(atPath: tasks)) ?? []).map { task in
            ["comm", "wchan", "syscall"].map { name in
                let text = FileManager.default.contents(atPath: "\(tasks)/\(task)/\(name)").map { String(decoding: $0, as: UTF8.self) }
                return text?.trimmingCharacters(in: .whitespacesAndNewlines) ?? "?"
            }.joined(separator: " ") + "\n"
        }.joined()
    }

    func signal(_ number: Int32) { kill(process.processIdentifier, number) }
}

/// Waits for something to become true, at most 20 s.
func eventually(_ condition: () -> Bool) -> Bool {
    for _ in 0..<400 {
        if condition() { return true }
        Thread.sleep(forTimeInterval: 0.05)
    }
    return false
}

/// Does again what a machine that stands still for a moment may have spoilt: nil if a try had nothing to say, else what each said.
func tried(_ times: Int = 4, _ body: () throws -> String?) rethrows -> String? {
    var said: [String] = []
    for _ in 0..<times {
        guard let wrong = try body() else { return nil }
        print("# try \(said.count + 1): \(wrong)")
        said.append(wrong)
    }
    return said.joined(separator: "; ")
}
