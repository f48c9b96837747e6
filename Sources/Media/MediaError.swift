/// What can go wrong with a file of sound, notes, numbers or a picture. Every description is one line that names the
/// file and the cause.
public enum MediaError: Error, Equatable, Sendable, CustomStringConvertible {
    /// A sound file could not be opened, read or written. `cause` is libsndfile's or the system's word.
    case audio(path: String, action: String, cause: String)
    /// A Standard MIDI File breaks the format's rules at a byte offset.
    case midi(path: String, offset: Int, cause: String)
    /// A file could not be read or written. `cause` is the system's word.
    case file(path: String, action: String, cause: String)
    /// A picture could not be drawn or written.
    case picture(path: String, cause: String)

    public var description: String {
        switch self {
        case .audio(let path, let action, let cause): "cannot \(action) \(path): \(cause)"
        case .midi(let path, let offset, let cause): "cannot read \(path) as MIDI, byte \(offset): \(cause)"
        case .file(let path, let action, let cause): "cannot \(action) \(path): \(cause)"
        case .picture(let path, let cause): "cannot draw \(path): \(cause)"
        }
    }
}
