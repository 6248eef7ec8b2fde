internal import Accounting
internal import Netlink

/// A peer as the kernel dumps it, or a fragment of one; allowed IPs stand in the dump.
struct KernelPeer: Keyed, Sendable {
    var key = PublicKey.zero
    /// All zero for none.
    var presharedKey = PublicKey.zero
    var endpoint: Endpoint?
    var keepalive = Keepalive()
    var advancedSecurity = false
    /// Seconds since 1970; 0 for never. See ``HandshakeTime``.
    var lastHandshake: Int64 = 0
    /// nil in a fragment that goes on with a peer.
    var received: UInt64?
    var sent: UInt64?
    /// How many allowed IPs it has.
    var addressCount = 0

    /// Whether both counters are there.
    var isCounted: Bool { received != nil && sent != nil }

    /// Its counters from the client's side: what the server received is the client's uplink.
    var traffic: Traffic { Traffic(uplink: received ?? 0, downlink: sent ?? 0) }

    /// Reads the peer in `nest`, and where its allowed IPs stand; passes over what it does not
    /// know.
    static func decode(
        _ nest: Attribute, in bytes: RawSpan
    ) throws(NetlinkError) -> (peer: KernelPeer, allowed: Attribute?) {
        var peer = KernelPeer()
        var allowed: Attribute?
        var hasKey = false
        var walk = AttributeWalk(inside: nest)
        while let attribute = try walk.next(in: bytes) {
            switch attribute.type {
            case PeerAttribute.publicKey:
                peer.key = try attribute.key(in: bytes)
                hasKey = true
            case PeerAttribute.allowedIPs:
                guard allowed == nil else { throw .malformed("a peer has two lists of addresses") }
                allowed = attribute
            default: try peer.take(attribute, bytes)
            }
        }
        guard hasKey else { throw .malformed("a peer has no public key") }
        return (peer, allowed)
    }

    private mutating func take(
        _ attribute: Attribute, _ bytes: RawSpan
    ) throws(NetlinkError) {
        switch attribute.type {
        case PeerAttribute.presharedKey: presharedKey = try attribute.key(in: bytes)
        case PeerAttribute.endpoint: endpoint = try Endpoint(attribute, in: bytes)
        case PeerAttribute.keepalive: keepalive = try Keepalive(attribute, in: bytes)
        case PeerAttribute.advancedSecurity: advancedSecurity = true
        case PeerAttribute.lastHandshake:
            guard attribute.count == 16 else { throw attribute.wrongSize }
            lastHandshake = HandshakeTime.seconds(
                bytes.unsafeLoadUnaligned(fromByteOffset: attribute.offset, as: Int64.self),
                nanoseconds: bytes.unsafeLoadUnaligned(
                    fromByteOffset: attribute.offset + 8, as: Int64.self))
        case PeerAttribute.received: received = try attribute.integer(UInt64.self, in: bytes)
        case PeerAttribute.sent: sent = try attribute.integer(UInt64.self, in: bytes)
        default: break
        }
    }
}

extension Attribute {
    fileprivate func key(in bytes: RawSpan) throws(NetlinkError) -> PublicKey {
        guard count == PublicKey.byteCount, let key = PublicKey(bytes, at: offset) else {
            throw wrongSize
        }
        return key
    }
}
