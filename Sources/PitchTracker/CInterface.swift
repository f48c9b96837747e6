import CPitchTracker
import CRealtime
import Realtime

// The C interface; see CPitchTracker.h for what each function promises.

private func core(_ tracker: OpaquePointer) -> Unmanaged<PitchTrackerCore> { .fromOpaque(UnsafeRawPointer(tracker)) }

@c(continuo_pitch_make)
public func continuoPitchMake(
    _ sampleRate: Double, _ block: UInt32, _ longestBlock: UInt32, _ bundle: UnsafePointer<CChar>?,
    _ report: continuo_report?, _ context: UnsafeMutableRawPointer?
) -> OpaquePointer? {
    // A rate that is no number would trap further on. Looked at before there is an object: Embedded Swift may leave the memory
    // of one whose `init` fails.
    guard sampleRate >= 1000, sampleRate <= 1_000_000,
        let made = PitchTrackerCore(
            sampleRate: sampleRate, block: Int(block), longestBlock: Int(longestBlock),
            bundle: bundle.map { String(cString: $0) }, report: report, context: context)
    else { return nil }
    return OpaquePointer(Unmanaged.passRetained(made).toOpaque())
}

@c(continuo_pitch_free)
public func continuoPitchFree(_ tracker: OpaquePointer) {
    core(tracker).takeUnretainedValue().close()
    core(tracker).release()
}

@c(continuo_pitch_activate)
public func continuoPitchActivate(_ tracker: OpaquePointer) {
    core(tracker).takeUnretainedValue().activate()
}

#if hasFeature(Embedded)
@_noLocks @_noAllocation
#endif
@c(continuo_pitch_process)
public func continuoPitchProcess(_ tracker: OpaquePointer, _ io: UnsafeMutablePointer<continuo_pitch_io>) {
    Unmanaged<PitchTrackerCore>.fromOpaque(UnsafeRawPointer(tracker))._withUnsafeGuaranteedRef { $0.process(io) }
}

#if hasFeature(Embedded)
@_noLocks @_noAllocation
#endif
@c(continuo_pitch_request_file)
public func continuoPitchRequestFile(_ tracker: OpaquePointer, _ path: UnsafePointer<CChar>, _ length: UInt32) -> Bool {
    Unmanaged<PitchTrackerCore>.fromOpaque(UnsafeRawPointer(tracker))._withUnsafeGuaranteedRef {
        $0.requestFile(UnsafeRawPointer(path).assumingMemoryBound(to: UInt8.self), Int(length))
    }
}

@c(continuo_pitch_set_file)
public func continuoPitchSetFile(_ tracker: OpaquePointer, _ path: UnsafePointer<CChar>) {
    core(tracker).takeUnretainedValue().loader.set(file: String(cString: path))
}

#if hasFeature(Embedded)
@_noLocks @_noAllocation
#endif
@c(continuo_pitch_model_file_audio)
public func continuoPitchModelFileAudio(_ tracker: OpaquePointer, _ path: UnsafeMutablePointer<CChar>) -> UInt32 {
    Unmanaged<PitchTrackerCore>.fromOpaque(UnsafeRawPointer(tracker))._withUnsafeGuaranteedRef {
        $0.copyFile(UnsafeMutableRawPointer(path))
    }
}

@c(continuo_pitch_model_file)
public func continuoPitchModelFile(_ tracker: OpaquePointer, _ path: UnsafeMutablePointer<CChar>) -> UInt32 {
    let file = core(tracker).takeUnretainedValue().loader.currentFile
    var count = 0
    for byte in file.utf8 where count < Int(CONTINUO_PATH_CAPACITY) - 1 {
        path[count] = CChar(bitPattern: byte)
        count += 1
    }
    path[count] = 0
    return UInt32(count)
}
