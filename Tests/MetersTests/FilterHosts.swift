import Foundation
import Netlink
import TestSupport

/// Two hosts joined by a wire, with both families: the one under test and one that talks to it.
final class FilterHosts {
    let host: Namespace
    let other: Namespace
    /// The lock of iptables-legacy in this test alone.
    let lockFile: String
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
        lockFile = "\(folder.path)/xtables.lock"
        host = try Namespace()
        other = try Namespace()
        let (near, far) = (Unique.interface(), Unique.interface())
        try Command.run(
            "ip", "link", "add", near, "netns", host.name, "type", "veth", "peer", "name", far,
            "netns", other.name)
        for (place, device, number) in [(host, near, "1"), (other, far, "2")] {
            try place.run("ip", "address", "add", "192.0.2.\(number)/24", "dev", device)
            try place.run("ip", "address", "add", "2001:db8::\(number)/64", "dev", device, "nodad")
            try place.run("ip", "link", "set", device, "up")
        }
    }

    var namespace: NetworkNamespace { .path("/run/netns/\(host.name)") }

    /// Runs a program on the host under test, with this test's lock.
    @discardableResult
    func run(_ words: String..., input: String = "") throws -> String {
        try Command.run(
            host.inside(words), input: input, environment: ["XTABLES_LOCKFILE": lockFile],
            limit: 300)
    }

    /// Starts a program on the host under test, with this test's lock.
    func start(_ words: String...) throws -> Job {
        try Job(host.inside(words), environment: ["XTABLES_LOCKFILE": lockFile])
    }

    /// Where a server is, and what it is asked by.
    struct Service {
        var port: UInt16
        var isIPv6 = false
        var isTCP = true
    }

    /// Sends `sent` bytes to a service on the host and takes `answered` bytes back.
    func talk(to service: Service, sent: Int, answered: Int) throws {
        let server = try TestSocket(in: namespace, service)
        let client = try TestSocket(
            in: .path("/run/netns/\(other.name)"),
            Service(port: 0, isIPv6: service.isIPv6, isTCP: service.isTCP))
        let address = service.isIPv6 ? "2001:db8::1" : "192.0.2.1"
        try server.listen()
        try client.connect(to: address, service.port)
        try client.send(sent)
        let accepted = try server.accept(sent)
        try accepted.send(answered)
        try client.take(answered)
    }
}

/// A blocking socket of a test's own in some namespace.
final class TestSocket {
    private let descriptor: Int32
    private let service: FilterHosts.Service

    init(in namespace: NetworkNamespace, _ service: FilterHosts.Service) throws {
        self.service = service
        let type = service.isTCP ? SOCK_STREAM : SOCK_DGRAM
        descriptor = try namespace.socket(
            domain: service.isIPv6 ? AF_INET6 : AF_INET,
            type: Int32(type.rawValue | SOCK_CLOEXEC.rawValue), protocol: 0)
        var on: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, 4)
        var limit = timeval(tv_sec: 20, tv_usec: 0)
        setsockopt(
            descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    private init(accepted: Int32, _ service: FilterHosts.Service) {
        descriptor = accepted
        self.service = service
    }

    deinit { close(descriptor) }

    func listen() throws {
        try use(service.isIPv6 ? "::" : "0.0.0.0", service.port, bind)
        if service.isTCP { try check(Glibc.listen(descriptor, 8)) }
    }

    func connect(to address: String, _ port: UInt16) throws {
        try use(address, port, Glibc.connect)
    }

    /// The connection of who asks; for UDP this socket itself, connected to who sent `count` bytes.
    func accept(_ count: Int) throws -> TestSocket {
        guard service.isTCP else {
            var from = sockaddr_storage()
            var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
            var room = [UInt8](repeating: 0, count: 65_536)
            try withUnsafeMutablePointer(to: &from) { pointer in
                try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    let received = recvfrom(descriptor, &room, room.count, 0, $0, &size)
                    try check(Int32(clamping: received))
                    try check(Glibc.connect(descriptor, $0, size))
                }
            }
            return TestSocket(accepted: dup(descriptor), service)
        }
        let accepted = Glibc.accept(descriptor, nil, nil)
        try check(accepted)
        let connection = TestSocket(accepted: accepted, service)
        try connection.take(count)
        return connection
    }

    func send(_ count: Int) throws {
        let bytes = [UInt8](repeating: 7, count: count)
        try check(
            Int32(clamping: Glibc.send(descriptor, bytes, count, Int32(MSG_NOSIGNAL))))
    }

    func take(_ count: Int) throws {
        var room = [UInt8](repeating: 0, count: 65_536)
        var left = count
        while left > 0 {
            let received = recv(descriptor, &room, room.count, 0)
            try check(Int32(clamping: received))
            guard received > 0 else { throw POSIXError(.ECONNRESET) }
            left -= received
        }
    }

    private func use(
        _ address: String, _ port: UInt16,
        _ body: (Int32, UnsafePointer<sockaddr>?, socklen_t) -> Int32
    ) throws {
        var found: UnsafeMutablePointer<addrinfo>?
        var hints = addrinfo()
        hints.ai_flags = AI_NUMERICHOST
        hints.ai_socktype = Int32(service.isTCP ? SOCK_STREAM.rawValue : SOCK_DGRAM.rawValue)
        guard getaddrinfo(address, "\(port)", &hints, &found) == 0, let found else {
            throw POSIXError(.EINVAL)
        }
        defer { freeaddrinfo(found) }
        try check(body(descriptor, found.pointee.ai_addr, found.pointee.ai_addrlen))
    }

    private func check(_ result: Int32) throws {
        guard result < 0 else { return }
        throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO)
    }
}
