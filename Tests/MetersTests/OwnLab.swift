import Accounting
import Foundation
import TestSupport
import Testing

@testable import Meters
@testable import Netlink

/// A host with the agent's own table, and a client that is joined to it, each in a namespace.
final class OwnLab {
    let host: Namespace
    let client: Namespace
    let table: OwnTable
    /// The host's interface towards the client.
    let interface = Unique.interface()

    static let hostAddresses = ["10.91.0.1", "fd91::1"]
    static let clientAddresses = ["10.91.0.2", "fd91::2"]

    init() throws {
        host = try Namespace()
        client = try Namespace()
        table = try OwnTable.open(in: host.network)
        let far = Unique.interface()
        try Command.run(
            "ip", "link", "add", interface, "netns", host.name, "type", "veth", "peer", "name", far,
            "netns", client.name)
        for (place, device, addresses) in [
            (host, interface, Self.hostAddresses), (client, far, Self.clientAddresses),
        ] {
            try place.run("ip", "address", "add", "\(addresses[0])/24", "dev", device)
            try place.run("ip", "address", "add", "\(addresses[1])/64", "dev", device, "nodad")
            try place.run("ip", "link", "set", device, "up")
        }
    }

    /// Every counter that `nft` lists in the table, by the token in its comment.
    func listed() throws -> [UInt64: (packets: UInt64, bytes: UInt64)] {
        let text = try host.run("nft", "-j", "list", "table", "inet", "tollkeeper")
        let listing = try JSONDecoder().decode(Listing.self, from: Data(text.utf8))
        var counters: [UInt64: (UInt64, UInt64)] = [:]
        for element in listing.nftables.compactMap(\.set).flatMap({ $0.elem ?? [] }) {
            guard let counter = element.elem?.counter, let comment = element.elem?.comment,
                let token = UInt64(comment, radix: 16)
            else { continue }
            counters[token] = (counter.packets, counter.bytes)
        }
        return counters
    }

    /// Checks that a reading is, element by element, what `nft` lists. The two are not taken at one
    /// instant, and hosts speak of themselves now and then: what both sides of a listing show counts.
    func expectWhatIsListed(sourceLocation: SourceLocation = #_sourceLocation) throws {
        var (counters, listed) = (try table.read(), try listed())
        for _ in 0..<20 where try table.read() != counters {
            (counters, listed) = (try table.read(), try self.listed())
        }
        #expect(Set(counters.map(\.token)) == Set(listed.keys), sourceLocation: sourceLocation)
        for counter in counters {
            #expect(listed[counter.token]?.packets == counter.packets, "\(counter)")
            #expect(listed[counter.token]?.bytes == counter.bytes, "\(counter)")
        }
    }

    private struct Listing: Decodable {
        struct Entry: Decodable { var set: Elements? }
        struct Elements: Decodable { var elem: [Element]? }
        /// Elements with counters are objects, others plain values.
        struct Element: Decodable {
            var elem: Facts?

            init(from decoder: any Decoder) throws {
                let container = try? decoder.container(keyedBy: Key.self)
                elem = try container?.decodeIfPresent(Facts.self, forKey: .elem)
            }

            private enum Key: CodingKey { case elem }
        }
        struct Facts: Decodable {
            var counter: Counter?
            var comment: String?
        }
        struct Counter: Decodable {
            var packets: UInt64
            var bytes: UInt64
        }
        var nftables: [Entry]
    }
}

extension Namespace {
    /// The namespace for sockets.
    var network: NetworkNamespace { .path("/run/netns/\(name)") }
}

/// A socket of the tests, closed when nobody holds it any more.
final class LabSocket {
    private let descriptor: Int32
    private let isIPv6: Bool

    private init(_ descriptor: Int32, isIPv6: Bool) {
        self.descriptor = descriptor
        self.isIPv6 = isIPv6
    }

    convenience init(in place: Namespace, isIPv6: Bool, isStream: Bool) throws {
        let kind = isStream ? SOCK_STREAM : SOCK_DGRAM
        self.init(
            try place.network.socket(
                domain: isIPv6 ? AF_INET6 : AF_INET, type: Int32(kind.rawValue), protocol: 0),
            isIPv6: isIPv6)
        var on: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, 4)
        try setLimit(milliseconds: 10_000)
    }

    deinit { close(descriptor) }

    /// How long sending, receiving and connecting wait.
    func setLimit(milliseconds: Int) throws {
        var limit = timeval(tv_sec: milliseconds / 1000, tv_usec: milliseconds % 1000 * 1000)
        let size = socklen_t(MemoryLayout<timeval>.size)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, size)
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, size)
    }

    func bind(_ address: String, _ port: UInt16) throws {
        try check(with(address, port) { Glibc.bind(descriptor, $0, $1) })
    }

    func listen() throws { try check(Glibc.listen(descriptor, 8)) }

    func connect(_ address: String, _ port: UInt16) throws {
        try check(with(address, port) { Glibc.connect(descriptor, $0, $1) })
    }

    func accept() throws -> LabSocket {
        LabSocket(try check(Glibc.accept(descriptor, nil, nil)), isIPv6: isIPv6)
    }

    @discardableResult
    func send(_ count: Int) throws -> Int {
        let bytes = [UInt8](repeating: 7, count: count)
        return Int(
            try check(Int32(Glibc.send(descriptor, bytes, count, Int32(MSG_NOSIGNAL)))))
    }

    /// Receives once; nil where nothing came in time.
    func receive(_ count: Int = 65_536) throws -> Int? {
        var bytes = [UInt8](repeating: 0, count: count)
        let received = recv(descriptor, &bytes, count, 0)
        if received < 0, errno == EAGAIN || errno == EWOULDBLOCK { return nil }
        return Int(try check(Int32(received)))
    }

    /// Receives until there are `count` bytes; less where they did not come in time.
    func receiveAll(_ count: Int) throws -> Int {
        var sum = 0
        while sum < count, let more = try receive(count - sum), more > 0 { sum += more }
        return sum
    }

    /// Sends from whom it last received to: a reply.
    func echo() throws -> Int? {
        var bytes = [UInt8](repeating: 0, count: 65_536)
        var peer = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        return try withUnsafeMutablePointer(to: &peer) { pointer in
            try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                let count = recvfrom(descriptor, &bytes, bytes.count, 0, address, &length)
                guard count >= 0 else { return nil }
                try check(Int32(sendto(descriptor, bytes, count, 0, address, length)))
                return count
            }
        }
    }

    private func with(
        _ address: String, _ port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) -> Int32 {
        if isIPv6 {
            var name = sockaddr_in6()
            name.sin6_family = sa_family_t(AF_INET6)
            name.sin6_port = port.bigEndian
            inet_pton(AF_INET6, address, &name.sin6_addr)
            return withUnsafePointer(to: &name) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    body($0, socklen_t(MemoryLayout<sockaddr_in6>.size))
                }
            }
        }
        var name = sockaddr_in()
        name.sin_family = sa_family_t(AF_INET)
        name.sin_port = port.bigEndian
        inet_pton(AF_INET, address, &name.sin_addr)
        return withUnsafePointer(to: &name) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }

    @discardableResult
    private func check(_ result: Int32) throws -> Int32 {
        guard result < 0 else { return result }
        throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO)
    }
}
