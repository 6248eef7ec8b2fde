public import Accounting
internal import Glibc

/// Finds the control sockets of userspace WireGuard daemons.
public struct UserspaceDiscovery {
    /// A control socket that a daemon listens on.
    public struct Found: Hashable, Sendable {
        /// The meter's name: the socket file's name without `.sock`.
        public var name: MeterName
        /// Where the socket is.
        public var path: String
        /// The socket file's file system and inode: equal for one daemon found in two ways.
        public var identity: Identity
    }

    /// What tells one file from another.
    public struct Identity: Hashable, Sendable {
        var device: UInt64
        var inode: UInt64
    }

    /// Where WireGuard's userspace daemons put their sockets, most usual first.
    public static let directories = ["/var/run/wireguard", "/run/wireguard"]

    /// The daemons that listen, each once, by name.
    public private(set) var found: [Found] = []
    /// Directories and sockets that could not be looked at, and why.
    public private(set) var faults: [MeterError] = []

    /// Looks through `directories`; those that are not there, and sockets that nobody listens on
    /// any more, are passed over.
    public init(directories: [String] = Self.directories, place: String? = nil) {
        var seen: Set<Identity> = []
        for directory in directories {
            for file in entries(of: directory) {
                guard let one = look(at: file, in: directory, place: place),
                    seen.insert(one.identity).inserted
                else { continue }
                found.append(one)
            }
        }
        found.sort { $0.name.description < $1.name.description }
    }

    private mutating func entries(of directory: String) -> [String] {
        guard let handle = opendir(directory) else {
            let error = MeterError.system(errno, doing: "list \(directory)")
            if error.code != .absent { faults.append(error) }
            return []
        }
        defer { closedir(handle) }
        var names: [String] = []
        while let entry = readdir(handle) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            names.append(name)
        }
        return names.sorted()
    }

    private mutating func look(at file: String, in directory: String, place: String?) -> Found? {
        guard file.hasSuffix(".sock") else { return nil }
        let device = String(file.dropLast(5))
        let path = "\(directory)/\(file)"
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFSOCK else { return nil }
        let name = MeterName(kind: .wireguard, device: device, place: place)
        guard MeterName(name.description) == name else {
            faults.append(
                MeterError(
                    .failed, doing: "meter \(path)",
                    reason: "an interface whose name is empty or holds @ cannot be named"))
            return nil
        }
        do throws(MeterError) {
            _ = try UserspaceSocket.connect(
                to: path, until: .now + .seconds(1), doing: "look for a daemon at \(path)")
        } catch {
            if error.code == .absent { return nil }
            faults.append(error)
        }
        let identity = Identity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
        return Found(name: name, path: path, identity: identity)
    }
}
