import Foundation
import Media
import Testing

@Suite struct CSVWriterTests {
    @Test func lines() throws {
        let folder = ScratchFolder()
        let path = folder.path + "/out.csv"
        let writer = try CSVWriter(path: path)
        try writer.write(PitchPoint(time: 0, frequency: 440, confidence: 0.5, level: -20))
        try writer.write(PitchPoint(time: 12.34, frequency: 31.7, confidence: 0.0000004, level: -20))
        try writer.write(PitchPoint(time: 0.0095, frequency: 0, confidence: 1, level: -20))
        try writer.finish()
        #expect(
            String(decoding: bytes(of: path), as: UTF8.self) == """
                time,frequency,confidence
                0.000,440.000,0.500000
                12.340,31.700,0.000000
                0.010,0.000,1.000000

                """)
    }

    @Test func finerTimesForOddHops() throws {
        let folder = ScratchFolder()
        let writer = try CSVWriter(path: folder.path + "/out.csv", hop: 0.0025)
        try writer.write(PitchPoint(time: 0.0025, frequency: 100, confidence: 1, level: 0))
        try writer.finish()
        #expect(String(decoding: bytes(of: folder.path + "/out.csv"), as: UTF8.self).hasSuffix("\n0.002500,100.000,1.000000\n"))
    }

    @Test func errors() {
        // Devices are written to, not replaced; and a full one is said.
        #expect(throws: MediaError.file(path: "/dev/full", action: "write", cause: "No space left on device")) {
            try CSVWriter(path: "/dev/full").finish()
        }
        #expect(throws: MediaError.file(path: "/no/where.csv", action: "write", cause: "No such file or directory")) {
            try CSVWriter(path: "/no/where.csv")
        }
    }

    /// An earlier file stays as it is until the new one is whole.
    @Test func replacesInOneStep() throws {
        let folder = ScratchFolder()
        let path = folder.path + "/out.csv"
        try Data("old".utf8).write(to: URL(fileURLWithPath: path))
        let writer = try CSVWriter(path: path)
        for index in 0..<5000 {
            try writer.write(PitchPoint(time: Double(index) / 100, frequency: 440, confidence: 1, level: 0))
        }
        #expect(bytes(of: path).count == 3)
        try writer.finish()
        #expect(bytes(of: path).filter { $0 == UInt8(ascii: "\n") }.count == 5001)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["out.csv"])
    }
}
