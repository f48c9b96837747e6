import CDDSPSynth
import CRealtime
import Realtime

// The C interface; see CDDSPSynth.h for what each function promises.

/// What a `continuo_synth` is: one of the two engines.
private final class Synth {
    let instrument: InstrumentCore?
    let transfer: TransferCore?
    // Without their reference counts, which the audio thread must not touch.
    let audioInstrument: Unmanaged<InstrumentCore>?
    let audioTransfer: Unmanaged<TransferCore>?

    init(_ instrument: InstrumentCore?, _ transfer: TransferCore?) {
        self.instrument = instrument
        self.transfer = transfer
        audioInstrument = instrument.map { Unmanaged.passUnretained($0) }
        audioTransfer = transfer.map { Unmanaged.passUnretained($0) }
    }

    var files: FileLoader {
        if let instrument { return instrument.loader }
        return transfer!.loader
    }
}

private func synth(_ handle: OpaquePointer) -> Unmanaged<Synth> { .fromOpaque(UnsafeRawPointer(handle)) }

@c(continuo_synth_make)
public func continuoSynthMake(
    _ isTransfer: Bool, _ sampleRate: Double, _ block: UInt32, _ longestBlock: UInt32, _ bundle: UnsafePointer<CChar>?,
    _ report: continuo_synth_report?, _ context: UnsafeMutableRawPointer?
) -> OpaquePointer? {
    // A rate that is no number would trap further on. Looked at before there is an object: Embedded Swift may leave the memory
    // of one whose `init` fails.
    guard sampleRate >= 8000, sampleRate <= 768_000 else { return nil }
    let bundle = bundle.map { String(cString: $0) }
    if isTransfer {
        guard
            let core = TransferCore(
                sampleRate: sampleRate, block: Int(block), longestBlock: Int(longestBlock), bundle: bundle, report: report,
                context: context)
        else { return nil }
        return OpaquePointer(Unmanaged.passRetained(Synth(nil, core)).toOpaque())
    }
    guard
        let core = InstrumentCore(
            sampleRate: sampleRate, block: Int(block), longestBlock: Int(longestBlock), bundle: bundle, report: report,
            context: context)
    else { return nil }
    return OpaquePointer(Unmanaged.passRetained(Synth(core, nil)).toOpaque())
}

@c(continuo_synth_free)
public func continuoSynthFree(_ handle: OpaquePointer) {
    let object = synth(handle).takeUnretainedValue()
    object.instrument?.close()
    object.transfer?.close()
    synth(handle).release()
}

@c(continuo_synth_activate)
public func continuoSynthActivate(_ handle: OpaquePointer) {
    let object = synth(handle).takeUnretainedValue()
    object.instrument?.activate()
    object.transfer?.activate()
}

#if hasFeature(Embedded)
@_noLocks @_noAllocation
#endif
@c(continuo_synth_process)
public func continuoSynthProcess(_ handle: OpaquePointer, _ io: UnsafeMutablePointer<continuo_synth_io>) {
    if let core = Unmanaged<Synth>.fromOpaque(UnsafeRawPointer(handle))._withUnsafeGuaranteedRef({ $0.audioInstrument }) {
        core._withUnsafeGuaranteedRef { $0.process(io) }
    } else if let core = Unmanaged<Synth>.fromOpaque(UnsafeRawPointer(handle))._withUnsafeGuaranteedRef({ $0.audioTransfer }) {
        core._withUnsafeGuaranteedRef { $0.process(io) }
    }
}

#if hasFeature(Embedded)
@_noLocks @_noAllocation
#endif
@c(continuo_synth_request_file)
public func continuoSynthRequestFile(_ handle: OpaquePointer, _ path: UnsafePointer<CChar>, _ length: UInt32) -> Bool {
    let bytes = UnsafeRawPointer(path).assumingMemoryBound(to: UInt8.self)
    if let core = Unmanaged<Synth>.fromOpaque(UnsafeRawPointer(handle))._withUnsafeGuaranteedRef({ $0.audioInstrument }) {
        return core._withUnsafeGuaranteedRef { $0.requestFile(bytes, Int(length)) }
    } else if let core = Unmanaged<Synth>.fromOpaque(UnsafeRawPointer(handle))._withUnsafeGuaranteedRef({ $0.audioTransfer }) {
        return core._withUnsafeGuaranteedRef { $0.requestFile(bytes, Int(length)) }
    }
    return false
}

@c(continuo_synth_set_file)
public func continuoSynthSetFile(_ handle: OpaquePointer, _ path: UnsafePointer<CChar>) {
    synth(handle).takeUnretainedValue().files.set(file: String(cString: path))
}

#if hasFeature(Embedded)
@_noLocks @_noAllocation
#endif
@c(continuo_synth_model_file_audio)
public func continuoSynthModelFileAudio(_ handle: OpaquePointer, _ path: UnsafeMutablePointer<CChar>) -> UInt32 {
    let place = UnsafeMutableRawPointer(path)
    if let core = Unmanaged<Synth>.fromOpaque(UnsafeRawPointer(handle))._withUnsafeGuaranteedRef({ $0.audioInstrument }) {
        return core._withUnsafeGuaranteedRef { $0.copyFile(place) }
    } else if let core = Unmanaged<Synth>.fromOpaque(UnsafeRawPointer(handle))._withUnsafeGuaranteedRef({ $0.audioTransfer }) {
        return core._withUnsafeGuaranteedRef { $0.copyFile(place) }
    }
    return 0
}

@c(continuo_synth_model_file)
public func continuoSynthModelFile(_ handle: OpaquePointer, _ path: UnsafeMutablePointer<CChar>) -> UInt32 {
    let file = synth(handle).takeUnretainedValue().files.currentFile
    var count = 0
    for byte in file.utf8 where count < Int(CONTINUO_SYNTH_PATH_CAPACITY) - 1 {
        path[count] = CChar(bitPattern: byte)
        count += 1
    }
    path[count] = 0
    return UInt32(count)
}
