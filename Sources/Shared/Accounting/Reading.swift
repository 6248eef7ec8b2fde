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
