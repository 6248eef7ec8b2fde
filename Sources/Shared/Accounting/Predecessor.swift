/// What the controller last heard of a server's counters from a ledger that is lost or closed.
public struct Predecessor: Hashable, Sendable {
    /// One of the counters.
    public struct Known: Hashable, Sendable {
        /// The credential that its key is counted for.
        public var credential: UInt64
        /// Where it is counted.
        public var meter: MeterName
        /// The counter within its meter.
        public var id: CounterID
        /// Under which incarnation it was read last.
        public var incarnation: Incarnation
        /// What it showed then.
        public var value: Traffic

        /// Makes a counter.
        public init(
            credential: UInt64, meter: MeterName, id: CounterID, incarnation: Incarnation,
            value: Traffic
        ) {
            self.credential = credential
            self.meter = meter
            self.id = id
            self.incarnation = incarnation
            self.value = value
        }
    }

    /// Every counter that was reported.
    public var counters: [Known] = []
    /// When the newest of them was read, by the host's clocks; nil: nothing was ever read.
    public var lastReading: Instant?
    /// Every meter that was ever reported.
    public var meters: [MeterName] = []

    /// Makes a predecessor of which nothing is known.
    public init() {}
}
