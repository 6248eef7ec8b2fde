internal import Accounting
internal import Netlink

/// A device as the kernel dumps it, put together from all messages of one dump.
///
/// A peer that did not fit one message goes on in the next with its key and more allowed IPs
/// alone: fragments are merged by key, and only the one that has counters sets them. What peers
/// have in any number stands in lists of its own: settings are put together when somebody asks.
struct KernelDump: Sendable {
    private(set) var listenPort: UInt16?
    /// In the order of the dump.
    private(set) var counters: [Counter] = []
    /// What else the kernel says of each, in the same order.
    private(set) var peers: [KernelPeer] = []
    /// Allowed IPs, each with the place of its peer.
    private(set) var addresses: [(range: AddressRange, owner: UInt32)] = []
    private(set) var presharedKeys: [PublicKey] = []
    private(set) var endpoints: [Endpoint] = []
    /// See `MeterReading.fingerprint`.
    private(set) var fingerprint: UInt64 = 0
    /// The keys; none where one came again, behind others.
    private(set) var tally = KeyTally()
    private var counted = 0
    let index: UInt32
    private let source: CounterSource

    /// Begins the dump of the device with this index; room is made for `size`.
    init(index: UInt32, incarnation: Incarnation, expecting size: Size = Size()) {
        self.index = index
        source = CounterSource(incarnation: incarnation)
        counters.makeRoom(for: size.peers)
        peers.makeRoom(for: size.peers)
        addresses.makeRoom(for: size.addresses)
        presharedKeys.makeRoom(for: size.presharedKeys)
        endpoints.makeRoom(for: size.endpoints)
    }

    /// How long its lists are: those of the next dump need not grow.
    struct Size: Sendable {
        var peers = 0
        var addresses = 0
        var presharedKeys = 0
        var endpoints = 0
    }

    var size: Size {
        Size(
            peers: peers.count, addresses: addresses.count, presharedKeys: presharedKeys.count,
            endpoints: endpoints.count)
    }

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
                while let peer = try peers.next(in: bytes) {
                    try add(try KernelFragment(peer, in: bytes), bytes)
                }
            default: break
            }
        }
    }

    /// Throws unless every peer has its counters once, which a whole dump never lacks. Keys whose
    /// tally is `known` do not repeat.
    mutating func checkWhole(known: KeyTally? = nil) throws(NetlinkError) {
        if tally != known, KeyIndex.hasRepeats(in: counters) { try mergeFragments() }
        guard counted == peers.count else { throw .malformed("a peer has no counters") }
    }

    private mutating func add(
        _ fragment: borrowing KernelFragment, _ bytes: RawSpan
    ) throws(NetlinkError) {
        var peer = fragment.peer
        if let key = fragment.presharedKey, !key.isZero {
            presharedKeys.append(key)
            peer.presharedKey = UInt32(presharedKeys.count)
        }
        if let endpoint = fragment.endpoint {
            endpoints.append(endpoint)
            peer.endpoint = UInt32(endpoints.count)
        }
        let mark = KeyIndex.mark(of: fragment.key)
        let isNext = counters.last?.publicKey != fragment.key
        let counter = Counter(
            key: .publicKey(fragment.key), source: source, value: fragment.value,
            lastHandshake: fragment.lastHandshake, place: counters.count - (isNext ? 0 : 1))
        if isNext {
            tally.add(mark)
            append(counter, peer, mark)
        } else {
            try merge(counter, peer, at: peers.count - 1)
        }
        guard let allowed = fragment.allowed else { return }
        var walk = AttributeWalk(inside: allowed)
        while let attribute = try walk.next(in: bytes) {
            let range = try AddressRange.decode(attribute, in: bytes)
            addresses.append((range, UInt32(peers.count - 1)))
            peers[peers.count - 1].addressCount += 1
            fingerprint &+= KeyIndex.mark(of: range, beside: mark)
        }
    }

    private mutating func append(_ counter: Counter, _ peer: KernelPeer, _ mark: UInt64) {
        counters.append(counter)
        peers.append(peer)
        fingerprint &+= mark
        if peer.isCounted { counted += 1 }
    }

    /// Adds the counters of a peer whose other fragment came first; a fragment without counters
    /// adds nothing but its allowed IPs.
    private mutating func merge(
        _ counter: Counter, _ peer: KernelPeer, at place: Int
    ) throws(NetlinkError) {
        let addressCount = peers[place].addressCount + peer.addressCount
        if peer.isCounted {
            guard !peers[place].isCounted else {
                throw .malformed("a peer has its counters twice")
            }
            (counters[place], peers[place]) = (counter, peer)
            counted += 1
        }
        peers[place].addressCount = addressCount
    }

    /// Brings fragments together that did not come behind each other.
    private mutating func mergeFragments() throws(NetlinkError) {
        let fragments = (counters: counters, peers: peers)
        var places = KeyIndex(expecting: counters.count)
        var owners: [UInt32] = []
        (counters, peers, counted) = ([], [], 0)
        for (counter, peer) in zip(fragments.counters, fragments.peers) {
            let place = places.place(orNextOf: counter.publicKey, in: counters)
            owners.append(UInt32(place))
            let counter = counter.standing(at: place)
            let mark = KeyIndex.mark(of: counter.publicKey)
            fingerprint &-= mark
            if place == counters.count {
                append(counter, peer, mark)
            } else {
                try merge(counter, peer, at: place)
            }
        }
        for index in addresses.indices {
            addresses[index].owner = owners[Int(addresses[index].owner)]
        }
        tally = KeyTally()
    }
}

extension AddressRange {
    /// Reads one element of a peer's allowed IPs.
    @inline(__always) fileprivate static func decode(
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
