internal import CFiles
internal import Glibc

/// A file as it was read, still open: whatever becomes of its name, its content can be looked at
/// again.
///
/// Where the kernel grants one, the open file carries a read lease: nobody had the file open for
/// writing when it was read, and who opens it for writing waits until it is closed here.
final class HeldFile {
    let descriptor: Descriptor
    let status: stat
    let bytes: [UInt8]
    private let isLeased: Bool

    private init(
        descriptor: consuming Descriptor, status: stat, bytes: [UInt8], isLeased: Bool
    ) {
        self.descriptor = descriptor
        self.status = status
        self.bytes = bytes
        self.isLeased = isLeased
    }

    static let largest = 64 << 20

    /// Reads the file; nil where there is none.
    ///
    /// Throws `busy` while somebody has it open for writing, `refused` for what cannot be replaced.
    static func open(
        _ place: borrowing RealPlace, doing: String
    ) throws(FileError) -> HeldFile? {
        let descriptor: Descriptor
        do throws(FileError) {
            descriptor = try .openRegular(place.name, in: place.folder.number, doing: doing)
        } catch {
            guard error.code == .system(ENOENT) else { throw error }
            return nil
        }
        try check(try descriptor.status(doing: doing), doing: doing)
        let isLeased = try lease(descriptor.number, doing: doing)
        let bytes = try descriptor.contents(limit: largest, doing: doing)
        let status = try descriptor.status(doing: doing)
        return HeldFile(descriptor: descriptor, status: status, bytes: bytes, isLeased: isLeased)
    }

    private static func check(_ status: stat, doing: String) throws(FileError) {
        guard status.st_nlink == 1 else {
            throw FileError(
                .refused, doing: doing,
                reason: "it has \(status.st_nlink) names, and replacing it would part them; use a "
                    + "symbolic link in place of the others")
        }
    }

    /// Takes a read lease; false where the file system or this process' rights have none.
    private static func lease(_ file: Int32, doing: String) throws(FileError) -> Bool {
        // Whoever waits for the lease would send SIGIO, which ends a process; SIGURG does nothing.
        guard fcntl(file, Int32(TK_F_SETSIG), SIGURG) == 0 else { return false }
        guard fcntl(file, Int32(TK_F_SETLEASE), Int32(F_RDLCK)) != 0 else { return true }
        guard errno == EAGAIN else { return false }
        throw FileError(
            .busy, doing: doing, reason: "somebody has it open for writing; it is tried again")
    }

    /// Its inode's state when it was read.
    var stamp: FileStamp { FileStamp(status) }

    /// Whether it still says what was read, and nobody waits to write into it.
    func isUntouched(doing: String) throws(FileError) -> Bool {
        if isLeased, fcntl(descriptor.number, Int32(TK_F_GETLEASE)) != Int32(F_RDLCK) {
            return false
        }
        return try descriptor.contents(limit: Self.largest, doing: doing) == bytes
    }

    /// Gives the lease back, so that others may write again.
    func endLease() {
        if isLeased { _ = fcntl(descriptor.number, Int32(TK_F_SETLEASE), Int32(F_UNLCK)) }
    }
}
