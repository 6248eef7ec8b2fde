/// Names one counter within an incarnation.
public struct CounterID: Hashable, Sendable {
    /// The meter's user.
    public var key: Key
    /// Which of the key's counters; empty where it has one.
    public var part: String

    /// Makes a name.
    public init(key: Key, part: String = "") {
        self.key = key
        self.part = part
    }
}

extension CounterID {
    /// Mixes the part in only where there is one: thousands are looked up at each reading.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(key)
        if !part.isEmpty { hasher.combine(part) }
    }
}

/// What is remembered of one counter from one reading to the next.
public struct Baseline: Hashable, Sendable {
    /// The value that has been accounted for.
    public var value: Traffic
    /// Seconds since 1970; 0 for never, nil where the source has none.
    public var lastHandshake: Int64?
    /// Where the counter stands among its neighbours: higher for those added later. Not an index:
    /// a survivor keeps its number when others go. Nil where the source's order means nothing.
    public var order: Int?

    /// Makes a baseline.
    public init(value: Traffic, lastHandshake: Int64? = nil, order: Int? = nil) {
        self.value = value
        self.lastHandshake = lastHandshake
        self.order = order
    }
}

/// What is remembered of one meter.
public struct MeterBaselines: Sendable {
    /// Whether this ledger has accounted for the meter before. The first reading of one that it
    /// has not is a baseline: nobody is charged for the past.
    public var isKnown: Bool
    /// The counters by incarnation and name.
    public var counters: [Incarnation: CompactTable<CounterID, Baseline>]
    /// The device's link as it was when the counters were accounted for; nil: not known.
    public var link: LinkReading?

    /// Makes what is remembered; of an unknown meter, nothing.
    public init(
        isKnown: Bool = false, counters: [Incarnation: [CounterID: Baseline]] = [:],
        link: LinkReading? = nil
    ) {
        self.isKnown = isKnown
        self.counters = counters.mapValues { CompactTable($0) }
        self.link = link
    }

    /// Takes over what a difference found.
    public mutating func apply(_ difference: Difference) {
        isKnown = true
        switch difference.link {
        case .kept: break
        case .replaced(let link): self.link = link
        case .forgotten: link = nil
        }
        for removed in difference.removed {
            counters[removed.incarnation]?[removed.id] = nil
            if counters[removed.incarnation]?.isEmpty == true {
                counters[removed.incarnation] = nil
            }
        }
        for update in difference.updates {
            counters[update.incarnation, default: [:]][update.id] = update.baseline
        }
    }
}
