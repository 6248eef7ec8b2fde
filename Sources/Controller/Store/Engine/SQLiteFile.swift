import Foundation
import GRDB

/// The store's file: its mode, and whether it is one of ours and whole.
enum SQLiteFile {
    /// SQLite's `application_id` of a Tollkeeper store: "TKPR".
    static let applicationID: Int32 = 0x544b_5052

    /// Up to this size a file is checked whole when it is opened.
    private static let checkedWhole = 256 * 1024 * 1024

    /// Makes an empty file that only its owner can read where there is none, and closes the mode
    /// of one that is there.
    static func prepare(_ path: String) throws {
        let descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw StoreError(
                .unavailable, "cannot open the store \(path): \(String(cString: strerror(errno)))")
        }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw StoreError(.damaged, "the store \(path) is not a file")
        }
        if status.st_size > 0 { try checkHeader(of: descriptor, path) }
        guard fchmod(descriptor, 0o600) == 0 else {
            throw StoreError(.unavailable, "cannot set the mode of the store \(path) to 0600")
        }
    }

    /// Reads the first 100 bytes, which name the format and the program that it belongs to.
    private static func checkHeader(of descriptor: CInt, _ path: String) throws {
        var header = [UInt8](repeating: 0, count: 100)
        let count = pread(descriptor, &header, header.count, 0)
        guard count == header.count, header.starts(with: Array("SQLite format 3\0".utf8)) else {
            throw StoreError(.damaged, unusable(path, "it is damaged or not a SQLite file"))
        }
        let id = header[68..<72].reduce(Int32(0)) { $0 << 8 | Int32($1) }
        guard id == applicationID else {
            throw StoreError(.damaged, unusable(path, "it belongs to another program"))
        }
    }

    /// Marks a new file as ours, and checks one that is there without writing to it.
    static func inspect(_ path: String) throws {
        let size = try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int ?? 0
        var configuration = Configuration()
        configuration.readonly = size > 0
        configuration.busyMode = .timeout(10)
        let queue = try DatabaseQueue(path: path, configuration: configuration)
        defer { try? queue.close() }
        guard size > 0 else {
            return try queue.writeWithoutTransaction {
                try $0.execute(sql: "PRAGMA application_id = \(applicationID)")
                try $0.execute(sql: "PRAGMA user_version = 1")
            }
        }
        guard size <= checkedWhole else { return }
        let verdict = try queue.read { try String.fetchOne($0, sql: "PRAGMA quick_check(1)") }
        guard verdict == "ok" else {
            throw StoreError(.damaged, unusable(path, verdict ?? "it cannot be checked"))
        }
    }

    /// The error for a file that could not be opened.
    static func refusal(_ path: String, _ error: DatabaseError) -> StoreError {
        StoreError(.damaged, unusable(path, error.message ?? "it cannot be opened"), cause: error)
    }

    /// The error for a file that cannot be opened now, or never will be.
    static func openingFailure(_ path: String, _ error: DatabaseError) -> StoreError {
        lacksRoom(error) ? failure(path, error) : refusal(path, error)
    }

    /// Whether more room on the disk may help. Where a shared index cannot grow, SQLite calls that an
    /// I/O error.
    static func lacksRoom(_ error: DatabaseError) -> Bool {
        error.resultCode == .SQLITE_FULL || error.extendedResultCode == .SQLITE_IOERR_SHMSIZE
    }

    /// The error for a statement that failed on an open file.
    static func failure(_ path: String, _ error: DatabaseError) -> StoreError {
        switch error.resultCode {
        case .SQLITE_CORRUPT, .SQLITE_NOTADB:
            refusal(path, error)
        case .SQLITE_FULL, .SQLITE_IOERR, .SQLITE_BUSY, .SQLITE_READONLY, .SQLITE_CANTOPEN:
            StoreError(
                .unavailable, "the store \(path) cannot be used now: \(error.message ?? "")",
                cause: error)
        case .SQLITE_INTERRUPT:
            StoreError(
                .unavailable, reason: "read_too_long",
                "this question takes the store too long: ask for less at once", cause: error)
        default:
            StoreError(.internal, "the store refused a statement", cause: error)
        }
    }

    private static func unusable(_ path: String, _ reason: String) -> String {
        """
        the store \(path) cannot be used: \(reason); nothing was changed in it: put a backup in \
        its place, or name another file with --store
        """
    }
}
