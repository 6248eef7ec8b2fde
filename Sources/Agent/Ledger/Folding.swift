import Accounting

extension Ledger {
    /// Adds an account that is over to the one that goes on, with all that is kept of it, and
    /// returns the sum of both running totals.
    ///
    /// What the later one came to at any time since stands behind all that the earlier one had.
    func fold(_ earlier: Account, into account: Account) throws(LedgerError) -> Traffic {
        guard let total = account.total.adding(earlier.total), total.fitsSQL else {
            throw LedgerError(
                .conflict, doing: "count two credentials as one",
                reason: "their totals are too large to be added up")
        }
        let values: [Value] = [
            .integer(account.id), .bytes(earlier.total.uplink), .bytes(earlier.total.downlink),
        ]
        try database.run(
            """
            UPDATE total SET uplink = uplink + ?2, downlink = downlink + ?3,
                hour = max(hour, (SELECT hour FROM total WHERE account = ?4)) WHERE account = ?1
            """, values + [.integer(earlier.id)])
        try database.run(
            """
            UPDATE hour_total SET uplink = uplink + ?2, downlink = downlink + ?3
            WHERE account = ?1
            """, values)
        try database.run(
            """
            UPDATE spool SET total_uplink = total_uplink + ?2,
                total_downlink = total_downlink + ?3 WHERE account = ?1
            """, values)
        try moveSpool(of: earlier.id, to: account.id)
        try moveHours(of: earlier.id, to: account.id)
        try database.run("DELETE FROM total WHERE account = ?1", [.integer(earlier.id)])
        try database.run("DELETE FROM account WHERE id = ?1", [.integer(earlier.id)])
        return total
    }

    private func moveSpool(of earlier: Int64, to account: Int64) throws(LedgerError) {
        let ids: [Value] = [.integer(earlier), .integer(account)]
        try database.run(
            """
            INSERT INTO spool (bucket, account, kind, uplink, downlink, total_uplink,
                total_downlink, handshake)
            SELECT bucket, ?2, kind, uplink, downlink, total_uplink, total_downlink, handshake
            FROM spool WHERE account = ?1
            ON CONFLICT (bucket, account, kind) DO UPDATE SET
                uplink = spool.uplink + excluded.uplink,
                downlink = spool.downlink + excluded.downlink
            """, ids)
        try database.run("DELETE FROM spool WHERE account = ?1", [.integer(earlier)])
        try database.run(
            """
            INSERT INTO apart (account, kind, sequence, uplink, downlink)
            SELECT ?2, kind, sequence, uplink, downlink FROM apart WHERE account = ?1
            ON CONFLICT (account, kind, sequence) DO UPDATE SET
                uplink = apart.uplink + excluded.uplink,
                downlink = apart.downlink + excluded.downlink
            """, ids)
        try database.run("DELETE FROM apart WHERE account = ?1", [.integer(earlier)])
    }

    private func moveHours(of earlier: Int64, to account: Int64) throws(LedgerError) {
        let ids: [Value] = [.integer(earlier), .integer(account)]
        // Of an hour that both have, the later one's total stands.
        try database.run(
            """
            INSERT INTO hour_total (hour, account, uplink, downlink)
            SELECT hour, ?2, uplink, downlink FROM hour_total WHERE account = ?1
            ON CONFLICT (hour, account) DO NOTHING
            """, ids)
        try database.run("DELETE FROM hour_total WHERE account = ?1", [.integer(earlier)])
    }
}

extension Traffic {
    /// Whether both directions fit the signed 64 bits that SQL has.
    var fitsSQL: Bool { uplink <= UInt64(Int64.max) && downlink <= UInt64(Int64.max) }
}
