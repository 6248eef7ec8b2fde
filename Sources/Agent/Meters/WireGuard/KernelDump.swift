internal import Accounting
internal import Netlink

/// A peer as the kernel dumps it; its allowed IPs stand in the dump.
struct KernelPeer: Sendable {
    let key: PublicKey
    var presharedKey: PublicKey?
    var endpoint: Endpoint?
    var keepalive: UInt16 = 0
    /// Seconds since 1970; 0 for never.
    var lastHandshake: Int64 = 0
    var received: UInt64?
    var sent: UInt64?
    /// How many allowed IPs it has.
    var addressCount = 0

    /// Its counters from the client's side: what the server received is the client's uplink.
    var traffic: Traffic { Traffic(uplink: received ?? 0, downlink: sent ?? 0) }
}

/// A device as the kernel dumps it, put together from all messages of one dump.
///
/// A peer that did not fit one message goes on in another with its key and more allowed IPs
/// alone: fragments are merged by key, and only the one that has counters sets them.
struct KernelDump: Sendable {
    private(set) var listenPort: UInt16?
    private(set) var peers: [KernelPeer] = []
    /// Allowed IPs, each with the place of its peer in `peers`.
    private(set) var addresses: [(owner: Int, range: AddressRange)] = []
    private var places: [PublicKey: Int] = [:]
    let index: UInt32

    /// Begins the dump of the device with this index; `expected` peers are made room for.
    init(index: UInt32, expecting expected: Int = 0) {
        self.index = index
        peers.reserveCapacity(expected)
        addresses.reserveCapacity(expected)
        places.reserveCapacity(expected)
    }

    /// Where the peer stands in `peers`; nil where the device has none with that key.
    func place(of key: Key) -> Int? { key.publicKey.flatMap { places[$0] } }

    /// Adds one message, from its `genlmsghdr` on.
    mutating func add(_ bytes: RawSpan) throws(NetlinkError) {
        guard bytes.byteCount >= GenericNetlink.headerSize else {
            throw .malformed("a device's message is too short")
        }
        var walk = AttributeWalk(bytes, from: GenericNetlink.headerSize)
        while let attribute = try walk.next(in: bytes) {
            switch attribute.type {
            case DeviceAttribute.index:
                let answered = try attribute.integer(UInt32.self, in: bytes)
                guard answered == index else {
                    throw .malformed("the answer is about the interface \(answered)")
                }
            case DeviceAttribute.listenPort:
                let port = try attribute.integer(UInt16.self, in: bytes)
                listenPort = port == 0 ? nil : port
            case DeviceAttribute.peers:
                var peers = AttributeWalk(inside: attribute)
                while let peer = try peers.next(in: bytes) { try addPeer(peer, bytes) }
            default: break
            }
        }
    }

    /// Throws unless every peer has its counters, which a whole dump never lacks.
    func checkWhole() throws(NetlinkError) {
        guard peers.allSatisfy({ $0.received != nil && $0.sent != nil }) else {
            throw .malformed("a peer has no counters")
        }
    }

    private mutating func addPeer(_ nest: Attribute, _ bytes: RawSpan) throws(NetlinkError) {
        let place = try self.place(ofPeerIn: nest, bytes)
        var walk = AttributeWalk(inside: nest)
        while let attribute = try walk.next(in: bytes) {
            if attribute.type == PeerAttribute.allowedIPs {
                try addAddresses(attribute, bytes, owner: place)
            } else {
                try peers[place].take(attribute, bytes)
            }
        }
    }

    /// The place of the peer that a fragment is of, which is made where the key is new.
    private mutating func place(
        ofPeerIn nest: Attribute, _ bytes: RawSpan
    ) throws(NetlinkError) -> Int {
        var walk = AttributeWalk(inside: nest)
        while let attribute = try walk.next(in: bytes) {
            guard attribute.type == PeerAttribute.publicKey else { continue }
            let key = try attribute.key(in: bytes)
            if let last = peers.last, last.key == key { return peers.count - 1 }
            if let known = places[key] { return known }
            places[key] = peers.count
            peers.append(KernelPeer(key: key))
            return peers.count - 1
        }
        throw .malformed("a peer has no public key")
    }

    private mutating func addAddresses(
        _ nest: Attribute, _ bytes: RawSpan, owner: Int
    ) throws(NetlinkError) {
        var walk = AttributeWalk(inside: nest)
        while let attribute = try walk.next(in: bytes) {
            let range = try AddressRange.decode(attribute, in: bytes)
            addresses.append((owner: owner, range: range))
            peers[owner].addressCount += 1
        }
    }
}

extension KernelPeer {
    /// Takes one attribute of a fragment; passes over what it does not know.
    fileprivate mutating func take(
        _ attribute: Attribute, _ bytes: RawSpan
    ) throws(NetlinkError) {
        switch attribute.type {
        case PeerAttribute.presharedKey:
            let key = try attribute.key(in: bytes)
            presharedKey = key.isZero ? nil : key
        case PeerAttribute.endpoint: endpoint = try Endpoint(attribute, in: bytes)
        case PeerAttribute.keepalive:
            // AmneziaWG writes a range in wider integers: its lower half is the interval.
            keepalive = UInt16(truncatingIfNeeded: try attribute.unsigned(in: bytes))
        case PeerAttribute.lastHandshake:
            guard attribute.count == 16 else { throw attribute.wrongSize }
            lastHandshake = bytes.unsafeLoadUnaligned(
                fromByteOffset: attribute.offset, as: Int64.self)
        case PeerAttribute.received:
            guard received == nil else { throw Self.twice }
            received = try attribute.integer(UInt64.self, in: bytes)
        case PeerAttribute.sent:
            guard sent == nil else { throw Self.twice }
            sent = try attribute.integer(UInt64.self, in: bytes)
        default: break
        }
    }

    private static var twice: NetlinkError { .malformed("a peer has its counters twice") }
}

extension Attribute {
    fileprivate func key(in bytes: RawSpan) throws(NetlinkError) -> PublicKey {
        guard count == PublicKey.byteCount, let key = PublicKey(bytes, at: offset) else {
            throw wrongSize
        }
        return key
    }
}

extension AddressRange {
    /// Reads one element of a peer's allowed IPs.
    fileprivate static func decode(
        _ nest: Attribute, in bytes: RawSpan
    ) throws(NetlinkError) -> AddressRange {
        var walk = AttributeWalk(inside: nest)
        var address: Attribute?
        var prefix: UInt8?
        while let attribute = try walk.next(in: bytes) {
            switch attribute.type {
            case AllowedIPAttribute.address: address = attribute
            case AllowedIPAttribute.prefix: prefix = try attribute.integer(UInt8.self, in: bytes)
            default: break
            }
        }
        guard let address, let prefix,
            let range = AddressRange(
                bytes.extracting(address.offset..<address.offset + address.count),
                prefixLength: prefix)
        else { throw .malformed("an allowed IP is not an address with a prefix length") }
        return range
    }
}
