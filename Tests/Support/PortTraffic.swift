import Foundation
import Synchronization

/// A service of the test's own on one port of the host: TCP and UDP, both families. It reads whatever
/// comes, and answers each byte with one.
package final class PortService {
    /// Where it listens.
    package let port: UInt16
    private let sockets: [Int32]
    private let received = Received()

    /// How many bytes of TCP streams and datagrams have come so far.
    package var count: Int { received.count.load(ordering: .relaxed) }

    /// Listens on a free port.
    package init() throws {
        let stream = try Self.listen(SOCK_STREAM, 0)
        port = try Self.port(of: stream)
        let datagram = try Self.listen(SOCK_DGRAM, port)
        sockets = [stream, datagram]
        let received = received
        Self.inBackground {
            while true {
                let connection = accept(stream, nil, nil)
                guard connection >= 0 else { return }
                Self.inBackground { Self.echo(connection, received) }
            }
        }
        Self.inBackground { Self.echoDatagrams(datagram, received) }
    }

    deinit {
        for socket in sockets { shutdown(socket, Int32(SHUT_RDWR)) }
        for socket in sockets { close(socket) }
    }

    private static func inBackground(_ body: @escaping @Sendable () -> Void) {
        let thread = Thread(block: body)
        thread.stackSize = 512 * 1024
        thread.start()
    }

    private static func echo(_ connection: Int32, _ received: Received) {
        defer { close(connection) }
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = recv(connection, &buffer, buffer.count, 0)
            guard count > 0 else { return }
            received.count.add(count, ordering: .relaxed)
            guard send(connection, buffer, count, Int32(MSG_NOSIGNAL)) == count else {
                return
            }
        }
    }

    private static func echoDatagrams(_ socket: Int32, _ received: Received) {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            var from = sockaddr_storage()
            var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
            let count = withUnsafeMutableBytes(of: &from) { raw in
                recvfrom(
                    socket, &buffer, buffer.count, 0,
                    raw.baseAddress?.assumingMemoryBound(to: sockaddr.self), &length)
            }
            guard count > 0 else { return }
            received.count.add(count, ordering: .relaxed)
            _ = withUnsafeBytes(of: from) { raw in
                sendto(
                    socket, buffer, count, 0,
                    raw.baseAddress?.assumingMemoryBound(to: sockaddr.self), length)
            }
        }
    }

    private static func listen(_ type: __socket_type, _ port: UInt16) throws -> Int32 {
        let descriptor = socket(AF_INET6, Int32(type.rawValue) | O_CLOEXEC, 0)
        guard descriptor >= 0 else { throw failure("socket") }
        var (off, on) = (Int32(0), Int32(1))
        let size = socklen_t(MemoryLayout<Int32>.size)
        setsockopt(descriptor, Int32(IPPROTO_IPV6), IPV6_V6ONLY, &off, size)
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, size)
        var address = sockaddr_in6()
        address.sin6_family = sa_family_t(AF_INET6)
        address.sin6_port = port.bigEndian
        let length = socklen_t(MemoryLayout<sockaddr_in6>.size)
        let isBound = withUnsafeBytes(of: address) { raw in
            bind(descriptor, raw.baseAddress?.assumingMemoryBound(to: sockaddr.self), length) == 0
        }
        guard isBound, type != SOCK_STREAM || Glibc.listen(descriptor, 64) == 0 else {
            throw failure("bind to port \(port)")
        }
        return descriptor
    }

    private static func port(of descriptor: Int32) throws -> UInt16 {
        var address = sockaddr_in6()
        var length = socklen_t(MemoryLayout<sockaddr_in6>.size)
        let isNamed = withUnsafeMutableBytes(of: &address) { raw in
            getsockname(
                descriptor, raw.baseAddress?.assumingMemoryBound(to: sockaddr.self), &length) == 0
        }
        guard isNamed else { throw failure("getsockname") }
        return UInt16(bigEndian: address.sin6_port)
    }

    private static func failure(_ doing: String) -> POSIXError {
        POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO, userInfo: ["doing": doing])
    }
}

/// What the service's threads add up.
private final class Received: Sendable {
    let count = Atomic<Int>(0)
}

/// A host beside this one: a namespace joined to it by a veth pair, with IPv4 and IPv6.
package final class Neighbour {
    /// Where its programs run.
    package let namespace: Namespace
    /// This host's addresses, as the neighbour reaches it.
    package let addresses: [String]
    /// The interface on this host.
    package let interface: String

    /// Makes one; `number` from 0 to 255 makes its addresses.
    package init(number: UInt8) throws {
        namespace = try Namespace()
        interface = Unique.interface()
        let (four, six) = ("10.98.\(number)", "fd98:0:0:\(String(number, radix: 16))")
        addresses = ["\(four).1", "\(six)::1"]
        try Command.run(
            "ip", "link", "add", interface, "type", "veth", "peer", "name", "eth0", "netns",
            namespace.name)
        try Command.run("ip", "address", "add", "\(four).1/24", "dev", interface)
        try Command.run("ip", "address", "add", "\(six)::1/64", "dev", interface, "nodad")
        try Command.run("ip", "link", "set", interface, "up")
        try namespace.run("ip", "address", "add", "\(four).2/24", "dev", "eth0")
        try namespace.run("ip", "address", "add", "\(six)::2/64", "dev", "eth0", "nodad")
        try namespace.run("ip", "link", "set", "eth0", "up")
    }

    /// Sends so many bytes, by the thousand, over one connection of `transport`, "tcp" or "udp", and
    /// waits for as many in return, at most `limit` seconds; whether they came.
    @discardableResult
    package func exchange(
        _ count: Int, over transport: String, with address: String, port: UInt16, limit: Int = 10
    ) throws -> Bool {
        let script = """
            exec 3<>/dev/\(transport)/\(address)/\(port) || exit 1
            dd if=/dev/zero bs=1000 count=\(count / 1000) >&3 2>/dev/null &
            timeout \(limit) head -c \(count) <&3 | wc -c
            """
        let job = try namespace.start("timeout", "\(limit + 2)", "bash", "-c", script)
        job.wait(limit: Double(limit + 5))
        let got = job.output.split(whereSeparator: \.isWhitespace).first.flatMap { Int($0) }
        return got == count
    }
}

extension Neighbour {
    /// A TCP connection that stays open; nil where it cannot be had within a few seconds.
    package func connection(to address: String, port: UInt16) throws -> OpenConnection? {
        let connection = try OpenConnection(from: namespace, to: address, port: port)
        return eventually(within: 10, { connection.isOpen }) ? connection : nil
    }
}

/// A TCP connection that is asked now and then whether anything passes.
package final class OpenConnection {
    private let folder: TemporaryFolder
    private let job: Job
    private var asked = 0

    fileprivate var isOpen: Bool { job.output.contains("open") }

    fileprivate init(from namespace: Namespace, to address: String, port: UInt16) throws {
        folder = try TemporaryFolder()
        let script = """
            exec 3<>/dev/tcp/\(address)/\(port) || exit 1
            echo open
            number=1
            while :; do
                if [ -e \(folder.path)/$number ]; then
                    printf x >&3
                    if read -r -t 2 -n 1 -u 3; then echo "$number yes"; else echo "$number no"; fi
                    number=$((number + 1))
                fi
                sleep 0.05
            done
            """
        job = try namespace.start("bash", "-c", script)
    }

    /// Sends a byte, and tells whether one came back within two seconds.
    package func answers() throws -> Bool {
        asked += 1
        try folder.write("", to: "\(asked)")
        _ = eventually(within: 20) { job.output.contains("\n\(asked) ") }
        return job.output.contains("\n\(asked) yes")
    }
}
