internal import CMnl
internal import Glibc

/// A process, held so that its number cannot come to mean another one: what is looked up through
/// the handle is this process's, or nothing once it has ended.
package final class ProcessHandle: Sendable {
    private let pid: Int32
    private let descriptor: Int32

    private init(_ pid: Int32, _ descriptor: Int32) {
        self.pid = pid
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }

    /// Takes hold of the process `pid`; `ENOENT` where there is none.
    package static func open(
        _ pid: Int32, in processes: String = "/proc"
    ) throws(NetlinkError) -> ProcessHandle {
        let flags = Int32(tk_path_only) | O_DIRECTORY | O_CLOEXEC
        let descriptor = Glibc.open("\(processes)/\(pid)", flags)
        return ProcessHandle(pid, try check(descriptor, "find the process \(pid)"))
    }

    /// Its folder in `/proc`, while the handle is held.
    package var path: String { "/proc/self/fd/\(descriptor)" }

    /// Its root folder, while the handle is held.
    package var root: String { "\(path)/root" }

    /// Its network namespace, while the handle is held.
    package var networkNamespace: NetworkNamespace { .path("\(path)/ns/net") }

    /// Finds a file as the process sees it: absolute links and `..` are resolved inside its root
    /// and lead nowhere else. Returns a descriptor that only stands for the file (`O_PATH`) and
    /// that the caller closes.
    ///
    /// Needs `CAP_SYS_PTRACE` where the process has rights that we have not.
    package func find(_ path: String) throws(NetlinkError) -> Int32 {
        let doing = "find \(path) as the process \(pid) sees it"
        let flags = Int32(tk_path_only) | O_DIRECTORY | O_CLOEXEC
        let root = try explained("CAP_SYS_PTRACE is needed") { () throws(NetlinkError) in
            try check(Glibc.open(self.root, flags), doing)
        }
        defer { close(root) }
        return try explained("CAP_DAC_READ_SEARCH is needed") { () throws(NetlinkError) in
            try check(tk_open_in_root(root, path, UInt64(tk_path_only) | UInt64(O_CLOEXEC)), doing)
        }
    }

    private func explained(
        _ need: String, _ body: () throws(NetlinkError) -> Int32
    ) throws(NetlinkError) -> Int32 {
        do throws(NetlinkError) {
            return try body()
        } catch {
            var explained = error
            if [EACCES, EPERM].contains(error.errno) { explained.reason += " (\(need))" }
            throw explained
        }
    }
}
