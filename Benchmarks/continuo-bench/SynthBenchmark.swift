import CRealtime
import DDSPSynth
import Neural

/// continuo-bench synth [MODEL]: what the synthesizer's rendering costs, and with a model what its inference does, on one thread.
func benchmarkSynth(_ arguments: [String]) {
    if let path = arguments.first {
        for level in [0, 2, 3] where Kernels(atMost: level).level == level {
            do {
                try benchmarkInference(SynthModel(path: path, kernels: Kernels(atMost: level)))
            } catch {
                return print(error.message)
            }
        }
    }
    benchmarkPartials()
    for level in [0, 2, 3] where Kernels(atMost: level).level == level { benchmarkBank(Kernels(atMost: level)) }
    benchmarkRoom()
}

/// The room in blocks of 64, sounding and silent.
private func benchmarkRoom() {
    for rate in [48_000.0, 192_000] {
        let room = Room(sampleRate: rate)
        room.set(mix: 0.5, size: 0.6, decay: 2, damping: 0.4)
        room.reset()
        let input = (0..<64).map { Float($0 * 37 % 64) / 64 - 0.5 }
        var left = input, right = input
        var isOn = true
        func time(_ blocks: Int) -> Double {
            var total: UInt64 = 0
            for _ in 0..<blocks {
                for n in 0..<64 {
                    left[n] = isOn ? input[n] : 0
                    right[n] = left[n]
                }
                let start = cr_now()
                room.process(left: &left, right: &right, count: 64)
                total += cr_now() - start
            }
            return Double(total) / Double(blocks)
        }
        _ = time(100)
        let sounding = time(2000)
        isOn = false
        // Its tail dies.
        for _ in 0..<Int(rate * 6 / 64) { _ = time(1) }
        let silent = time(1000)
        let share = { (ns: Double) in Double(Int(ns / (64 / rate * 1e9) * 100_000)) / 1000 }
        print(
            "room, \(Int(rate)) Hz: \(Int(sounding)) ns a block of 64, \(share(sounding)) % of a core; "
                + "silent \(Int(silent)) ns, \(share(silent)) %")
    }
}

/// A frame of decoder and sound design, plain and with every control away from its rest; 250 of them make a second.
private func benchmarkInference(_ model: SynthModel) throws(ModelError) {
    for (voices, isDesigned) in [(1, false), (16, false), (16, true), (32, true)] {
        let slots = FrameSlots(capacity: 4)
        let engine = try SynthEngine(model: model, slots: slots, timeline: Timeline(sampleRate: 48_000))
        let frames = 500
        var times = [UInt64](repeating: .max, count: frames)
        for _ in 0..<6 {
            engine.reset()
            for frame in 0..<frames {
                let slot = slots.acquire(frame: frame, freewheeling: false)
                for voice in 0..<32 {
                    slots.controls(slot)[voice] = VoiceControl(
                        isActive: voice < voices, generation: 1, pitch: 40 + Float(voice), loudness: -25)
                }
                var settings = SoundSettings()
                settings.instrumentB = 1
                if isDesigned {
                    (settings.morph, settings.tilt, settings.oddEven, settings.stretch) = (0.5, 3, 0.2, 0.3)
                    (settings.formant, settings.noise, settings.noiseColour) = (5, 3, 2)
                    (settings.attackNoise, settings.brightness) = (6, 0.5)
                }
                slots.settings(slot).pointee = settings
                let start = cr_now()
                _ = engine.infer(frame: frame, settings: slot)
                times[frame] = min(times[frame], cr_now() - start)
                slots.release(slots.take(frame: frame, result: slot))
            }
        }
        let mean = Double(times.reduce(0, +)) / Double(frames)
        print(
            "inference, \(model.kernels.name), width \(model.width), state \(model.stateSize), \(voices) voices"
                + "\(isDesigned ? " with sound design" : ""): \(Int(mean / 1000)) µs a frame, "
                + "\(Double(Int(mean * 250 / 1e9 * 10_000)) / 100) % of a core")
    }
}

/// Voices of 100 sounding partials and noise, unison and tails apart, in blocks of 64 at 48 kHz.
private func benchmarkBank(_ kernels: Kernels) {
    let amplitudes = (1...128).map { $0 <= 100 ? 0.01 / Float($0) : 0 }
    let noise = [Float](repeating: 1e-5, count: 65)
    var left = [Float](repeating: 0, count: 64), right = left
    for (voices, unison, hiss) in [(0, 1, false), (1, 1, true), (16, 1, false), (16, 1, true), (32, 1, true), (16, 4, true)] {
        guard let bank = VoiceBank(sampleRate: 48_000, kernels: kernels) else { return }
        bank.set(unison: unison, detune: 12, spread: 0.5)
        let silence = [Float](repeating: 0, count: 65)
        // The best of some runs per block of the same place: what other processes take is not meant.
        let blocks = 750
        var times = [UInt64](repeating: .max, count: blocks)
        for _ in 0..<12 {
            bank.reset()
            for block in 0..<blocks {
                let start = cr_now()
                if block % 3 == 0 {
                    for voice in 0..<voices {
                        amplitudes.withUnsafeBufferPointer { a in
                            (hiss ? noise : silence).withUnsafeBufferPointer { n in
                                bank.take(
                                    voice: voice, generation: 1, onset: 0,
                                    frame: .init(
                                        pitch: 48 + Float(voice) / 10, amplitudes: a.baseAddress!, noise: n.baseAddress!),
                                    ramp: 192)
                            }
                        }
                    }
                }
                bank.render(left: &left, right: &right, count: 64)
                times[block] = min(times[block], cr_now() - start)
            }
        }
        let steady = times[3...]
        let mean = Double(steady.reduce(0, +)) / Double(steady.count)
        let budget = 64 / 48_000 * 1e9
        print(
            "bank, \(kernels.name), \(voices) voices × \(unison)\(hiss ? " with noise" : ""): "
                + "\(Int(mean)) ns a block, \(Int(mean) / max(1, voices)) a voice, "
                + "\(Double(Int(mean / budget * 10_000)) / 100) % of a core; worst block "
                + "\(Double(Int(Double(steady.max()!) / mean * 100)) / 100) × the mean, the first \(times[0]) ns")
    }
}

/// The kernel of sinusoids alone, at each instruction set.
private func benchmarkPartials() {
    for level in [0, 2, 3] where Kernels(atMost: level).level == level {
        let kernels = Kernels(atMost: level)
        let values = [Float](repeating: 0.1, count: 128), offsets = [UInt32](repeating: 0, count: 128)
        var work = [Float](repeating: 0, count: 512), output = [Float](repeating: 0, count: 32)
        var line = "partials, \(kernels.name), ns for 32 samples:"
        for count in [16, 32, 64, 112, 128] {
            var best = UInt64.max
            values.withUnsafeBufferPointer { values in
                for _ in 0..<20 {
                    let start = cr_now()
                    for _ in 0..<1000 {
                        kernels.renderPartials(
                            count: count, samples: 32, phase: 77, offsets: offsets, frequency0: 0.003, frequency1: 0.003,
                            ramp: .init(
                                amplitudeStart: values.baseAddress!, amplitudeEnd: values.baseAddress!, stretchStart: nil,
                                stretchEnd: values.baseAddress!, x0: 0.2, x1: 0.4), work: &work, output: &output)
                    }
                    best = min(best, cr_now() - start)
                }
            }
            line += "  \(count): \(best / 1000)"
        }
        print(line)
    }
}
