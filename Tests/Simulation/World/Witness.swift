import Accounting

extension TrueHost {
    /// Learns which readings are durable from what the ledger remembers, and checks that it
    /// remembers nothing that no reading has shown.
    ///
    /// - Parameters:
    ///   - books: what the ledger remembers now, by meter.
    ///   - wasKnown: the meters that it had accounted for before.
    ///   - scope: whether its last look at the host before these readings saw everything there.
    func witness(
        _ books: [MeterName: MeterBaselines], wasKnown: Set<MeterName>,
        covers: (MeterName) -> Bool
    ) throws(Violation) {
        var fallen: Set<MeterName> = []
        var held: [Incarnation: [CounterID: (Traffic, MeterName)]] = [:]
        for (meter, book) in books where meter.kind != .interface {
            for (incarnation, counters) in book.counters {
                for (id, baseline) in counters {
                    held[incarnation, default: [:]][id] = (baseline.value, meter)
                }
            }
        }
        // The youngest first: a value that a successor was read with is the successor's.
        for counter in history.reversed() {
            let found = held[counter.incarnation]?[counter.id]
            if let (value, meter) = found, counter.explains(value) {
                if counter.recorded == nil, !wasKnown.contains(meter), !covers(meter) {
                    counter.base = base(of: counter, read: value, at: meter)
                    doubtBase(of: counter, readAs: value)
                }
                noteOvertaking(by: counter, readAs: value)
                if counter.hasFallen(to: value) { fallen.insert(meter) }
                if counter.recorded != value {
                    tell(
                        "    \(counter.key.description.prefix(6)) recorded \(value) base \(counter.base)"
                    )
                }
                counter.recorded = value
                held[counter.incarnation]?[counter.id] = nil
            } else if !counter.isAlive {
                if let final = counter.final {
                    // Read, booked, removed within one round: only its last value was seen.
                    if counter.recorded == nil, let meter = counter.meter,
                        !wasKnown.contains(meter), !covers(meter)
                    {
                        let first = counter.delivered.dropLast().last ?? final
                        counter.base = base(of: counter, read: first, at: meter)
                    }
                    noteOvertaking(by: counter, readAs: final)
                    counter.recorded = final
                }
                counter.isSettled = true
                tell("    \(counter.key.description.prefix(6)) settled at \(counter.charge)")
            }
            (counter.delivered, counter.final) = ([], nil)
        }
        for (incarnation, counters) in held {
            for (id, (value, meter)) in counters
            where adoption.raws[incarnation]?[id] != value {
                throw Violation(
                    "\(name): the ledger remembers \(value) of \(id.key) at \(meter) "
                        + "(\(incarnation.token)), which no reading has shown")
            }
        }
        settle()
        noteFalls(of: fallen)
    }

    /// Where a meter was read more than once between two looks at the ledger, which of the readings
    /// was the first that became durable is not seen, and so not where a baseline lies.
    private func doubtBase(of counter: TrueCounter, readAs value: Traffic) {
        guard counter.base == value else { return }
        let earlier = counter.delivered.compactMap { value.gained(since: $0) }
        let doubts = doubts[counter.key, default: [.zero]]
        self.doubts[counter.key] = doubts.union(
            doubts.flatMap { one in earlier.compactMap { one.adding($0) } })
    }

    /// A counter that was read for the first time with no less than the one before it hides that
    /// one, where nothing else tells of the restart.
    private func noteOvertaking(by counter: TrueCounter, readAs value: Traffic) {
        guard counter.recorded == nil, let limit = counter.overtakes, value.isAtLeast(limit) else {
            return
        }
        unproven[counter.key] = unproven[counter.key, default: .zero].adding(
            counter.overtakesAtMost ?? limit)
        let few = Traffic(uplink: Self.passesMeanwhile, downlink: Self.passesMeanwhile)
        if few.isAtLeast(limit) {
            unseen[counter.key] = unseen[counter.key, default: .zero].adding(limit)
        }
    }

    /// More than may pass while a meter is read: what is less cannot show in the link's counters.
    private static let passesMeanwhile: UInt64 = 200_000

    private func settle() {
        for counter in history {
            guard let value = counter.recorded else { continue }
            everRecorded.insert(
                RecordedValue(incarnation: counter.incarnation, id: counter.id, value: value))
        }
        for counter in history where counter.isSettled {
            settled[counter.key] =
                settled[counter.key, default: .zero].adding(counter.charge)
            guard counter.recorded != nil, !counter.isBaseBooked else { continue }
            settledBaselines[counter.key] =
                settledBaselines[counter.key, default: .zero].adding(counter.base)
        }
        history.removeAll { $0.isSettled }
    }
}

extension TrueCounter {
    /// Whether its first durable value shows that it began anew: no reading can have missed that.
    fileprivate func hasFallen(to value: Traffic) -> Bool {
        guard recorded == nil, isReset, let old = overtakes else { return false }
        return !value.isAtLeast(old)
    }

    /// Whether a durable value may be a reading of this counter.
    fileprivate func explains(_ value: Traffic) -> Bool {
        recorded == value || delivered.contains(value) || final == value
    }
}

/// Something that must never be so, and is.
struct Violation: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}
