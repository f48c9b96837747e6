import CHost

/// A plugin asked for its state, which may not answer: asked on a thread of its own, and waited for so long. One that does not come back keeps
/// that thread, and itself, for as long as the host lives; everything else goes on.
final class StateCapture {
    private let plugin: PluginInstance
    private let folder: String?
    private var state: OpaquePointer?
    /// Through ch_load and ch_exchange_if.
    private var phase = StateCapture.asking
    private let isDone: OpaquePointer = cr_semaphore_make()

    private static let asking: Int32 = 0
    private static let answered: Int32 = 1
    private static let abandoned: Int32 = 2

    private init(_ plugin: PluginInstance, _ folder: String?) {
        self.plugin = plugin
        self.folder = folder
    }

    deinit { cr_semaphore_free(isDone) }

    /// The plugin's state, or nil if it has none to give, or does not answer within so many seconds (`PluginInstance.isStuck`).
    static func capture(_ plugin: PluginInstance, folder: String?, seconds: Double) -> OpaquePointer? {
        let capture = StateCapture(plugin, folder)
        let context = Unmanaged.passRetained(capture)
        guard let thread = cr_thread_start("lv2-state", 0, { StateCapture.run($0!) }, context.toOpaque()) else {
            context.release()
            return plugin.captureHere(folder: folder)
        }
        if !cr_semaphore_wait_for(capture.isDone, UInt64(seconds * 1e9)) {
            plugin.noteStuck(1)
            if ch_exchange_if(&capture.phase, asking, abandoned) { return nil }
            plugin.noteStuck(-1)  // at the last moment
        }
        cr_thread_join(thread)
        return capture.state
    }

    private static func run(_ context: UnsafeMutableRawPointer) {
        let capture = Unmanaged<StateCapture>.fromOpaque(context).takeRetainedValue()
        ch_guard_enter_thread()
        let state = capture.plugin.captureHere(folder: capture.folder)
        capture.state = state
        if ch_exchange_if(&capture.phase, asking, answered) {
            cr_semaphore_post(capture.isDone)
        } else {
            // Nobody waits any more.
            lilv_state_free(state)
            capture.plugin.noteStuck(-1)
        }
        ch_guard_leave_thread()
    }
}
