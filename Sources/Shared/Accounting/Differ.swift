/// Turns baselines and a reading into deltas and new baselines. Pure: it keeps nothing.
public enum Differ {
    /// What `reading` adds to `known`.
    ///
    /// A restart that overtook its old value shows by the counter's place in the source's order,
    /// by its handshake back at zero, or by what the device's link carried (see `LinkAudit`).
    /// Nothing is charged that the link did not carry.
    ///
    /// Where the result `isDoubtful`, take another reading at once and call again with it, giving
    /// the first as `first`: what both show is believed, what only one shows waits.
    ///
    /// - Parameters:
    ///   - known: what the ledger remembers of the meter.
    ///   - reading: the newest reading.
    ///   - first: the reading before it that raised doubts; nil where there was none.
    ///   - beganAfterDiscovery: whether the last full look at this host would have found the
    ///     meter, had it been there: then a meter never reported before is new, not merely unseen.
    public static func difference(
        from known: MeterBaselines, to reading: Reading, confirming first: Reading? = nil,
        beganAfterDiscovery: Bool = false
    ) -> Difference {
        var step = Step(known: known, reading: reading, beganAfterDiscovery: beganAfterDiscovery)
        if let first {
            var before = Step(
                known: known, reading: first, beganAfterDiscovery: beganAfterDiscovery)
            before.believesAll = true
            before.run()
            step.believed = Set(before.difference.doubts)
            step.isConfirming = true
        }
        step.run()
        return step.difference
    }
}

/// One call of the differ: its inputs, and the difference as it grows.
private struct Step {
    let known: MeterBaselines
    let reading: Reading
    let beganAfterDiscovery: Bool
    /// Doubts that an earlier reading raised: a doubt that comes again is a fact.
    var believed: Set<Doubt> = []
    /// Whether every doubt is taken for a fact: to find all that one reading may raise.
    var believesAll = false
    /// Whether this is the second of two readings.
    var isConfirming = false
    var difference = Difference()
    private var lineup = Lineup()
    /// Counters of the reading that something is remembered of.
    private var matched = 0
    /// What is remembered under the incarnation of `source`: most readings have one alone.
    private var held = CompactTable<CounterID, Baseline>()
    private var source: CounterSource?
    /// Where the next counter's baseline is, where readings are in the order of the first.
    private var nextPlace = 0
    private var changes: [Change] = []
    /// The first change that no change after it proves to be a survivor's.
    private var firstSuspect = 0

    init(known: MeterBaselines, reading: Reading, beganAfterDiscovery: Bool) {
        self.known = known
        self.reading = reading
        self.beganAfterDiscovery = beganAfterDiscovery
    }

    mutating func run() {
        for counter in reading.counters {
            if let change = change(of: counter) { changes.append(change) }
        }
        compareWithLink()
        var sums = Sums()
        for change in changes {
            if let overflow = sums.add(change) {
                difference.doubts.append(.overflow(overflow))
                continue
            }
            let baseline = Baseline(
                value: change.counter.value, lastHandshake: change.counter.lastHandshake,
                order: change.order)
            difference.updates.append(
                BaselineUpdate(
                    incarnation: change.counter.incarnation, id: change.id, baseline: baseline))
        }
        difference.deltas = sums.deltas
        findMissing()
        rememberLink()
    }

    /// What one counter adds; nil while it is in doubt or where nothing changed.
    private mutating func change(of counter: Counter) -> Change? {
        let id = CounterID(key: counter.key, part: counter.part)
        guard let baseline = baseline(of: id, counter.source) else {
            let order = lineup.append(counter)
            return start(counter, order: order)
        }
        matched += 1
        let movedBack = lineup.isOutOfOrder(counter, baseline)
        let kept = movedBack ? baseline.order : lineup.keep(baseline)
        if let gained = counter.value.gained(since: baseline.value),
            !movedBack, !handshakeWentToZero(counter, baseline)
        {
            if gained == .zero, counter.lastHandshake == baseline.lastHandshake {
                if counter.value != .zero { firstSuspect = changes.count }
                return nil
            }
            return Change(
                counter: counter, kind: .gained, amount: gained, order: kept,
                origin: .difference(baseline))
        }
        lineup.reachNewcomer(counter)
        guard believe(.restarted(id)) else { return nil }
        difference.restarts.append(id)
        let order = movedBack ? lineup.append(counter) : kept
        return Change(
            counter: counter, kind: .gained, amount: counter.value, order: order, origin: .restart)
    }

    private mutating func baseline(of id: CounterID, _ source: CounterSource) -> Baseline? {
        if self.source !== source {
            if self.source?.incarnation != source.incarnation {
                (held, nextPlace) = (known.counters[source.incarnation] ?? [:], 0)
            }
            self.source = source
        }
        return held.value(of: id, at: &nextPlace)
    }

    /// A counter that nothing is remembered of.
    private func start(_ counter: Counter, order: Int?) -> Change {
        let kind: Delta.Kind
        if known.isKnown || beganAfterDiscovery {
            kind = reading.startsFromZero ? .gained : .uncertain
        } else {
            kind = .baseline
        }
        return Change(
            counter: counter, kind: kind, amount: counter.value, order: order, origin: .first)
    }

    private func handshakeWentToZero(_ counter: Counter, _ baseline: Baseline) -> Bool {
        counter.lastHandshake == 0 && (baseline.lastHandshake ?? 0) > 0
    }

    /// Whether a doubt may be taken for a fact; notes it down where it may not.
    private mutating func believe(_ doubt: Doubt) -> Bool {
        if believed.contains(doubt) { return true }
        difference.doubts.append(doubt)
        return believesAll
    }

    /// Finds what is remembered but no longer there. A counter whose key now counts under another
    /// incarnation went with its source; of any other the absence needs to be seen twice.
    private mutating func findMissing() {
        guard matched < known.counters.values.reduce(0, { $0 + $1.count }) else { return }
        var present: [CounterID: Set<Incarnation>] = [:]
        for counter in reading.counters {
            let id = CounterID(key: counter.key, part: counter.part)
            present[id, default: []].insert(counter.incarnation)
        }
        let keys = Set(reading.counters.map(\.key))
        var gone = Set<Key>()
        for (incarnation, counters) in known.counters {
            for id in counters.keys where present[id]?.contains(incarnation) != true {
                guard present[id] != nil || believe(.missing(id)) else { continue }
                difference.removed.append(BaselineName(incarnation: incarnation, id: id))
                if !keys.contains(id.key), gone.insert(id.key).inserted {
                    difference.gone.append(id.key)
                }
            }
        }
    }
}

extension Step {
    /// The link as it was at the last reading; nil where nothing is known of it. A device that was
    /// made since then began with nothing carried.
    private var linkBase: LinkReading? {
        guard let link = reading.link else { return nil }
        if let base = known.link, base.incarnation == link.incarnation { return base }
        guard known.isKnown || beganAfterDiscovery, reading.startsFromZero,
            known.counters[link.incarnation] == nil
        else { return nil }
        return LinkReading(
            incarnation: link.incarnation, before: .zero, after: .zero, wall: .min)
    }

    /// Holds back what the link did not carry, and finds restarts by what it carried beyond.
    /// While anything is in doubt there is no sum to compare with.
    private mutating func compareWithLink() {
        guard believesAll || difference.doubts.isEmpty, let link = reading.link,
            let base = linkBase,
            let audit = LinkAudit(
                from: base, to: link, remembered: known.counters[link.incarnation] ?? [:])
        else { return }
        let excessive = audit.excessive(changes)
        guard excessive.isEmpty else {
            hold(excessive)
            return
        }
        let end = changes.firstIndex { $0.base == nil } ?? changes.count
        guard firstSuspect < end, changes[firstSuspect..<end].allSatisfy(\.isOrdered) else {
            return
        }
        let found = audit.hiddenRestarts(
            in: changes, suspects: firstSuspect..<end, isLikely: !difference.restarts.isEmpty)
        for index in found.possible {
            guard let base = changes[index].base, base.value != .zero else { continue }
            if found.proven.contains(index) {
                restart(index)
            } else {
                changes[index].unproven = base.value
            }
        }
        changes.removeAll(where: \.isDoubted)
    }

    /// Takes a change for a restart. Where only the second of two readings proves it, the first
    /// value stays uncertain: left out, it would be compared later with neighbours whose baselines
    /// are younger than its own, and their order would prove nothing.
    private mutating func restart(_ index: Int) {
        let id = changes[index].id
        if isConfirming, !believed.contains(.restarted(id)), let base = changes[index].base {
            changes[index].unproven = base.value
            return
        }
        guard believe(.restarted(id)) else {
            changes[index].isDoubted = true
            return
        }
        difference.restarts.append(id)
        changes[index].amount = changes[index].counter.value
        changes[index].origin = .restart
    }

    private mutating func hold(_ indices: [Int]) {
        for index in indices {
            changes[index].kind = .held
            changes[index].isDoubted = !believe(.excessive(changes[index].id))
        }
        changes.removeAll(where: \.isDoubted)
    }

    /// Notes the link down beside the new baselines. What is still in doubt is not accounted for,
    /// and neither is what the link carried of it.
    private mutating func rememberLink() {
        guard let link = reading.link, known.link?.hasCarriedNothing(until: link) != true else {
            return
        }
        guard !difference.doubts.isEmpty else {
            difference.link = .replaced(link)
            return
        }
        let moved = changes.gained.flatMap { linkBase?.adding($0) }
        difference.link = moved.map { .replaced($0) } ?? .forgotten
    }
}
