import CHost
import Foundation

/// Plays sounds on JACK one after the other, as a client with two outputs, `out_1` and `out_2`. One that is cut off fades out in 20 ms.
///
/// Used on one thread.
public final class JackPlayer {
    /// Frames a second.
    public let sampleRate: Int
    private let client: OpaquePointer
    private let shared: UnsafeMutablePointer<JackPlayerShared>
    /// Sounds that the process thread may look at, the oldest first.
    private var sounds: [(sound: UnsafeMutablePointer<JackPlayerSound>, memory: ProcessMemory)] = []
    private var serial: Int32 = 0

    /// Connects to a running server.
    ///
    /// - Parameters:
    ///   - connections: `out=…`, as in `JackHost`
    ///   - onNotice: called with a line for each connection that could not be made
    /// - Throws: `HostError.noServer`, `.server`
    public init(
        name: String, server: String?, connections: [ConnectionPattern], onNotice: (String) -> Void
    ) throws {
        var options = JackHost.Options()
        options.name = name
        options.server = server
        client = try JackHost.open(options)
        sampleRate = Int(jack_get_sample_rate(client))
        shared = .allocate(capacity: 1)
        shared.initialize(to: JackPlayerShared(fadeFrames: Float(sampleRate) * 0.02))
        let flags = UInt(JackPortIsOutput.rawValue)
        shared.pointee.left = jack_port_register(client, "out_1", JACK_DEFAULT_AUDIO_TYPE, flags, 0)
        shared.pointee.right = jack_port_register(client, "out_2", JACK_DEFAULT_AUDIO_TYPE, flags, 0)
        jack_set_process_callback(
            client,
            { frames, context in
                jackPlayerProcess(context!.assumingMemoryBound(to: JackPlayerShared.self), frames)
                return 0
            }, shared)
        jack_on_info_shutdown(
            client,
            { _, _, context in
                ch_store(&context!.assumingMemoryBound(to: JackPlayerShared.self).pointee.isShutDown, 1)
            }, shared)
        guard shared.pointee.left != nil, shared.pointee.right != nil, jack_activate(client) == 0 else {
            jack_client_close(client)
            shared.deallocate()
            throw HostError.server("JACK would not start the client '\(name)'")
        }
        let own = String(cString: jack_get_client_name(client))
        for pattern in connections {
            let mine = ["out_1", "out_2"].filter(pattern.matchesOurs).map { "\(own):\($0)" }
            let others = jackPortNames(client, JACK_DEFAULT_AUDIO_TYPE, JackPortIsInput).filter { fnmatch(pattern.theirs, $0, 0) == 0 }
            let count = mine.isEmpty ? 0 : others.count == 1 ? mine.count : min(mine.count, others.count)
            for i in 0..<count { jack_connect(client, mine[i], others[min(i, others.count - 1)]) }
            if count == 0 { onNotice("nothing connected for '\(pattern.text)': no such ports (see jack_lsp)") }
        }
    }

    deinit {
        jack_client_close(client)
        shared.deallocate()
        for (sound, _) in sounds { sound.deallocate() }
    }

    /// Plays a sound of the server's rate, in place of what plays.
    ///
    /// - Throws: `HostError.server` if the server is gone, `.outOfMemory` if there is no room for it
    public func play(_ sound: SoundFile) throws {
        if ch_load(&shared.pointee.isShutDown) != 0 { throw HostError.server("the JACK server has gone away") }
        let memory = ProcessMemory("the player")
        let channels = sound.mapped(to: 2)
        serial += 1
        let content = JackPlayerSound(
            left: try memory.copy(channels.first ?? [0]), right: try memory.copy(channels.last ?? [0]), frames: max(1, sound.frameCount),
            serial: serial)
        let made = UnsafeMutablePointer<JackPlayerSound>.allocate(capacity: 1)
        made.initialize(to: content)
        sounds.append((made, memory))
        _ = ch_exchange_pointer(&shared.pointee.pending, UnsafeMutableRawPointer(made))
        free()
    }

    /// Whether the sound that was given last has not come to its end.
    public var isPlaying: Bool {
        ch_load(&shared.pointee.finished) < serial && ch_load(&shared.pointee.isShutDown) == 0
    }

    /// Lets what plays fade out.
    public func stop() {
        if isPlaying { try? play(SoundFile(channels: [[0], [0]], sampleRate: sampleRate)) }
    }

    /// What the process thread is done with, or never took.
    private func free() {
        let released = ch_load(&shared.pointee.released)
        sounds.removeAll { sound, _ in
            guard sound.pointee.serial <= released else { return false }
            sound.deallocate()
            return true
        }
    }
}

struct JackPlayerSound {
    let left: UnsafeMutablePointer<Float>
    let right: UnsafeMutablePointer<Float>
    let frames: Int
    let serial: Int32
    var position = 0
}

/// What the process thread and the other share.
struct JackPlayerShared {
    var left: OpaquePointer?
    var right: OpaquePointer?
    /// A `JackPlayerSound` that is to be played.
    var pending: UnsafeMutableRawPointer?
    var current: UnsafeMutablePointer<JackPlayerSound>?
    /// The one before, on its way out, at this gain.
    var leaving: UnsafeMutablePointer<JackPlayerSound>?
    var gain: Float = 0
    let fadeFrames: Float
    // Through ch_load and ch_store: the last sound that came to its end, the last that is not looked at any more.
    var finished: Int32 = 0
    var released: Int32 = 0
    var isShutDown: Int32 = 0
}

/// One period.
@_noAllocation @_noLocks
private func jackPlayerProcess(_ shared: UnsafeMutablePointer<JackPlayerShared>, _ frames: UInt32) {
    let left = ch_jack_buffer(shared.pointee.left, frames)!.assumingMemoryBound(to: Float.self)
    let right = ch_jack_buffer(shared.pointee.right, frames)!.assumingMemoryBound(to: Float.self)
    if shared.pointee.leaving == nil, let fresh = ch_exchange_pointer(&shared.pointee.pending, nil) {
        shared.pointee.leaving = shared.pointee.current
        shared.pointee.gain = 1
        shared.pointee.current = fresh.assumingMemoryBound(to: JackPlayerSound.self)
    }
    for frame in 0..<Int(frames) {
        left[frame] = 0
        right[frame] = 0
        if let old = shared.pointee.leaving {
            // The next one begins when this one is gone.
            shared.pointee.gain -= 1 / shared.pointee.fadeFrames
            let position = old.pointee.position
            if shared.pointee.gain <= 0 || position >= old.pointee.frames {
                ch_store(&shared.pointee.released, old.pointee.serial)
                shared.pointee.leaving = nil
                continue
            }
            left[frame] = old.pointee.left[position] * shared.pointee.gain
            right[frame] = old.pointee.right[position] * shared.pointee.gain
            old.pointee.position = position + 1
        } else if let sound = shared.pointee.current {
            let position = sound.pointee.position
            if position >= sound.pointee.frames {
                ch_store(&shared.pointee.finished, sound.pointee.serial)
                continue
            }
            left[frame] = sound.pointee.left[position]
            right[frame] = sound.pointee.right[position]
            sound.pointee.position = position + 1
        }
    }
}
