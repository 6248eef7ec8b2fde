public import Accounting
internal import Glibc
internal import HostFiles

/// Finds the control sockets of userspace WireGuard and AmneziaWG daemons.
public struct UserspaceDiscovery {
    /// A folder that daemons put their sockets into.
    public struct Folder: Hashable, Sendable {
        /// What the daemons speak.
        public var kind: MeterKind
        /// Where the folder is.
        public var path: String

        /// Names a folder.
        public init(_ kind: MeterKind, _ path: String) {
            self.kind = kind
            self.path = path
        }
    }

    /// A control socket that a daemon listens on.
    public struct Found: Hashable, Sendable {
        /// The meter's name: the socket file's name without `.sock`.
        public var name: MeterName
        /// Where the socket is.
        public var socket: FilePlace
        /// The socket file's file system and inode: equal for one daemon found in two ways.
        public var identity: Identity
    }

    /// What tells one file from another.
    public struct Identity: Hashable, Sendable {
        var device: UInt64
        var inode: UInt64
    }

    /// Where wireguard-go and amneziawg-go put their sockets, most usual first.
    public static let usualFolders = [
        Folder(.wireguard, "/var/run/wireguard"), Folder(.wireguard, "/run/wireguard"),
        Folder(.amneziawg, "/var/run/amneziawg"), Folder(.amneziawg, "/run/amneziawg"),
    ]

    /// The most sockets in a container's folder: it may make any number.
    static let mostSockets = 64

    /// The daemons that listen, each once, by name.
    public private(set) var found: [Found] = []
    /// Directories and sockets that could not be looked at, and why.
    public private(set) var faults: [MeterError] = []

    private let container: Container?

    /// Looks through `folders` of this host or of a container; those that are not there, and
    /// sockets that nobody listens on any more, are passed over.
    public init(folders: [Folder] = Self.usualFolders, in container: Container? = nil) {
        self.container = container
        var seen: Set<Identity> = []
        for folder in folders {
            for file in entries(of: folder.path) {
                let socket = FilePlace("\(folder.path)/\(file)", in: container)
                // A folder may be found by several of its names.
                guard let identity = Self.identity(of: socket), seen.insert(identity).inserted,
                    let one = look(at: socket, identity, device: file.dropLast(5), folder.kind)
                else { continue }
                found.append(one)
            }
        }
        found.sort { $0.name.description < $1.name.description }
    }

    private mutating func entries(of directory: String) -> [String] {
        do throws(MeterError) {
            let place = FilePlace(directory, in: container)
            return try place.resolved(doing: "list \(place)") { (path) throws(MeterError) in
                try Self.sockets(
                    in: path, of: place, most: container == nil ? .max : Self.mostSockets)
            }
        } catch {
            if error.code != .absent { faults.append(error) }
            return []
        }
    }

    private static func sockets(
        in path: String, of place: FilePlace, most: Int
    ) throws(MeterError) -> [String] {
        do throws(FolderNames.Failure) {
            return try FolderNames.list(path, most: most) { $0.hasSuffix(".sock") }.sorted()
        } catch {
            switch error {
            case .system(let number): throw .system(number, doing: "list \(place)")
            case .tooMany:
                throw MeterError(
                    .failed, doing: "list \(place)",
                    reason: "it has more than \(most) sockets; none of them is metered")
            }
        }
    }

    private mutating func look(
        at socket: FilePlace, _ identity: Identity, device: Substring, _ kind: MeterKind
    ) -> Found? {
        let name = MeterName(kind: kind, device: String(device), place: container?.name)
        guard name.isClear else {
            faults.append(
                MeterError(
                    .failed, doing: "meter \(Shown.text("\(socket)"))",
                    reason: "an interface whose name is empty, holds @ or cannot be shown has none")
            )
            return nil
        }
        do throws(MeterError) {
            _ = try UserspaceSocket.connect(
                to: socket, until: .now + .seconds(1), doing: "look for a daemon at \(socket)")
        } catch {
            if error.code == .absent { return nil }
            faults.append(error)
        }
        return Found(name: name, socket: socket, identity: identity)
    }

    /// The socket's identity; nil where there is no socket.
    private static func identity(of socket: FilePlace) -> Identity? {
        let doing = "look at \(socket)"
        return try? socket.resolved(doing: doing) { (path) throws(MeterError) in
            var status = stat()
            guard stat(path, &status) == 0 else { throw .system(errno, doing: doing) }
            guard status.st_mode & S_IFMT == S_IFSOCK else {
                throw MeterError(.absent, doing: doing, reason: "it is no socket")
            }
            return Identity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
        }
    }
}
