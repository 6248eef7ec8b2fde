internal import CFiles
internal import Glibc

/// An open file or folder, closed when nobody holds it any more.
struct Descriptor: ~Copyable {
    let number: Int32

    private init(number: Int32) {
        self.number = number
    }

    deinit { close(number) }

    /// Opens `name` in `folder`, or `name` as a path where that is nil.
    static func open(
        _ name: String, in folder: Int32? = nil, _ flags: Int32, mode: mode_t = 0, doing: String
    ) throws(FileError) -> Descriptor {
        let number = openat(folder ?? AT_FDCWD, name, flags | O_CLOEXEC, mode)
        guard number >= 0 else { throw .system(errno, doing: doing) }
        return Descriptor(number: number)
    }

    /// Opens a regular file in `folder` for reading. Nothing else is ever opened: that of a device
    /// or a pipe does something.
    static func openRegular(
        _ name: String, in folder: Int32, doing: String
    ) throws(FileError) -> Descriptor {
        let found = try open(name, in: folder, Int32(TK_O_PATH) | O_NOFOLLOW, doing: doing)
        guard try found.status(doing: doing).st_mode & S_IFMT == S_IFREG else {
            throw FileError(.refused, doing: doing, reason: "it is not a regular file")
        }
        return try open("/proc/self/fd/\(found.number)", O_RDONLY | O_NONBLOCK, doing: doing)
    }

    /// Reads everything from the start on.
    func contents(limit: Int, doing: String) throws(FileError) -> [UInt8] {
        var bytes: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = pread(number, &part, part.count, off_t(bytes.count))
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw .system(errno, doing: doing) }
            guard count > 0 else { return bytes }
            bytes += part[..<count]
            guard bytes.count <= limit else {
                throw FileError(.refused, doing: doing, reason: "it is larger than \(limit) bytes")
            }
        }
    }

    /// Writes everything and waits until it is on the disk.
    func write(_ bytes: [UInt8], doing: String) throws(FileError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(number, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw .system(errno, doing: doing) }
            rest = rest.dropFirst(count)
        }
        guard fsync(number) == 0 else { throw .system(errno, doing: doing) }
    }

    func status(doing: String) throws(FileError) -> stat {
        var status = stat()
        guard fstat(number, &status) == 0 else { throw .system(errno, doing: doing) }
        return status
    }
}

/// What tells one state of a file from another, as far as its inode says.
public struct FileStamp: Hashable, Sendable {
    var device: UInt64
    var inode: UInt64
    var size: Int64
    /// Nanoseconds since 1970 at which the content was last written.
    var modified: Int64
}

extension FileStamp {
    init(_ status: stat) {
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
        size = Int64(status.st_size)
        modified = Int64(status.st_mtim.tv_sec) * 1_000_000_000 + Int64(status.st_mtim.tv_nsec)
    }
}
