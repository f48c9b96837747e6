/// Why a model was not accepted.
public enum ModelError: Error {
    /// The file cannot be opened or mapped.
    case unreadable(path: String, reason: String)
    /// The file is no well-formed safetensors file.
    case malformed(path: String, reason: String)
    /// The file is well-formed, but not the model that was asked for.
    case unsuitable(path: String, reason: String)
    /// There is not enough memory for the model or its workspace.
    case outOfMemory(bytes: Int)

    /// One line for the user, naming the file and the cause.
    public var message: String {
        switch self {
        case .unreadable(let path, let reason): return path + ": " + reason
        case .malformed(let path, let reason): return path + ": not a valid safetensors file: " + reason
        case .unsuitable(let path, let reason): return path + ": " + reason
        case .outOfMemory(let bytes): return "not enough memory for the model: \(bytes) bytes"
        }
    }
}
