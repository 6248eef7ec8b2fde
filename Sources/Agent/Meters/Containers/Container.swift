internal import Glibc
package import Netlink

/// A container that runs on this host, known by its first process.
public struct Container: Hashable, Sendable {
    /// What the host calls it: the place in the names of its meters.
    public let name: String
    /// Its first process, as the host numbers it.
    public let process: Int32
    /// When that process began, in clock ticks since boot: with its number never used again.
    public let startTicks: UInt64

    /// Names a container whose first process is known.
    public init(name: String, process: Int32, startTicks: UInt64) {
        self.name = name
        self.process = process
        self.startTicks = startTicks
    }

    /// A container by the number of its first process; throws `absent` where that has ended.
    public static func find(_ name: String, process: Int32) throws(MeterError) -> Container {
        let doing = "find the container \(name)"
        let ticks = try UserspaceProcess.startTicks(of: process, in: "/proc", doing: doing)
        return Container(name: name, process: process, startTicks: ticks)
    }

    /// Takes hold of the first process; throws `absent` where it has ended, also where its number
    /// is another process's by now.
    package func enter() throws(MeterError) -> ProcessHandle {
        let doing = "look into the container \(name)"
        let handle: ProcessHandle
        do throws(NetlinkError) {
            handle = try ProcessHandle.open(process)
        } catch {
            throw MeterError(error, doing: doing)
        }
        guard try UserspaceProcess.startTicks(at: handle.path, doing: doing) == startTicks else {
            throw MeterError(.absent, doing: doing, reason: "it ended meanwhile")
        }
        return handle
    }

    /// Whether its first process still runs.
    package var isRunning: Bool { (try? enter()) != nil }
}

/// Where a file is: on this host, or in a container as the container sees it.
public struct FilePlace: Hashable, Sendable {
    /// The path, from the container's root where there is one.
    public var path: String
    /// nil for this host itself.
    public var container: Container?

    /// Names a place.
    public init(_ path: String, in container: Container? = nil) {
        self.path = path
        self.container = container
    }

    /// Calls `body` with a path that this process can use for the very file, until it returns.
    ///
    /// In a container, links and `..` never lead out of its root. Throws `absent` where there is
    /// no such file.
    func resolved<Value: ~Copyable>(
        doing: String, _ body: (String) throws(MeterError) -> Value
    ) throws(MeterError) -> Value {
        guard let container else { return try body(path) }
        let handle = try container.enter()
        let file: Int32
        do throws(NetlinkError) {
            file = try handle.find(path)
        } catch {
            throw MeterError(error, doing: doing)
        }
        defer { close(file) }
        return try body("/proc/self/fd/\(file)")
    }
}

extension FilePlace: CustomStringConvertible {
    /// The place, for people.
    public var description: String { container.map { "\(path) in \($0.name)" } ?? path }
}
