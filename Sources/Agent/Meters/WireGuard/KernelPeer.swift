internal import Accounting
internal import Netlink

/// What the kernel says of a peer beside its counters; its lists stand in the dump.
struct KernelPeer: Sendable {
    /// The place in the dump's list and one; 0 for none.
    var presharedKey: UInt32 = 0
    /// The place in the dump's list and one; 0 for none.
    var endpoint: UInt32 = 0
    /// How many allowed IPs it has.
    var addressCount: UInt32 = 0
    var keepalive = Keepalive()
    var advancedSecurity = false
    /// False in a fragment that goes on with a peer.
    var isCounted = false
}

/// One of the pieces of a peer that messages hold: most peers have one.
struct KernelFragment {
    var key = PublicKey.zero
    var peer = KernelPeer()
    /// Its counters from the client's side: what the server received is the client's uplink.
    var value = Traffic.zero
    /// Seconds since 1970; 0 for never. See ``HandshakeTime``.
    var lastHandshake: Int64 = 0
    /// All zero for none.
    var presharedKey: PublicKey?
    var endpoint: Endpoint?
    /// Where its allowed IPs stand.
    var allowed: Attribute?

    /// Reads the peer in `nest`; passes over what it does not know.
    @inline(__always) init(_ nest: Attribute, in bytes: RawSpan) throws(NetlinkError) {
        var (hasKey, isReceived, isSent) = (false, false, false)
        var walk = AttributeWalk(inside: nest)
        while let attribute = try walk.next(in: bytes) {
            switch attribute.type {
            case PeerAttribute.publicKey:
                key = try attribute.key(in: bytes)
                hasKey = true
            case PeerAttribute.presharedKey: presharedKey = try attribute.key(in: bytes)
            case PeerAttribute.received:
                value.uplink = try attribute.integer(UInt64.self, in: bytes)
                isReceived = true
            case PeerAttribute.sent:
                value.downlink = try attribute.integer(UInt64.self, in: bytes)
                isSent = true
            case PeerAttribute.lastHandshake: lastHandshake = try attribute.time(in: bytes)
            case PeerAttribute.keepalive: peer.keepalive = try Keepalive(attribute, in: bytes)
            case PeerAttribute.endpoint: endpoint = try Endpoint(attribute, in: bytes)
            case PeerAttribute.advancedSecurity: peer.advancedSecurity = true
            case PeerAttribute.allowedIPs:
                guard allowed == nil else { throw .malformed("a peer has two lists of addresses") }
                allowed = attribute
            default: break
            }
        }
        guard hasKey else { throw .malformed("a peer has no public key") }
        guard isReceived == isSent else { throw .malformed("a peer has half of its counters") }
        peer.isCounted = isReceived
    }
}

extension Attribute {
    fileprivate func key(in bytes: RawSpan) throws(NetlinkError) -> PublicKey {
        guard count == PublicKey.byteCount, let key = PublicKey(bytes, at: offset) else {
            throw wrongSize
        }
        return key
    }

    fileprivate func time(in bytes: RawSpan) throws(NetlinkError) -> Int64 {
        guard count == 16 else { throw wrongSize }
        return HandshakeTime.seconds(
            bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: Int64.self),
            nanoseconds: bytes.unsafeLoadUnaligned(fromByteOffset: offset + 8, as: Int64.self))
    }
}
