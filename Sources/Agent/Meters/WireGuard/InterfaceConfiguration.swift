public import Accounting
internal import Glibc

/// What an interface's configuration file says of its peers. The file is only ever read.
///
/// The reader takes what it can: case, spaces, CRLF and comments do not matter, and what cannot
/// be understood is a problem of its line, not of the file.
public struct InterfaceConfiguration: Sendable {
    /// One `[Peer]` block.
    public struct Peer: Sendable {
        /// What the file calls the client, by `ConfigurationName`'s order; nil for no name.
        public var name: String?
        /// How the block sets the peer up; nil where one of its lines cannot be understood, so
        /// that nobody is put back with less than they had. Holds a secret: never log it.
        public var settings: PeerSettings?
    }

    /// A line that was not understood.
    public struct Problem: Hashable, Sendable, CustomStringConvertible {
        /// Counted from 1.
        public var line: Int
        /// What is wrong, as the end of "line N …". It never quotes a value.
        public var reason: String
        /// For people.
        public var description: String { "line \(line) \(reason)" }
    }

    /// The blocks that have a public key. Where two have the same, the later one's settings count.
    public internal(set) var peers: [PublicKey: Peer] = [:]
    /// What was not understood, in the order of the file; at most 100.
    public internal(set) var problems: [Problem] = []

    static let mostProblems = 100

    /// Reads the bytes of a file.
    public init(_ bytes: some Collection<UInt8>) {
        var parser = ConfigurationParser()
        for line in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
            parser.take(String(decoding: line, as: UTF8.self))
        }
        self = parser.finish()
    }

    init() {}

    mutating func report(_ line: Int, _ reason: String) {
        guard problems.count < Self.mostProblems else { return }
        problems.append(Problem(line: line, reason: reason))
    }
}

/// An interface's configuration file, read again only when it has changed.
public final class ConfigurationFile {
    /// Where the file is, if there is one.
    public let path: String

    private var stamp: Stamp?
    private var held: InterfaceConfiguration?
    private static let largest = 64 << 20

    /// What changes when a file does.
    private struct Stamp: Equatable {
        var device: UInt64
        var inode: UInt64
        var size: Int64
        var changed: Int64
        var changedNanoseconds: Int64
    }

    /// Names the file of `device` in `directory`.
    public init(device: String, directory: String = "/etc/wireguard") {
        path = "\(directory)/\(device).conf"
    }

    /// What the file says now; nil where there is none.
    ///
    /// Throws `denied` or `failed` for a file that is there and cannot be read; what was read
    /// before is then forgotten.
    public func current() throws(MeterError) -> InterfaceConfiguration? {
        let doing = "read \(path)"
        let file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard file >= 0 else {
            let error = MeterError.system(errno, doing: doing)
            forget()
            guard error.code == .absent else { throw error }
            return nil
        }
        defer { close(file) }
        let now = try look(at: file, doing: doing)
        if let held, now == stamp { return held }
        forget()
        let configuration = InterfaceConfiguration(try contents(of: file, doing: doing))
        // A file that was written meanwhile is read again the next time.
        stamp = try look(at: file, doing: doing) == now ? now : nil
        held = configuration
        return configuration
    }

    private func forget() {
        stamp = nil
        held = nil
    }

    private func look(at file: Int32, doing: String) throws(MeterError) -> Stamp {
        var status = stat()
        guard fstat(file, &status) == 0 else { throw .system(errno, doing: doing) }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw MeterError(.failed, doing: doing, reason: "it is not a regular file")
        }
        guard status.st_size <= Self.largest else {
            throw MeterError(.failed, doing: doing, reason: "it is larger than 64 MB")
        }
        return Stamp(
            device: UInt64(status.st_dev), inode: UInt64(status.st_ino),
            size: Int64(status.st_size), changed: Int64(status.st_ctim.tv_sec),
            changedNanoseconds: Int64(status.st_ctim.tv_nsec))
    }

    private func contents(of file: Int32, doing: String) throws(MeterError) -> [UInt8] {
        var bytes: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = Glibc.read(file, &part, part.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw .system(errno, doing: doing) }
            guard count > 0, bytes.count <= Self.largest else { return bytes }
            bytes += part[..<count]
        }
    }
}
