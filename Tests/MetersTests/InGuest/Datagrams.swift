import Foundation
import Netlink
import Testing

/// A UDP socket in a namespace, bound to an IPv4 address; for real traffic through a tunnel.
final class Datagrams {
    private let descriptor: Int32
    private let address: sockaddr_in

    convenience init(in place: String, address text: String) throws {
        try self.init(in: .path("/run/netns/\(place)"), address: text)
    }

    init(in namespace: NetworkNamespace, address text: String) throws {
        descriptor = try namespace.socket(
            domain: AF_INET, type: Int32(SOCK_DGRAM.rawValue), protocol: 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(7).bigEndian
        try #require(inet_pton(AF_INET, text, &address.sin_addr) == 1)
        self.address = address
        var limit = timeval(tv_sec: 1, tv_usec: 0)
        setsockopt(
            descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        let descriptor = descriptor
        let bound = withAddress { bind(descriptor, $0, $1) }
        try #require(bound == 0, "cannot bind \(text): errno \(errno)")
    }

    deinit { close(descriptor) }

    /// Sends `count` bytes to `other` and says whether they came there.
    func reaches(_ other: Datagrams, bytes count: Int) -> Bool {
        let payload = [UInt8](repeating: 0x42, count: count)
        let descriptor = descriptor
        let sent = other.withAddress { sendto(descriptor, payload, count, 0, $0, $1) }
        guard sent == count else { return false }
        var buffer = [UInt8](repeating: 0, count: count + 1)
        return recv(other.descriptor, &buffer, buffer.count, 0) == count
    }

    /// Sends `count` bytes to `other` and waits for nothing.
    func send(_ count: Int, to other: Datagrams) {
        let payload = [UInt8](repeating: 0x43, count: count)
        let descriptor = descriptor
        _ = other.withAddress {
            sendto(descriptor, payload, count, Int32(MSG_DONTWAIT), $0, $1)
        }
    }

    private func withAddress<Value>(
        _ body: (UnsafePointer<sockaddr>, socklen_t) -> Value
    ) -> Value {
        withUnsafePointer(to: address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }
}
