/// What a reading adds to what was known.
public struct Difference: Sendable {
    /// What each key gained; keys that gained nothing and changed nothing are left out. A key may
    /// have several, one of each kind.
    public var deltas: [Delta] = []
    /// Baselines that are new or changed.
    public var updates: [BaselineUpdate] = []
    /// Baselines of counters that are gone.
    public var removed: [BaselineName] = []
    /// Keys that the source no longer has.
    public var gone: [Key] = []
    /// Counters whose value cannot be believed before a second reading shows it too. They are
    /// left as they were.
    public var doubts: [Doubt] = []
    /// Counters that were found to have restarted under an unchanged incarnation.
    public var restarts: [CounterID] = []
    /// What becomes of the link that is remembered.
    public var link = LinkChange.kept

    /// Makes an empty difference.
    public init() {}

    /// Whether a second reading is needed to tell.
    public var isDoubtful: Bool { !doubts.isEmpty }
}

/// What one key gained between two readings: the sum over its counters.
public struct Delta: Hashable, Sendable {
    /// How the amount is to be taken.
    public enum Kind: UInt32, Sendable {
        /// Traffic of the client.
        case gained = 0
        /// Found at a meter's first reading: reported apart, charged to nobody.
        case baseline = 1
        /// A first value that may hold old counts: a baseline, reported as uncertain.
        case uncertain = 2
        /// More than the device's link proves: held back and shown, charged to nobody.
        case held = 4
    }

    /// The meter's user.
    public var key: Key
    /// How the amount is to be taken.
    public var kind: Kind
    /// How much.
    public var amount: Traffic
    /// The key's counters as they were read.
    public var counters: [Counter]

    /// Makes a delta.
    public init(key: Key, kind: Kind, amount: Traffic, counters: [Counter]) {
        self.key = key
        self.kind = kind
        self.amount = amount
        self.counters = counters
    }
}

/// Names a counter's baseline.
public struct BaselineName: Hashable, Sendable {
    /// The counter's incarnation.
    public var incarnation: Incarnation
    /// The counter.
    public var id: CounterID

    /// Makes a name.
    public init(incarnation: Incarnation, id: CounterID) {
        self.incarnation = incarnation
        self.id = id
    }
}

/// A baseline that is new or changed.
public struct BaselineUpdate: Hashable, Sendable {
    /// The counter's incarnation.
    public var incarnation: Incarnation
    /// The counter.
    public var id: CounterID
    /// What is remembered of it from now on.
    public var baseline: Baseline

    /// Makes an update.
    public init(incarnation: Incarnation, id: CounterID, baseline: Baseline) {
        self.incarnation = incarnation
        self.id = id
        self.baseline = baseline
    }
}

/// Why a counter's value is not believed yet.
public enum Doubt: Hashable, Sendable {
    /// It started again: it is lower than it was, or its place or its handshake says so.
    case restarted(CounterID)
    /// It is not there.
    case missing(CounterID)
    /// It does not fit the 64 bits that sums are kept in.
    case overflow(CounterID)
    /// It claims more than the device's link carried.
    case excessive(CounterID)

    /// The counter in doubt.
    public var counter: CounterID {
        switch self {
        case .restarted(let id), .missing(let id), .overflow(let id), .excessive(let id): id
        }
    }
}
