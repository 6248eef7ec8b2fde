/// Compares what the keys of a device gained with what its link carried meanwhile. Pure.
///
/// What a link carried between two readings is known within bounds: from the end of the first to
/// the beginning of the second at least, from the beginning of the first to the end of the second
/// at most.
struct LinkAudit {
    /// Bytes that the link may count before a counter's own sum has them: what some processors,
    /// each stopped within one packet or burst, may be about to add.
    static let slack: UInt64 = 64 << 10

    /// Bytes that a sum must have to be told from what passes of itself: handshakes and keepalives
    /// are of a few sizes each, and two sums of some of them are often the same.
    static let distinct: UInt64 = 1 << 10

    private let least: Traffic
    private let most: Traffic
    /// When the first reading was taken, seconds since 1970.
    private let since: Int64

    /// nil where the link proves nothing: it was reset, or had carried less by the first reading
    /// than its counters, which are `remembered`, showed.
    init?(
        from base: LinkReading, to link: LinkReading, remembered: CompactTable<CounterID, Baseline>
    ) {
        guard base.incarnation == link.incarnation,
            let most = link.after.gained(since: base.before),
            Self.covers(base.after, remembered)
        else { return nil }
        self.most = most
        least = link.before.excess(over: base.after)
        since = base.wall
    }

    /// Whether a link had carried all that the counters showed: one that had not does not count
    /// what they do.
    private static func covers(_ carried: Traffic, _ counters: CompactTable<CounterID, Baseline>)
        -> Bool
    {
        var sum = Traffic.zero
        for baseline in counters.values {
            guard let next = sum.adding(baseline.value) else { return false }
            sum = next
        }
        return (carried.adding(Traffic(uplink: slack, downlink: slack)) ?? carried).isAtLeast(sum)
    }

    /// Which changes, by index, claim more than the link carried: those that do so alone and,
    /// where the others' sum is still too large, those that rest on a restart or a first value.
    func excessive(_ changes: [Change]) -> [Int] {
        let slack = Traffic(uplink: Self.slack, downlink: Self.slack)
        let limit = most.adding(slack) ?? most
        if let sum = changes.gained, limit.isAtLeast(sum) { return [] }
        let alone = changes.indices.filter {
            changes[$0].kind == .gained && !limit.isAtLeast(changes[$0].amount)
        }
        let others = changes.indices.filter {
            changes[$0].kind == .gained && limit.isAtLeast(changes[$0].amount)
        }
        if let sum = others.map({ changes[$0] }).gained, limit.isAtLeast(sum) { return alone }
        return alone + others.filter { changes[$0].base == nil }
    }

    /// Counters that may have been removed and added again without showing it.
    struct Restarts: Equatable {
        /// Those that certainly were, by index.
        var proven: Range<Int>
        /// Those that may have been.
        var possible: Range<Int>
    }

    /// Looks for restarts that left no trace but what the link carried beyond the sum of all
    /// differences: a counter that passed its old value again hides as much as that value.
    ///
    /// `suspects` are the counters that stand last of those that were there before, by index, in
    /// the source's order. A counter that was added again goes to the end of that order, so the
    /// restarted ones are always the last some of them, and as many as there are, so much is
    /// hidden. They are proven where what is missing is exactly theirs: bytes of a key that came
    /// and went unseen, or that a removed one gained at last, would have to equal it by chance, which
    /// what is no more than some handshakes does.
    ///
    /// - Parameter isLikely: whether peers were certainly added again meanwhile. Then others may
    ///   have been as well whose old counters are smaller than the bounds are wide.
    func hiddenRestarts(
        in changes: [Change], suspects: Range<Int>, isLikely: Bool
    ) -> Restarts {
        let none = suspects.upperBound..<suspects.upperBound
        guard let gained = changes.gained, let missing = most.gained(since: gained) else {
            return Restarts(proven: none, possible: none)
        }
        let surely = least.excess(over: gained)
        guard surely != .zero || isLikely else { return Restarts(proven: none, possible: none) }
        var found = Restarts(proven: none, possible: none)
        var isProven = false
        var hidden = Traffic.zero
        for index in suspects.reversed() {
            guard let base = changes[index].base, mayHaveRestarted(changes[index], base),
                let sum = hidden.adding(base.value), missing.isAtLeast(sum)
            else { break }
            hidden = sum
            found.possible = index..<suspects.upperBound
            guard base.value != .zero, hidden.isAtLeast(surely), !isProven, isDistinct(hidden),
                isNarrow(missing.excess(over: surely), beside: hidden)
            else { continue }
            isProven = true
            found.proven = found.possible
        }
        return found
    }

    /// A key that passes traffic again after it was added again has made a handshake since.
    private func mayHaveRestarted(_ change: Change, _ base: Baseline) -> Bool {
        guard let handshake = change.counter.lastHandshake, handshake > 0 else { return true }
        return handshake != base.lastHandshake || handshake >= since
    }

    private func isDistinct(_ amount: Traffic) -> Bool {
        amount.uplink >= Self.distinct || amount.downlink >= Self.distinct
    }

    /// Whether bounds are so close that an amount between them is no coincidence.
    private func isNarrow(_ width: Traffic, beside amount: Traffic) -> Bool {
        (width.uplink >> 1) + (width.downlink >> 1)
            <= ((amount.uplink >> 1) + (amount.downlink >> 1)) >> 8
    }
}

extension Traffic {
    /// How much more this is, in each direction; zero where it is less.
    func excess(over other: Traffic) -> Traffic {
        Traffic(
            uplink: uplink - min(uplink, other.uplink),
            downlink: downlink - min(downlink, other.downlink))
    }
}
