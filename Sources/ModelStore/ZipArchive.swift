import CZip
import Foundation

/// A zip archive, read through libzip: from a file, or from memory (a PyTorch checkpoint inside a wheel).
final class ZipArchive {
    private let handle: OpaquePointer
    private let path: String
    /// Keeps an archive in memory alive as long as libzip reads from it.
    private let memory: UnsafeMutableRawBufferPointer?

    init(path: String) throws(ModelStoreError) {
        var code: Int32 = 0
        guard let handle = zip_open(path, ZIP_RDONLY, &code) else {
            var error = zip_error_t()
            zip_error_init_with_code(&error, code)
            defer { zip_error_fini(&error) }
            throw .archive(path: path, cause: String(cString: zip_error_strerror(&error)))
        }
        (self.handle, self.path, memory) = (handle, path, nil)
    }

    /// - Parameter name: what errors call the archive.
    init(bytes: [UInt8], name: String) throws(ModelStoreError) {
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: max(bytes.count, 1), alignment: 16)
        memory.copyBytes(from: bytes)
        var error = zip_error_t()
        zip_error_init(&error)
        defer { zip_error_fini(&error) }
        guard let source = zip_source_buffer_create(memory.baseAddress, UInt64(bytes.count), 0, &error) else {
            memory.deallocate()
            throw .archive(path: name, cause: String(cString: zip_error_strerror(&error)))
        }
        guard let handle = zip_open_from_source(source, ZIP_RDONLY, &error) else {
            zip_source_free(source)
            memory.deallocate()
            throw .archive(path: name, cause: String(cString: zip_error_strerror(&error)))
        }
        (self.handle, self.path, self.memory) = (handle, name, memory)
    }

    deinit {
        zip_discard(handle)
        memory?.deallocate()
    }

    /// The names of all members, in the archive's order.
    var names: [String] {
        (0..<UInt64(max(0, zip_get_num_entries(handle, 0)))).compactMap {
            zip_get_name(handle, $0, 0).map { String(cString: $0) }
        }
    }

    /// A member's bytes; libzip checks their CRC.
    /// - Parameter limit: the largest size accepted, so that a hostile archive cannot fill the memory.
    func read(_ name: String, limit: Int) throws(ModelStoreError) -> [UInt8] {
        var status = zip_stat_t()
        zip_stat_init(&status)
        guard zip_stat(handle, name, 0, &status) == 0, status.valid & UInt64(ZIP_STAT_SIZE) != 0 else {
            throw .archive(path: path, cause: "it has no member \(name)")
        }
        guard status.size <= UInt64(limit) else {
            throw .archive(path: path, cause: "\(name) has \(status.size) bytes, more than the \(limit) expected")
        }
        guard let file = zip_fopen(handle, name, 0) else { throw .archive(path: path, cause: "\(name): \(message)") }
        defer { zip_fclose(file) }
        let size = Int(status.size)
        var bytes = [UInt8](repeating: 0, count: size)
        var count = 0
        var failed = false
        bytes.withUnsafeMutableBytes { buffer in
            while count < size {
                let got = zip_fread(file, buffer.baseAddress! + count, UInt64(size - count))
                guard got > 0 else {
                    failed = got < 0
                    return
                }
                count += Int(got)
            }
            // Reading past the end is what makes libzip compare the CRC.
            var extra: UInt8 = 0
            failed = zip_fread(file, &extra, 1) != 0
        }
        if failed { throw .archive(path: path, cause: "\(name): \(String(cString: zip_file_strerror(file)))") }
        guard count == size else { throw .archive(path: path, cause: "\(name) ends early") }
        return bytes
    }

    private var message: String { String(cString: zip_strerror(handle)) }
}
