import Accounting
import Ledger
import Logging

extension Keeper {
    /// Whether this ledger has begun anew and does not know yet what the controller knows.
    var awaitsCounters: Bool { ledger.awaitsCounters }

    /// Takes over what the controller knows of this server's counters, and books from now on.
    func begin(after predecessor: Predecessor) throws {
        guard ledger.awaitsCounters else { return }
        try ledger.begin(after: predecessor)
        if predecessor.lastReading != nil {
            logger.notice(
                """
                this ledger goes on where the controller left off: \
                \(predecessor.counters.count) counters of \(predecessor.meters.count) meters
                """)
        }
        cycle()
    }
}
