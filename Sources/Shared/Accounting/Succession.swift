/// The first reading that a new ledger takes of a meter which its server has reported before.
/// Pure: it keeps nothing.
public enum Succession {
    /// What `reading` adds to what the controller had of the meter.
    ///
    /// A counter that went on from the value that the controller had gained the difference. One
    /// that is sure to have begun after the last reading that the controller booked is charged
    /// whole. Of any other nobody can tell how much of it was charged before: its value is a
    /// baseline. A counter that is gone is forgotten once two readings lack it: one that is made
    /// in its place later begins from zero.
    ///
    /// - Parameters:
    ///   - known: the meter's counters as the controller had them.
    ///   - reading: the new ledger's first reading.
    ///   - first: the reading just before it that raised doubts; nil where there was none.
    ///   - last: when the controller's values were read; nil: it does not know.
    public static func difference(
        from known: MeterBaselines, to reading: Reading, confirming first: Reading? = nil,
        since last: Instant?
    ) -> Difference {
        var difference = Difference()
        findMissing(from: known, to: reading, confirming: first, in: &difference)
        var places: [Name: Int] = [:]
        for (index, counter) in reading.counters.enumerated() {
            let id = CounterID(key: counter.key, part: counter.part)
            let (kind, amount) = judge(counter, known, reading, last)
            let name = Name(key: counter.key, kind: kind)
            let place = places[name] ?? difference.deltas.count
            if place == difference.deltas.count {
                difference.deltas.append(
                    Delta(key: counter.key, kind: kind, amount: .zero, counters: []))
                places[name] = place
            }
            guard let sum = difference.deltas[place].amount.adding(amount) else {
                difference.doubts.append(.overflow(id))
                continue
            }
            difference.deltas[place].amount = sum
            difference.deltas[place].counters.append(counter)
            difference.updates.append(
                BaselineUpdate(
                    incarnation: counter.incarnation, id: id,
                    baseline: Baseline(
                        value: counter.value, lastHandshake: counter.lastHandshake,
                        order: counter.place == nil ? nil : index)))
        }
        // What the link carries from here on is compared with what its counters gain.
        if let link = reading.link, !difference.isDoubtful { difference.link = .replaced(link) }
        return difference
    }

    private static func findMissing(
        from known: MeterBaselines, to reading: Reading, confirming first: Reading?,
        in difference: inout Difference
    ) {
        let absent = absent(from: reading, known)
        guard !absent.isEmpty else { return }
        let before = first.map { self.absent(from: $0, known) } ?? []
        let keys = Set(reading.counters.map(\.key))
        var gone = Set<Key>()
        for name in absent {
            guard before.contains(name) else {
                difference.doubts.append(.missing(name.id))
                continue
            }
            difference.removed.append(name)
            if !keys.contains(name.id.key), gone.insert(name.id.key).inserted {
                difference.gone.append(name.id.key)
            }
        }
    }

    /// What is known of `known` and not in a reading.
    private static func absent(
        from reading: Reading, _ known: MeterBaselines
    ) -> Set<BaselineName> {
        let present = Set(
            reading.counters.map {
                BaselineName(
                    incarnation: $0.incarnation, id: CounterID(key: $0.key, part: $0.part))
            })
        var absent = Set<BaselineName>()
        for (incarnation, counters) in known.counters {
            for id in counters.keys {
                let name = BaselineName(incarnation: incarnation, id: id)
                if !present.contains(name) { absent.insert(name) }
            }
        }
        return absent
    }

    private struct Name: Hashable {
        var key: Key
        var kind: Delta.Kind
    }

    /// How a counter is to be taken, and how much of it.
    private static func judge(
        _ counter: Counter, _ known: MeterBaselines, _ reading: Reading, _ last: Instant?
    ) -> (Delta.Kind, Traffic) {
        let id = CounterID(key: counter.key, part: counter.part)
        if let baseline = known.counters[counter.incarnation]?[id] {
            guard let gained = counter.value.gained(since: baseline.value) else {
                return (.baseline, counter.value)
            }
            return (.gained, gained)
        }
        guard let last, counter.incarnation.began(after: last, seenAt: reading.instant) else {
            return (.baseline, counter.value)
        }
        return (reading.startsFromZero ? .gained : .uncertain, counter.value)
    }
}

extension Incarnation {
    /// How far apart the wall clocks of two boots may be off and still be believed.
    private static let clockTolerance: Int64 = 300_000_000_000

    /// Nanoseconds in a tick of `/proc/PID/stat` (`USER_HZ` is 100 wherever this runs).
    private static let tick: UInt64 = 10_000_000

    /// Whether it is sure that this incarnation began after `last`; false where nobody can tell.
    ///
    /// Of another boot than `last` everything began with that boot. Within the same boot a
    /// process tells when it started; a kernel device does not.
    public func began(after last: Instant, seenAt now: Instant) -> Bool {
        let parts = token.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count >= 4, parts[1] == now.boot.description else { return false }
        if now.boot != last.boot { return Self.bootBegan(after: last, seenAt: now) }
        guard parts[0] == "process", let ticks = UInt64(parts[3]) else { return false }
        let started = ticks.multipliedReportingOverflow(by: Self.tick)
        return !started.overflow && started.partialValue > last.boottime
    }

    /// A machine that ran before `last` by its own clock is another one, which took the server's
    /// place: what it counted before is not known.
    private static func bootBegan(after last: Instant, seenAt now: Instant) -> Bool {
        let booted = now.wall.subtractingReportingOverflow(Int64(clamping: now.boottime))
        let latest = last.wall.subtractingReportingOverflow(clockTolerance)
        guard !booted.overflow, !latest.overflow else { return false }
        return booted.partialValue >= latest.partialValue
    }
}
