internal import Glibc

/// A small file that is read again only when it has changed.
public final class WatchedFile<Contents> {
    /// Where the file is, if there is one.
    public let place: FilePlace

    private let largest: Int
    private let decode: ([UInt8]) throws(MeterError) -> Contents
    private var stamp: FileStamp?
    private var held: Contents?
    /// How often it was read so far: what it says may be something else after each.
    public private(set) var version = 0

    /// Names a file of at most `largest` bytes, which `decode` makes sense of.
    public init(
        _ place: FilePlace, largest: Int, decode: @escaping ([UInt8]) throws(MeterError) -> Contents
    ) {
        self.place = place
        self.largest = largest
        self.decode = decode
    }

    /// What the file says now; nil where there is none.
    ///
    /// Throws `denied` or `failed` for a file that is there and cannot be read, and what `decode`
    /// throws; what was read before is then forgotten.
    public func current() throws(MeterError) -> Contents? {
        do throws(MeterError) {
            return try place.resolved(doing: doing) { (path) throws(MeterError) in
                try read(path)
            }
        } catch {
            (stamp, held) = (nil, nil)
            guard error.code == .absent else { throw error }
            return nil
        }
    }

    private var doing: String { "read \(place)" }

    private func read(_ path: String) throws(MeterError) -> Contents {
        // Looked at before it is opened: opening a device or a pipe does something.
        let now = try look(path)
        if let held, now == stamp { return held }
        let contents = try decode(try bytes(path))
        // A file that was written meanwhile is read again the next time.
        stamp = try look(path) == now ? now : nil
        held = contents
        version += 1
        return contents
    }

    private func look(_ path: String) throws(MeterError) -> FileStamp {
        var status = stat()
        guard stat(path, &status) == 0 else { throw .system(errno, doing: doing) }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw MeterError(.failed, doing: doing, reason: "it is not a regular file")
        }
        guard status.st_size <= largest else { throw tooLarge }
        return FileStamp(status)
    }

    private func bytes(_ path: String) throws(MeterError) -> [UInt8] {
        let file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        guard file >= 0 else { throw .system(errno, doing: doing) }
        defer { close(file) }
        var bytes: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = Glibc.read(file, &part, part.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw .system(errno, doing: doing) }
            guard count > 0 else { return bytes }
            bytes += part[..<count]
            guard bytes.count <= largest else { throw tooLarge }
        }
    }

    private var tooLarge: MeterError {
        MeterError(.failed, doing: doing, reason: "it is larger than \(largest >> 20) MB")
    }
}

/// What changes when a file does.
private struct FileStamp: Equatable {
    let device: UInt64
    let inode: UInt64
    let size: Int64
    let changed: Int64
    let changedNanoseconds: Int64

    init(_ status: stat) {
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
        size = Int64(status.st_size)
        changed = Int64(status.st_ctim.tv_sec)
        changedNanoseconds = Int64(status.st_ctim.tv_nsec)
    }
}
