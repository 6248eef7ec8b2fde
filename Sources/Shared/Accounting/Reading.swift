/// One counter's value in a reading.
public struct Counter: Hashable, Sendable {
    /// The meter's user that it counts for.
    public var key: Key
    /// Which of the key's counters this is; empty where a key has only one.
    public var part: String
    /// Changes when the counter's source restarts.
    public var incarnation: Incarnation
    /// What the source shows.
    public var value: Traffic
    /// Seconds since 1970 of the last handshake; 0 for never, nil where the source has none.
    public var lastHandshake: Int64?
    /// Where the counter stood in the source's own order; nil where that order means nothing.
    public var place: Int?

    /// Makes a counter.
    public init(
        key: Key, part: String = "", incarnation: Incarnation, value: Traffic,
        lastHandshake: Int64? = nil, place: Int? = nil
    ) {
        self.key = key
        self.part = part
        self.incarnation = incarnation
        self.value = value
        self.lastHandshake = lastHandshake
        self.place = place
    }
}

/// Every counter of one meter at one instant, all or nothing.
public struct Reading: Sendable {
    /// The meter that was read.
    public var meter: MeterName
    /// When.
    public var instant: Instant
    /// Every counter that the meter has, each (key, part) once.
    public var counters: [Counter]
    /// Whether a counter of a new incarnation is known to have started from zero.
    public var startsFromZero: Bool
    /// The device's own counters; nil where the source has none that equal the sum of its keys.
    public var link: LinkReading?

    /// Makes a reading.
    public init(
        meter: MeterName, instant: Instant, counters: [Counter], startsFromZero: Bool,
        link: LinkReading? = nil
    ) {
        self.meter = meter
        self.instant = instant
        self.counters = counters
        self.startsFromZero = startsFromZero
        self.link = link
    }
}
