public import Accounting

/// One source of counters on this host, and the doors of the keys that it counts.
///
/// A meter is used from one thread at a time and keeps nothing that a restart would miss: what
/// must survive (settings, what was shut) goes to the ledger through the caller.
public protocol Meter: AnyObject {
    /// The meter's name, unique on this host.
    var name: MeterName { get }

    /// How its counters and doors behave.
    var traits: MeterTraits { get }

    /// Reads every counter at one instant, all or nothing.
    func read() throws(MeterError) -> MeterReading

    /// Lets nothing more through for `keys`, and verifies it. Keys that are not there are fine.
    ///
    /// On a meter whose `blocksInPlace` is false a blocked key's bytes are still counted: there it
    /// is for when `remove` must wait.
    func block(_ keys: [Key]) throws(MeterError)

    /// Takes `keys` out of the source, and verifies it. Keys that are not there are fine.
    ///
    /// Returns the last values seen before the removal, and how long they were unwatched: also
    /// where it could not be verified, so that nothing that was read is lost.
    func remove(_ keys: [Key]) throws(MeterError) -> Removal

    /// Puts keys back exactly as `settings` say, whether blocked or removed, and verifies it.
    func restore(_ settings: [PeerSettings]) throws(MeterError)
}

/// How a meter's counters and doors behave.
public struct MeterTraits: Hashable, Sendable {
    /// Where the counters live: "kernel" or "userspace".
    public var source: String
    /// Whether a key can be blocked while its counter stays readable.
    public var blocksInPlace: Bool

    /// Makes traits.
    public init(source: String, blocksInPlace: Bool) {
        self.source = source
        self.blocksInPlace = blocksInPlace
    }
}

/// A reading, and what the source says of each key beside its counters.
public struct MeterReading: Sendable {
    /// The counters.
    public var reading: Reading
    /// The UDP port that the device listens on; nil where it has none.
    public var listenPort: UInt16?
    /// The same for two readings of a meter whose keys and tunnel addresses are the same, in
    /// whatever order, and otherwise another; nil where that is not known, or where a key may have
    /// several counters.
    public var fingerprint: UInt64?
    /// What was read beside it at the same time, in other units or in part: observed, charged to
    /// nobody.
    public var companions: [Reading] = []
    private let makePeers: @Sendable (Set<Key>?) -> [PeerSettings]

    /// The keys, in the order of the reading's counters, one for each key. Made at each call.
    public var peers: [PeerSettings] { makePeers(nil) }

    /// Those of `keys` that the source has, in that order. Made at each call.
    public func peers(of keys: Set<Key>) -> [PeerSettings] { makePeers(keys) }

    /// Makes a reading with its peers.
    public init(reading: Reading, peers: [PeerSettings], listenPort: UInt16?) {
        self.init(reading: reading, listenPort: listenPort, fingerprint: nil) { wanted in
            guard let wanted else { return peers }
            return peers.filter { wanted.contains($0.key) }
        }
    }

    /// Makes a reading whose peers are made only when they are asked for: most readings are of
    /// many keys, and nobody looks at more than their counters. Given nil, `peers` makes all.
    public init(
        reading: Reading, listenPort: UInt16?, fingerprint: UInt64?,
        peers: @escaping @Sendable (Set<Key>?) -> [PeerSettings]
    ) {
        self.reading = reading
        self.listenPort = listenPort
        self.fingerprint = fingerprint
        makePeers = peers
    }
}

/// Everything that is needed to put a peer back as it was. Holds a secret: never log it.
public struct PeerSettings: Hashable, Sendable {
    /// The peer.
    public var key: Key
    /// 32 bytes; nil for none.
    public var presharedKey: PublicKey?
    /// Tunnel addresses; empty for a peer that is blocked.
    public var addresses: [AddressRange]
    /// Seconds between keepalives; 0 for off.
    public var keepalive: UInt16
    /// The most seconds between keepalives, where AmneziaWG draws them from a range that begins
    /// at `keepalive`; nil for a single number.
    public var longestKeepalive: UInt16?
    /// `ADDRESS:PORT` or `[ADDRESS]:PORT`; nil where it is not known.
    public var endpoint: String?
    /// Whether AmneziaWG's module has marked the peer as one that speaks its dialect.
    public var advancedSecurity = false

    /// Makes settings.
    public init(
        key: Key, presharedKey: PublicKey? = nil, addresses: [AddressRange] = [],
        keepalive: UInt16 = 0, endpoint: String? = nil
    ) {
        self.key = key
        self.presharedKey = presharedKey
        self.addresses = addresses
        self.keepalive = keepalive
        self.endpoint = endpoint
    }
}

/// What a removal saw.
public struct Removal: Sendable {
    /// The reading of the whole meter just before; nil where the caller took it itself.
    public var final: MeterReading?
    /// Nanoseconds between that reading and the removal, in which bytes went uncounted.
    public var window: UInt64
    /// Why the removal, which the source accepted, could not be verified; nil where it was.
    public var fault: MeterError?

    /// Makes a removal's report.
    public init(final: MeterReading?, window: UInt64, fault: MeterError? = nil) {
        self.final = final
        self.window = window
        self.fault = fault
    }
}
