import Media

/// `loop SECONDS OUT.wav IN…`: the recordings one after the other, again and again, at 48 kHz (mono): input for long runs.
func loopInput(_ arguments: [String]) {
    guard arguments.count >= 3, let seconds = Double(arguments[0]) else {
        print("usage: continuo-bench loop SECONDS OUT.wav IN…")
        return
    }
    do {
        var samples: [Float] = []
        for path in arguments.dropFirst(2) {
            let reader = try AudioReader(path: path)
            try reader.forEachMonoBlock { samples += $0 }
        }
        let writer = try WAVWriter(path: arguments[1], sampleRate: 44_100, channelCount: 1, encoding: .pcm16)
        var left = Int(seconds * 44_100)
        while left > 0 {
            let piece = min(left, samples.count)
            try writer.write(Array(samples[0..<piece]))
            left -= piece
        }
        try writer.close()
    } catch {
        print(error)
    }
}
