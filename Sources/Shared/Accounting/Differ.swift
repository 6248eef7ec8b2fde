/// Turns baselines and a reading into deltas and new baselines. Pure: it keeps nothing.
public enum Differ {
    /// What `reading` adds to `known`.
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
            var before = Step(known: known, reading: first, beganAfterDiscovery: false)
            before.run()
            step.believed = Set(before.difference.doubts)
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
    var difference = Difference()
    private var lineup = Lineup()
    /// Counters of the reading that something is remembered of.
    private var matched = 0

    init(known: MeterBaselines, reading: Reading, beganAfterDiscovery: Bool) {
        self.known = known
        self.reading = reading
        self.beganAfterDiscovery = beganAfterDiscovery
    }

    mutating func run() {
        var partial: [Key: Delta] = [:]
        for counter in reading.counters {
            guard let change = change(of: counter) else { continue }
            add(change, to: &partial)
        }
        finish(partial)
        findMissing()
    }

    /// What one counter adds; nil while it is in doubt or where nothing changed.
    private mutating func change(of counter: Counter) -> Change? {
        let id = CounterID(key: counter.key, part: counter.part)
        guard let baseline = known.counters[counter.incarnation]?[id] else {
            let order = lineup.append(counter)
            return start(counter, order: order)
        }
        matched += 1
        let movedBack = lineup.isOutOfOrder(counter, baseline)
        let kept = movedBack ? baseline.order : lineup.keep(baseline)
        if let gained = counter.value.gained(since: baseline.value),
            !movedBack, !handshakeWentToZero(counter, baseline)
        {
            if gained == .zero, counter.lastHandshake == baseline.lastHandshake { return nil }
            return Change(counter: counter, kind: .gained, amount: gained, order: kept)
        }
        guard believe(.restarted(id)) else { return nil }
        difference.restarts.append(id)
        let order = movedBack ? lineup.append(counter) : kept
        return Change(counter: counter, kind: .gained, amount: counter.value, order: order)
    }

    /// A counter that nothing is remembered of.
    private func start(_ counter: Counter, order: Int?) -> Change {
        let kind: Delta.Kind
        if known.isKnown || beganAfterDiscovery {
            kind = reading.startsFromZero ? .gained : .uncertain
        } else {
            kind = .baseline
        }
        return Change(counter: counter, kind: kind, amount: counter.value, order: order)
    }

    private func handshakeWentToZero(_ counter: Counter, _ baseline: Baseline) -> Bool {
        counter.lastHandshake == 0 && (baseline.lastHandshake ?? 0) > 0
    }

    /// Whether a doubt may be taken for a fact; notes it down where it may not.
    private mutating func believe(_ doubt: Doubt) -> Bool {
        if believed.contains(doubt) { return true }
        difference.doubts.append(doubt)
        return false
    }

    private mutating func add(_ change: Change, to partial: inout [Key: Delta]) {
        let counter = change.counter
        let id = CounterID(key: counter.key, part: counter.part)
        var delta =
            partial[counter.key]
            ?? Delta(key: counter.key, kind: change.kind, amount: .zero, counters: [])
        // Of a key's counters, one that gained makes the whole a gain: baselines add nothing to it.
        if delta.kind != .gained, change.kind == .gained {
            delta.kind = .gained
            delta.amount = .zero
        }
        if delta.kind == change.kind {
            guard let sum = delta.amount.adding(change.amount) else {
                difference.doubts.append(.overflow(id))
                return
            }
            delta.amount = sum
        }
        delta.counters.append(counter)
        partial[counter.key] = delta
        let baseline = Baseline(
            value: counter.value, lastHandshake: counter.lastHandshake, order: change.order)
        difference.updates.append(
            BaselineUpdate(incarnation: counter.incarnation, id: id, baseline: baseline))
    }

    private mutating func finish(_ partial: [Key: Delta]) {
        var seen = Set<Key>()
        for counter in reading.counters {
            guard let delta = partial[counter.key], seen.insert(counter.key).inserted else {
                continue
            }
            difference.deltas.append(delta)
        }
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

/// What one counter adds to its key.
private struct Change {
    var counter: Counter
    var kind: Delta.Kind
    var amount: Traffic
    var order: Int?
}

/// The source's own order, in which a counter that was removed and added again stands at the end:
/// survivors come first, with rising numbers; whatever follows a newcomer was added after it.
private struct Lineup {
    private var highest = -1
    private var reachedNewcomers = false

    mutating func isOutOfOrder(_ counter: Counter, _ baseline: Baseline) -> Bool {
        guard counter.place != nil, let order = baseline.order else { return false }
        if order <= highest { reachedNewcomers = true }
        return reachedNewcomers
    }

    mutating func keep(_ baseline: Baseline) -> Int? {
        guard let order = baseline.order else { return nil }
        highest = max(highest, order)
        return order
    }

    mutating func append(_ counter: Counter) -> Int? {
        guard counter.place != nil else { return nil }
        reachedNewcomers = true
        highest += 1
        return highest
    }
}
