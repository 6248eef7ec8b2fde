internal import CMnl
internal import Glibc

/// A network namespace that sockets can be opened in.
package enum NetworkNamespace: Hashable, Sendable {
    /// The one that this process runs in.
    case current
    /// A bind mount or `/proc` link of one, such as `/run/netns/NAME`.
    case path(String)
    /// The one of a process.
    case process(Int32)

    /// The file that stands for it; nil for the current one.
    package var path: String? {
        switch self {
        case .current: nil
        case .path(let path): path
        case .process(let pid): "/proc/\(pid)/ns/net"
        }
    }

    /// Opens a socket that belongs to the namespace from then on, whatever thread uses it.
    ///
    /// The caller closes the descriptor. Entering another namespace needs `CAP_SYS_ADMIN`, and
    /// opening that of another user's process `CAP_SYS_PTRACE`.
    package func socket(
        domain: Int32, type: Int32, protocol number: Int32
    ) throws(NetlinkError) -> Int32 {
        try entered("open a socket in \(self)") { Glibc.socket(domain, type, number) }
    }

    /// Opens a file to read whose content depends on the namespace, such as
    /// `/proc/thread-self/net/ip_tables_names`: it belongs to the namespace from then on.
    ///
    /// The caller closes the descriptor. Entering another namespace needs `CAP_SYS_ADMIN`.
    package func open(_ file: String) throws(NetlinkError) -> Int32 {
        try entered("open \(file) in \(self)") { Glibc.open(file, O_RDONLY | O_CLOEXEC) }
    }

    /// What `body` returns on a thread that is in the namespace.
    private func entered(
        _ doing: String, _ body: @escaping @Sendable () -> Int32
    ) throws(NetlinkError) -> Int32 {
        guard let path else { return try check(body(), doing) }
        let file = try explained { () throws(NetlinkError) in
            try check(Glibc.open(path, O_RDONLY | O_CLOEXEC), doing)
        }
        defer { close(file) }
        let outcome = try OwnThread.run { () -> Result<Int32, NetlinkError> in
            Result { () throws(NetlinkError) in
                try Self.enter(file, doing)
                return try check(body(), doing)
            }
        }
        return try outcome.get()
    }

    /// Moves the calling thread, which is ours and ends soon.
    private static func enter(_ file: Int32, _ doing: String) throws(NetlinkError) {
        do throws(NetlinkError) {
            try check(tk_setns_network(file), doing)
        } catch {
            var explained = error
            if error.errno == EPERM { explained.reason += " (CAP_SYS_ADMIN is needed)" }
            if error.errno == EINVAL { explained.reason = "it is not a network namespace" }
            throw explained
        }
    }

    /// The namespace's device and inode: the same for two names of one namespace, and not used
    /// again while a socket in it is open.
    package func identity() throws(NetlinkError) -> Identity {
        let path = path ?? "/proc/self/ns/net"
        var status = stat()
        try explained { () throws(NetlinkError) in try check(stat(path, &status), "find \(self)") }
        return Identity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
    }

    /// A process's namespace cannot be opened by everybody.
    @discardableResult
    private func explained(
        _ body: () throws(NetlinkError) -> Int32
    ) throws(NetlinkError) -> Int32 {
        do throws(NetlinkError) {
            return try body()
        } catch {
            var explained = error
            if error.errno == EACCES { explained.reason += " (CAP_SYS_PTRACE is needed)" }
            throw explained
        }
    }

    /// What tells namespaces apart while they exist.
    package struct Identity: Hashable, Sendable {
        let device: UInt64
        let inode: UInt64
    }
}

extension NetworkNamespace: CustomStringConvertible {
    /// The namespace, for people.
    package var description: String {
        path.map { "the network namespace \($0)" } ?? "this network namespace"
    }
}
