import Neural

/// Why there is no take.
public enum TakeError: Error {
    /// `TakeControl.cancel` was called.
    case cancelled
    /// The model's answers are no finite numbers, or there is no memory.
    case model(ModelError)

    /// One line for the user.
    public var message: String {
        switch self {
        case .cancelled: return "cancelled"
        case .model(let error): return error.message
        }
    }
}
