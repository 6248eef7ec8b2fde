internal import Accounting
internal import Netlink

/// Where a peer was last seen: an IP address and a UDP port.
struct Endpoint: Hashable, Sendable {
    /// The address, as a range of one.
    let address: AddressRange
    let port: UInt16
    /// The interface of a link-local IPv6 address; 0 for none.
    var scope: UInt32 = 0

    private static let ipv4: UInt16 = 2
    private static let ipv6: UInt16 = 10

    init(address: AddressRange, port: UInt16, scope: UInt32 = 0) {
        self.address = address
        self.port = port
        self.scope = scope
    }

    /// Reads a `sockaddr_in` or `sockaddr_in6`; nil for another family, throws on a short one.
    init?(_ attribute: Attribute, in bytes: RawSpan) throws(NetlinkError) {
        guard attribute.count >= 16 else { throw attribute.wrongSize }
        let start = attribute.offset
        let family = bytes.unsafeLoadUnaligned(fromByteOffset: start, as: UInt16.self)
        let port = bytes.unsafeLoadUnaligned(fromByteOffset: start + 2, as: UInt16.self).bigEndian
        switch family {
        case Self.ipv4:
            let bytes = bytes.extracting(start + 4..<start + 8)
            guard let address = AddressRange(bytes, prefixLength: 32) else { return nil }
            self.init(address: address, port: port)
        case Self.ipv6:
            guard attribute.count >= 28 else { throw attribute.wrongSize }
            let scope = bytes.unsafeLoadUnaligned(fromByteOffset: start + 24, as: UInt32.self)
            let bytes = bytes.extracting(start + 8..<start + 24)
            guard let address = AddressRange(bytes, prefixLength: 128) else { return nil }
            self.init(address: address, port: port, scope: scope)
        default: return nil
        }
    }

    /// The endpoint as the kernel takes it.
    var socketAddress: [UInt8] {
        let isIPv6 = address.isIPv6
        var bytes = withUnsafeBytes(of: isIPv6 ? Self.ipv6 : Self.ipv4) { Array($0) }
        bytes += [UInt8(port >> 8), UInt8(truncatingIfNeeded: port)]
        guard isIPv6 else { return bytes + address.bytes + [UInt8](repeating: 0, count: 8) }
        return bytes + [0, 0, 0, 0] + address.bytes + withUnsafeBytes(of: scope) { Array($0) }
    }
}

extension Endpoint: CustomStringConvertible {
    /// `ADDRESS:PORT` or `[ADDRESS]:PORT`, with `%INDEX` behind a link-local address.
    var description: String {
        guard address.isIPv6 else { return "\(address.address):\(port)" }
        return "[\(address.address)\(scope == 0 ? "" : "%\(scope)")]:\(port)"
    }

    /// Reads what `description` writes; nil for anything else, names of hosts too.
    init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"),
            let port = UInt16(text[text.index(after: colon)...])
        else { return nil }
        var host = text[..<colon]
        let bracketed = host.hasPrefix("[") && host.hasSuffix("]")
        if bracketed { host = host.dropFirst().dropLast() }
        let parts = host.split(separator: "%", maxSplits: 1, omittingEmptySubsequences: false)
        guard let scope = parts.count == 2 ? UInt32(parts[1]) : 0,
            !parts[0].contains("/"), let address = AddressRange(parts[0]),
            address.isIPv6 == bracketed, address.isIPv6 || parts.count == 1
        else { return nil }
        self.init(address: address, port: port, scope: scope)
    }
}
