internal import Accounting
internal import Glibc

/// What a userspace daemon says of its device, without the private key.
///
/// What peers have in any number stands in lists of its own, so that one of many peers costs little
/// and a reading that nobody looks at more closely allocates next to nothing.
struct UserspaceReply: Sendable {
    /// The UDP port that it listens on; nil where it names none.
    var listenPort: UInt16?
    /// Its peers, each once, in no order that means anything.
    private(set) var records: [UserspaceRecord] = []
    /// See `MeterReading.fingerprint`.
    private(set) var fingerprint: UInt64 = 0

    /// Its keys.
    private var tally = KeyTally()

    private var addresses: [AddressRange] = []
    private var presharedKeys: [PublicKey] = []
    private var endpoints: [UInt8] = []

    /// An empty reply with room for `expected` peers.
    init(expecting expected: Int = 0) {
        records.reserveCapacity(expected)
        addresses.reserveCapacity(expected)
    }

    /// Adds a peer, whose addresses came last.
    mutating func add(_ record: UserspaceRecord) {
        let mark = KeyIndex.mark(of: record.publicKey)
        tally.add(mark)
        fingerprint &+= mark
        for address in addresses[record.addresses] {
            fingerprint &+= KeyIndex.mark(of: address, beside: mark)
        }
        records.append(record)
    }

    /// See ``UserspaceExtent``.
    var extent: UserspaceExtent { UserspaceExtent(count: records.count, tally: tally) }

    /// Whether a key came twice; keys whose tally is `known` do not.
    func hasRepeats(known: KeyTally) -> Bool {
        tally != known && KeyIndex.hasRepeats(in: records)
    }

    /// Keeps an address of `record`, whose addresses come behind each other.
    mutating func keep(_ address: AddressRange, for record: inout UserspaceRecord) {
        if record.addressCount == 0 { record.firstAddress = UInt32(addresses.count) }
        record.addressCount += 1
        addresses.append(address)
    }

    mutating func keep(presharedKey key: PublicKey, for record: inout UserspaceRecord) {
        record.presharedKey = key.isZero ? 0 : UInt32(presharedKeys.count + 1)
        if !key.isZero { presharedKeys.append(key) }
    }

    mutating func keep(endpoint text: UnsafeRawBufferPointer, for record: inout UserspaceRecord) {
        record.endpoint = UInt32(endpoints.count)
        record.endpointLength = UInt16(text.count)
        endpoints.append(contentsOf: text)
    }
}

/// How many peers an answer had, and its keys, none of which came twice.
struct UserspaceExtent: Sendable {
    var count = 0
    var tally = KeyTally()
}

/// One peer of a userspace device, whose lists stand in the reply.
struct UserspaceRecord: Keyed, Sendable {
    let publicKey: PublicKey
    /// Bytes, from the client's side.
    var value = Traffic.zero
    /// Seconds since 1970; 0 for never.
    var lastHandshake: Int64 = 0
    var keepalive: UInt16 = 0
    /// 0 where the keepalive is a single number.
    var longestKeepalive: UInt16 = 0
    fileprivate var endpointLength: UInt16 = 0
    fileprivate var endpoint: UInt32 = 0
    /// The place in the reply's list and one; 0 for none.
    fileprivate var presharedKey: UInt32 = 0
    fileprivate var firstAddress: UInt32 = 0
    fileprivate var addressCount: UInt32 = 0

    init(key: PublicKey) {
        publicKey = key
    }

    fileprivate var addresses: Range<Int> {
        Int(firstAddress)..<Int(firstAddress) + Int(addressCount)
    }
}

/// One peer of a userspace device, put together.
struct UserspacePeer: Sendable {
    /// The peer's public key.
    var key: PublicKey
    /// How the peer is set up.
    var settings: PeerSettings
    /// Bytes, from the client's side.
    var value: Traffic
    /// Seconds since 1970; 0 for never.
    var lastHandshake: Int64
}

extension UserspaceReply {
    /// Its peers with everything that is needed to put them back.
    var peers: [UserspacePeer] {
        records.map {
            UserspacePeer(
                key: $0.publicKey, settings: settings(of: $0), value: $0.value,
                lastHandshake: $0.lastHandshake)
        }
    }

    /// The same of those in `wanted` alone; nil: of all.
    func settings(of wanted: Set<Key>?) -> [PeerSettings] {
        records.compactMap { record in
            guard wanted?.contains(.publicKey(record.publicKey)) ?? true else { return nil }
            return settings(of: record)
        }
    }

    private func settings(of record: UserspaceRecord) -> PeerSettings {
        var settings = PeerSettings(
            key: .publicKey(record.publicKey), addresses: Array(addresses[record.addresses]),
            keepalive: record.keepalive)
        if record.longestKeepalive > 0 { settings.longestKeepalive = record.longestKeepalive }
        if record.presharedKey > 0 {
            settings.presharedKey = presharedKeys[Int(record.presharedKey) - 1]
        }
        let endpoint = Int(record.endpoint)..<Int(record.endpoint) + Int(record.endpointLength)
        if !endpoint.isEmpty {
            settings.endpoint = String(decoding: endpoints[endpoint], as: UTF8.self)
        }
        return settings
    }

    /// The counters in the order of the reply.
    func counters(_ incarnation: Incarnation) -> [Counter] {
        let source = CounterSource(incarnation: incarnation)
        return records.map {
            Counter(
                key: .publicKey($0.publicKey), source: source, value: $0.value,
                lastHandshake: $0.lastHandshake)
        }
    }

    /// Reads one whole answer, up to and with its blank line.
    ///
    /// An answer that carries an error number, is cut short or breaks the format is thrown, never
    /// half read. None of its values enters the error: they may be secrets.
    static func decode(_ bytes: RawSpan, doing: String) throws(MeterError) -> UserspaceReply {
        var decoder = UserspaceDecoder()
        let taken = try decoder.feed(bytes, doing: doing)
        guard decoder.isComplete else { throw decoder.malformed("is cut short", doing: doing) }
        guard taken == bytes.byteCount else {
            throw decoder.malformed("has more behind it", doing: doing)
        }
        return try decoder.finish(doing: doing)
    }
}

/// Why an answer was not taken.
enum UserspaceFault: Error {
    /// The daemon's errno, negated as it sends it.
    case refused(Int64)
    /// What is wrong with the line.
    case malformed(String)
}

extension MeterError {
    /// The daemon answered with an error number of its own.
    static func refused(_ code: Int64, doing: String) -> MeterError {
        let number = Int32(clamping: code.magnitude)
        let kind: Code = number == EPERM || number == EACCES ? .denied : .failed
        let words = String(cString: strerror(number))
        return MeterError(
            kind, doing: doing, reason: "the daemon answered errno \(code) (\(words))")
    }
}
