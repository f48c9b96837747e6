/// What is told to the clients of the feedback port, in mod-host's way: the latest value of each thing in a batch, then
/// `data_finish`, then nothing more until a client says `output_data_ready`. So a slow client is not flooded, and what waits is
/// bounded by how many things there are.
final class HostFeedback {
    enum Kind { case parameter, output, mapping, controller, program, patch, load, transport, level }

    private var waiting: [String: String] = [:]
    private var order: [String] = []
    private var isReady = true
    /// How many things may wait.
    static let capacity = 10_000
    /// Sends one message to all clients; false if there is none.
    var send: ((String) -> Bool)?

    func tell(_ kind: Kind, _ what: String, _ value: String) {
        guard send != nil else { return }
        if waiting.updateValue(value, forKey: what) != nil { return }
        if order.count >= HostFeedback.capacity {
            waiting[what] = nil
            return
        }
        order.append(what)
    }

    /// A client has taken what it was told, or has just come.
    func ready() { isReady = true }

    func flush() {
        guard isReady, !order.isEmpty, let send else { return }
        var isHeard = false
        for what in order { if send("\(what) \(waiting[what] ?? "")") { isHeard = true } }
        waiting.removeAll(keepingCapacity: true)
        order.removeAll(keepingCapacity: true)
        if isHeard {
            isReady = false
            _ = send("data_finish")
        }
    }
}
