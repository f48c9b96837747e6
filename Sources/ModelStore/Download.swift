import CCurl
import Foundation

/// One file over HTTP(S), resumable, checked against a published digest.
///
/// Bytes go to `DESTINATION.part`; a later try asks for the rest only (RFC 9110, Range requests). When all are there
/// and the digest is right, the part is renamed to the destination, so a destination that exists is complete.
/// libcurl reads `https_proxy`, `no_proxy` and their like itself; `CURL_CA_BUNDLE` or `SSL_CERT_FILE` name other
/// certificates, as for the curl command.
public struct Download: Sendable {
    public let url: String
    public let destination: String
    /// The published SHA-256, 64 lower-case hexadecimal digits.
    public let sha256: String
    /// The published size in bytes: what the progress is measured by, and a limit on what is accepted.
    public let size: Int64
    /// Transfers tried in all before giving up; each goes on where the last one broke.
    public var attempts = 5
    /// Seconds to wait for a connection, and the longest time that nearly nothing (under 1 kB/s) may arrive.
    public var patience = 30
    /// Seconds to wait before the second try; doubled for each one after.
    public var firstPause = 1.0

    public init(url: String, destination: String, sha256: String, size: Int64) {
        self.url = url
        self.destination = destination
        self.sha256 = sha256
        self.size = size
    }

    /// What a download tells while it runs.
    public enum Event: Equatable, Sendable {
        /// Bytes on disk so far, and in all.
        case progress(Int64, of: Int64)
        /// Earlier bytes are kept, and the rest is asked for.
        case resumed(at: Int64)
        /// The transfer broke, and is tried again.
        case retrying(cause: String)
        /// All bytes are there; the digest is being computed.
        case verifying
    }

    /// The file that holds what has arrived so far.
    public var part: String { destination + ".part" }

    /// Fetches and verifies the file. Blocks until it is there.
    /// - Throws: `.download` (the part stays), `.checksum` (the part is removed), `.busy`, `.file`.
    public func run(_ report: @escaping (Event) -> Void) throws(ModelStoreError) {
        let file = open(part, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard file >= 0 else { throw .file(path: part, action: "write", cause: systemMessage(errno)) }
        defer { close(file) }
        guard flock(file, LOCK_EX | LOCK_NB) == 0 else { throw .busy(path: part) }

        var pause = firstPause
        for attempt in 1... {
            var offset = Int64(lseek(file, 0, SEEK_END))
            if offset > size {  // not ours to continue
                guard ftruncate(file, 0) == 0 else {
                    throw .file(path: part, action: "shorten", cause: systemMessage(errno))
                }
                offset = 0
            }
            if offset == size { break }
            if offset > 0 { report(.resumed(at: offset)) }
            let transfer = Transfer(file: file, offset: offset, size: size, report: report)
            switch transfer.run(url: url, patience: patience) {
            case .complete: break
            case .disk(let cause): throw .file(path: part, action: "write", cause: cause)
            case .failed(let cause): throw .download(url: url, cause: cause)
            case .broken(let cause):
                guard attempt < attempts else { throw .download(url: url, cause: cause) }
                report(.retrying(cause: cause))
                // Progress made is a reason to go on at once; none, to let the line or the server rest.
                if Int64(lseek(file, 0, SEEK_END)) == offset {
                    usleep(UInt32(pause * 1e6))
                    pause *= 2
                }
                continue
            }
            break
        }

        report(.verifying)
        let found = try SHA256.digest(ofFile: part)
        guard found == sha256 else {
            unlink(part)
            throw .checksum(path: part, expected: sha256, found: found, removed: true)
        }
        guard fsync(file) == 0, rename(part, destination) == 0 else {
            throw .file(path: destination, action: "write", cause: systemMessage(errno))
        }
    }
}

/// One HTTP request whose body is appended to a file.
private final class Transfer {
    enum Outcome {
        case complete
        /// Worth another try.
        case broken(String)
        /// Not worth another try.
        case failed(String)
        case disk(String)
    }

    private let file: Int32
    private var offset: Int64
    private let size: Int64
    private let report: (Download.Event) -> Void
    private var handle: UnsafeMutableRawPointer?
    private var diskError: Int32 = 0
    private var isTooLong = false

    init(file: Int32, offset: Int64, size: Int64, report: @escaping (Download.Event) -> Void) {
        self.file = file
        self.offset = offset
        self.size = size
        self.report = report
    }

    func run(url: String, patience: Int) -> Outcome {
        guard curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK, let handle = curl_easy_init() else {
            return .failed("libcurl could not be set up")
        }
        self.handle = handle
        defer { curl_easy_cleanup(handle) }
        var message = [CChar](repeating: 0, count: Int(CURL_ERROR_SIZE))
        let start = offset
        let code: CURLcode = message.withUnsafeMutableBufferPointer { message in
            curl_set_string(handle, CURLOPT_URL, url)
            curl_set_string(handle, CURLOPT_USERAGENT, "continuo")
            curl_set_string(handle, CURLOPT_PROTOCOLS_STR, "https,http")
            curl_set_long(handle, CURLOPT_FOLLOWLOCATION, 1)
            curl_set_long(handle, CURLOPT_MAXREDIRS, 5)
            curl_set_long(handle, CURLOPT_FAILONERROR, 1)
            curl_set_long(handle, CURLOPT_NOSIGNAL, 1)
            curl_set_long(handle, CURLOPT_NOPROGRESS, 1)
            curl_set_long(handle, CURLOPT_CONNECTTIMEOUT, patience)
            curl_set_long(handle, CURLOPT_LOW_SPEED_LIMIT, 1000)
            curl_set_long(handle, CURLOPT_LOW_SPEED_TIME, patience)
            curl_set_pointer(handle, CURLOPT_ERRORBUFFER, message.baseAddress)
            if start > 0 { curl_set_offset(handle, CURLOPT_RESUME_FROM_LARGE, curl_off_t(start)) }
            let environment = ProcessInfo.processInfo.environment
            if let bundle = environment["CURL_CA_BUNDLE"] ?? environment["SSL_CERT_FILE"], !bundle.isEmpty {
                curl_set_string(handle, CURLOPT_CAINFO, bundle)
            }
            curl_set_pointer(handle, CURLOPT_WRITEDATA, Unmanaged.passUnretained(self).toOpaque())
            curl_set_write(handle) { bytes, size, count, context in
                guard let bytes, let context else { return 0 }
                let transfer = Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
                return transfer.append(UnsafeRawBufferPointer(start: bytes, count: size * count)) ? size * count : 0
            }
            return curl_easy_perform(handle)
        }

        if diskError != 0 { return .disk(systemMessage(diskError)) }
        if isTooLong { return .failed("the server sends more than the published \(size) bytes") }
        var status = 0
        curl_get_long(handle, CURLINFO_RESPONSE_CODE, &status)
        let text = String(decoding: message.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        let cause = text.isEmpty ? String(cString: curl_easy_strerror(code)) : text
        switch code {
        case CURLE_OK:
            return offset == size ? .complete : .broken("the connection ended after \(offset) of \(size) bytes")
        case CURLE_RANGE_ERROR:
            return startOver("the server cannot resume")
        case CURLE_HTTP_RETURNED_ERROR where status == 416:
            return startOver("the server has no such range")
        case CURLE_HTTP_RETURNED_ERROR:
            // 408, 429 and 5xx pass; other refusals do not (RFC 9110, 15.5 and 15.6).
            return status == 408 || status == 429 || status >= 500 ? .broken(cause) : .failed(cause)
        case CURLE_PARTIAL_FILE, CURLE_RECV_ERROR, CURLE_SEND_ERROR, CURLE_GOT_NOTHING, CURLE_OPERATION_TIMEDOUT,
            CURLE_COULDNT_CONNECT, CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY, CURLE_HTTP2,
            CURLE_HTTP2_STREAM, CURLE_SSL_CONNECT_ERROR:
            return .broken(cause)
        default:
            return .failed(cause)
        }
    }

    private func startOver(_ cause: String) -> Outcome {
        ftruncate(file, 0) == 0 ? .broken(cause + "; starting over") : .disk(systemMessage(errno))
    }

    private func append(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard offset + Int64(bytes.count) <= size else {
            isTooLong = true
            return false
        }
        var written = 0
        while written < bytes.count {
            let count = pwrite(file, bytes.baseAddress! + written, bytes.count - written, Int(offset) + written)
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else {
                diskError = count < 0 ? errno : EIO
                return false
            }
            written += count
        }
        offset += Int64(bytes.count)
        report(.progress(offset, of: size))
        return true
    }
}
