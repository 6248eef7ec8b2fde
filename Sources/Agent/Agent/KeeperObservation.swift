import Accounting
import Ledger
import Logging
import Meters

extension Keeper {
    /// Books what a device carried by its own counters, beside what its peers did: charged to nobody,
    /// and published for comparison.
    ///
    /// Peers and link are not read at the same instant, so the two differ by what passed between;
    /// that evens out with the next reading.
    func observe(_ reading: Reading) {
        guard let link = reading.link, !ledger.awaitsCounters else { return }
        let counter = Counter(
            key: .everything, incarnation: link.incarnation, value: link.after)
        let carried = Reading(
            meter: reading.meter.ofDevice, instant: reading.instant, counters: [counter],
            startsFromZero: true)
        do {
            try measureBooking(of: reading.meter) {
                let difference = try difference(of: carried)
                try ledger.record(difference, of: carried.meter, at: carried.instant)
            }
            inventory.note(observed: .everything, at: carried.meter)
        } catch {
            if ledgerFault == nil { logger.error("\(error)") }
            ledgerFault = "\(error)"
        }
    }

    /// A link's counter cannot be torn: what it shows needs no second look.
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
