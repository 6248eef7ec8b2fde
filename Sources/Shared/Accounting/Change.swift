/// What one counter adds to its key.
struct Change {
    /// How it compares with what was known.
    enum Origin {
        /// It went on from what is remembered of it.
        case difference(Baseline)
        /// It started again.
        case restart
        /// Nothing was remembered of it.
        case first
    }

    var counter: Counter
    var kind: Delta.Kind
    var amount: Traffic
    var order: Int?
    var origin: Origin
    /// What it may have gained besides, which cannot be proven.
    var unproven = Traffic.zero
    /// Whether it waits for another reading, its baseline left as it was.
    var isDoubted = false

    var id: CounterID { CounterID(key: counter.key, part: counter.part) }

    /// Whether its place in the source's order is known, now and before.
    var isOrdered: Bool { counter.place != nil && base?.order != nil }

    /// The baseline that it went on from; nil where it did not.
    var base: Baseline? {
        if case .difference(let base) = origin { base } else { nil }
    }
}

extension [Change] {
    /// Everything that is charged; nil where the sum does not fit 64 bits.
    var gained: Traffic? {
        var sum = Traffic.zero
        for change in self where change.kind == .gained {
            guard let next = sum.adding(change.amount) else { return nil }
            sum = next
        }
        return sum
    }
}
