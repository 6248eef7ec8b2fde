/// One counter's value in a reading.
///
/// A reading has one for each of tens of thousands of keys, so what all of them share stands apart.
public struct Counter: Hashable, Sendable {
    /// The meter's user that it counts for.
    public var key: Key
    private var hasHandshake: Bool
    /// -1 for none.
    private var ownPlace: Int32
    /// Which counter this is and since when; shared by those of one device.
    public var source: CounterSource
    /// What the source shows.
    public var value: Traffic
    private var handshake: Int64

    /// Makes a counter of a source that others have, too.
    public init(
        key: Key, source: CounterSource, value: Traffic, lastHandshake: Int64? = nil,
        place: Int? = nil
    ) {
        self.key = key
        self.source = source
        self.value = value
        hasHandshake = lastHandshake != nil
        handshake = lastHandshake ?? 0
        ownPlace = place.map { Int32(clamping: $0) } ?? -1
    }

    /// Makes a counter with a source of its own.
    public init(
        key: Key, part: String = "", incarnation: Incarnation, value: Traffic,
        lastHandshake: Int64? = nil, place: Int? = nil
    ) {
        self.init(
            key: key, source: CounterSource(part: part, incarnation: incarnation), value: value,
            lastHandshake: lastHandshake, place: place)
    }

    /// Which of the key's counters this is; empty where a key has only one.
    public var part: String { source.part }

    /// Changes when the counter's source restarts.
    public var incarnation: Incarnation { source.incarnation }

    /// Seconds since 1970 of the last handshake; 0 for never, nil where the source has none.
    public var lastHandshake: Int64? { hasHandshake ? handshake : nil }

    /// Where the counter stood in the source's own order; nil where that order means nothing.
    public var place: Int? { ownPlace < 0 ? nil : Int(ownPlace) }

    /// The same counter at another place.
    public func standing(at place: Int) -> Counter {
        Counter(
            key: key, source: source, value: value, lastHandshake: lastHandshake, place: place)
    }
}

/// What counters of one source have in common.
public final class CounterSource: Sendable {
    /// Which of a key's counters; empty where a key has only one.
    public let part: String
    /// Changes when the source restarts.
    public let incarnation: Incarnation

    /// Names a source.
    public init(part: String = "", incarnation: Incarnation) {
        self.part = part
        self.incarnation = incarnation
    }
}

extension CounterSource: Hashable {
    /// Whether both name the same.
    public static func == (one: CounterSource, other: CounterSource) -> Bool {
        one === other || one.part == other.part && one.incarnation == other.incarnation
    }

    /// Hashes what it names.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(part)
        hasher.combine(incarnation)
    }
}
