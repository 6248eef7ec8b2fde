import Accounting
import Ledger
import Logging
import Meters

extension Keeper {
    /// Books what was read beside a meter's counters: what its device carried by its own, and the
    /// packets of ports. Charged to nobody, and published for comparison.
    ///
    /// Peers and link are not read at the same instant, so the two differ by what passed between;
    /// that evens out with the next reading.
    func observe(_ reading: MeterReading) {
        for companion in reading.companions { observe(companion, beside: reading.reading.meter) }
        guard let link = reading.reading.link else { return }
        let counter = Counter(
            key: .everything, incarnation: link.incarnation, value: link.after)
        let meter = reading.reading.meter
        let carried = Reading(
            meter: meter.ofDevice, instant: reading.reading.instant, counters: [counter],
            startsFromZero: true)
        observe(carried, beside: meter)
    }

    private func observe(_ carried: Reading, beside meter: MeterName) {
        guard !ledger.awaitsCounters else { return }
        do {
            try measureBooking(of: meter) {
                let difference = try difference(of: carried)
                try ledger.record(difference, of: carried.meter, at: carried.instant)
                inventory.noteGone(difference.gone, at: carried.meter)
            }
            for counter in carried.counters {
                inventory.note(observed: counter.key, at: carried.meter)
            }
        } catch {
            if ledgerFault == nil { logger.error("\(error)") }
            ledgerFault = "\(error)"
        }
    }

    /// What is charged to nobody needs no second look.
    private func difference(of carried: Reading) throws -> Difference {
        let known = try known(carried.meter, carried)
        if let inheritance = ledger.inheritance(of: carried.meter) {
            return Succession.difference(
                from: known, to: carried, confirming: carried, since: inheritance.lastReading)
        }
        return Differ.difference(
            from: known, to: carried, confirming: carried,
            beganAfterDiscovery: newMetersBegan.covers(carried.meter))
    }
}
