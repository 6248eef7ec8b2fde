internal import Accounting
internal import Netlink

/// A device as the kernel dumps it, put together from all messages of one dump.
///
/// A peer that did not fit one message goes on in another with its key and more allowed IPs
/// alone: fragments are merged by key, and only the one that has counters sets them.
struct KernelDump: Sendable {
    private(set) var listenPort: UInt16?
    private(set) var peers: [KernelPeer] = []
    /// Allowed IPs, each with the place of its peer in `peers`.
    private(set) var addresses: [(owner: Int, range: AddressRange)] = []
    private var places: KeyIndex
    private var counted = 0
    let index: UInt32

    /// Begins the dump of the device with this index; `expected` peers are made room for.
    init(index: UInt32, expecting expected: Int = 0) {
        self.index = index
        peers.reserveCapacity(expected)
        addresses.reserveCapacity(expected)
        places = KeyIndex(expecting: expected)
    }

    /// Where the peer stands in `peers`; nil where the device has none with that key.
    func place(of key: Key) -> Int? { key.publicKey.flatMap { places.place(of: $0, in: peers) } }

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
        guard counted == peers.count else { throw .malformed("a peer has no counters") }
    }

    private mutating func addPeer(_ nest: Attribute, _ bytes: RawSpan) throws(NetlinkError) {
        let (fragment, allowed) = try KernelPeer.decode(nest, in: bytes)
        let place = try merge(fragment)
        if let allowed { try addAddresses(allowed, bytes, owner: place) }
    }

    /// Adds a new peer, or the counters of one whose other fragment came first; a fragment
    /// without counters adds nothing but its allowed IPs. Returns the peer's place.
    private mutating func merge(_ fragment: KernelPeer) throws(NetlinkError) -> Int {
        let place = places.place(orNextOf: fragment.key, in: peers)
        guard place < peers.count else {
            peers.append(fragment)
            if fragment.isCounted { counted += 1 }
            return place
        }
        guard fragment.received != nil || fragment.sent != nil else { return place }
        guard !peers[place].isCounted, fragment.isCounted else {
            throw .malformed("a peer has its counters twice, or in halves")
        }
        let addressCount = peers[place].addressCount
        peers[place] = fragment
        peers[place].addressCount = addressCount
        counted += 1
        return place
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
