internal import CMnl

/// A network interface, as rtnetlink shows it.
package struct Link: Hashable, Sendable {
    /// The interface's index (`ifindex`).
    package var index: UInt32
    /// Its name (`IFLA_IFNAME`); empty where the kernel left it out.
    package var name = ""
    /// What made it (`IFLA_INFO_KIND`), such as `wireguard`; nil for hardware.
    package var kind: String?
    /// Bytes received (`IFLA_STATS64`); nil where the kernel left the statistics out.
    package var received: UInt64?
    /// Bytes sent; nil where the kernel left the statistics out.
    package var sent: UInt64?

    /// Bytes of `struct ifinfomsg`, after which the attributes begin.
    static let headerSize = 16

    /// Reads an `RTM_NEWLINK` or `RTM_DELLINK` message from its payload.
    static func decode(_ bytes: RawSpan) throws(NetlinkError) -> Link {
        guard bytes.byteCount >= headerSize else { throw .malformed("a link is too short") }
        let index = bytes.unsafeLoadUnaligned(fromByteOffset: 4, as: Int32.self)
        guard index > 0 else { throw .malformed("a link's index is \(index)") }
        var link = Link(index: UInt32(index))
        var walk = AttributeWalk(bytes, from: headerSize)
        while let attribute = try walk.next(in: bytes) { try link.take(attribute, bytes) }
        return link
    }

    private mutating func take(
        _ attribute: Attribute, _ bytes: RawSpan
    ) throws(NetlinkError) {
        switch Int(attribute.type) {
        case IFLA_IFNAME: name = try attribute.text(in: bytes)
        case IFLA_LINKINFO: try takeKind(attribute, bytes)
        case IFLA_STATS64:
            // struct rtnl_link_stats64: packets received and sent, then bytes received and sent.
            guard attribute.count >= 32 else { throw attribute.wrongSize }
            let start = attribute.offset
            received = bytes.unsafeLoadUnaligned(fromByteOffset: start + 16, as: UInt64.self)
            sent = bytes.unsafeLoadUnaligned(fromByteOffset: start + 24, as: UInt64.self)
        default: break
        }
    }

    private mutating func takeKind(
        _ attribute: Attribute, _ bytes: RawSpan
    ) throws(NetlinkError) {
        var walk = AttributeWalk(inside: attribute)
        while let inner = try walk.next(in: bytes) {
            if Int(inner.type) == IFLA_INFO_KIND { kind = try inner.text(in: bytes) }
        }
    }
}
