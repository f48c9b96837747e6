/// The numbers that commands answer with: those of mod-host's README.
public enum RemoteStatus: Int, Sendable {
    case success = 0
    case instanceInvalid = -1
    case instanceAlreadyExists = -2
    case instanceNonExists = -3
    case instanceUnlicensed = -4
    case invalidURI = -101
    case instantiation = -102
    case invalidSymbol = -103
    case invalidPreset = -104
    case cannotLoadState = -105
    case clientCreation = -201
    case clientActivation = -202
    case clientDeactivation = -203
    case portRegister = -204
    case portConnection = -205
    case portDisconnection = -206
    /// A port that is not there, to `cv_map`: in mod-host's sources.
    case valueOutOfRange = -207
    case assignmentAlreadyExists = -301
    case assignmentInvalidOperation = -302
    case assignmentListFull = -303
    case assignmentFailed = -304
    case controlChainUnavailable = -401
    case linkUnavailable = -402
    /// A MOD device's own knobs, and windows: in mod-host's sources.
    case deviceUnavailable = -403
    case windowUnavailable = -404
    case memoryAllocation = -901
    case invalidOperation = -902
}

/// A command that could not be done.
struct RemoteFailure: Error {
    var status: RemoteStatus
    /// For people.
    var cause: String

    init(_ status: RemoteStatus, _ cause: String) {
        self.status = status
        self.cause = cause
    }

    /// What an error of the host's comes to, where nothing better is known.
    init(_ error: any Error, otherwise status: RemoteStatus) {
        cause = "\(error)"
        self.status =
            switch error as? HostError {
            case .pluginNotFound: .invalidURI
            case .cannotInstantiate, .unsupportedFeature, .unsupportedPort: .instantiation
            case .presetNotFound: .invalidPreset
            case .controlNotFound: .invalidSymbol
            case .state: .cannotLoadState
            case .connection, .feedback: .portConnection
            default: status
            }
    }
}
