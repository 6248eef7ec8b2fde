import Accounting
import AgentProtocol

extension Ledger {
    /// Whether a controller that has lost batches is being caught up, and not all of what it
    /// needs is in batches yet.
    public var isCatchingUp: Bool { chain.catchUp != nil }

    /// Begins to bring a controller up to date that has lost batches.
    ///
    /// Totals take the place of every batch that is unacknowledged. What was reported apart from
    /// totals in batches that the controller lost waits again to be sent.
    func beginCatchUp(after applied: UInt64, digest: [UInt8]) throws(LedgerError) {
        try advance { (chain) throws(LedgerError) in
            try database.run("DELETE FROM batch")
            try reportAgain(after: applied)
            chain.acknowledged = applied
            chain.acknowledgedDigest = digest
            chain.previous = digest
            chain.ticket = 0
            chain.catchUps += 1
            chain.catchUp = CatchUpCursor()
        }
    }

    /// Puts baselines and the like that the controller has lost back among what waits.
    private func reportAgain(after applied: UInt64) throws(LedgerError) {
        guard let hour = hours.last else { return }
        let bucket = try database.run(
            "INSERT INTO bucket (\(Stretch.columns)) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            hour.stretch.values)
        try database.run(
            """
            INSERT INTO spool (bucket, account, kind, uplink, downlink, total_uplink,
                total_downlink, handshake)
            SELECT ?1, p.account, p.kind, sum(p.uplink), sum(p.downlink), t.uplink, t.downlink, -1
            FROM apart p JOIN total t ON t.account = p.account
            WHERE p.sequence > ?2 GROUP BY p.account, p.kind
            """,
            [.integer(bucket), .bytes(applied)])
        try database.run("DELETE FROM apart WHERE sequence > ?1", [.bytes(applied)])
    }

    /// The next totals of a catch-up after `cursor`, at most `limit`: hour by hour, then those of
    /// now.
    func catchUpRows(
        after cursor: CatchUpCursor, limit: Int
    ) throws(LedgerError) -> [BatchRow] {
        var rows = try hourRows(after: cursor, limit: limit)
        if rows.count < limit {
            rows += try presentRows(after: cursor.present, limit: limit - rows.count)
        }
        return rows
    }

    private func hourRows(
        after cursor: CatchUpCursor, limit: Int
    ) throws(LedgerError) -> [BatchRow] {
        var rows: [BatchRow] = []
        try database.query(
            """
            SELECT t.hour, t.account, a.credential, t.uplink, t.downlink
            FROM hour_total t JOIN account a ON a.id = t.account
            WHERE (t.hour, t.account) > (?1, ?2) AND t.account > ?3 AND a.credential > 0
            ORDER BY t.hour, t.account LIMIT ?4
            """,
            [
                .integer(cursor.hour), .integer(cursor.account), .integer(cursor.present),
                .integer(Int64(limit)),
            ]
        ) { row in
            rows.append(
                BatchRow(
                    bucket: .hour(row.integer(0)), account: row.integer(1), kind: .total,
                    credential: row.unsigned(2), gained: .zero,
                    total: Traffic(uplink: row.unsigned(3), downlink: row.unsigned(4)),
                    handshake: -1))
        }
        return rows
    }

    private func presentRows(
        after account: Int64, limit: Int
    ) throws(LedgerError) -> [BatchRow] {
        guard let hour = hours.last else { return [] }
        var rows: [BatchRow] = []
        try database.query(
            """
            SELECT a.id, a.credential, t.uplink, t.downlink,
                (SELECT coalesce(max(handshake), -1) FROM baseline WHERE account = a.id)
            FROM account a JOIN total t ON t.account = a.id WHERE a.id > ?1 AND a.credential > 0 ORDER BY a.id LIMIT ?2
            """,
            [.integer(account), .integer(Int64(limit))]
        ) { row in
            rows.append(
                BatchRow(
                    bucket: .present(hour.id), account: row.integer(0), kind: .total,
                    credential: row.unsigned(1), gained: .zero,
                    total: Traffic(uplink: row.unsigned(2), downlink: row.unsigned(3)),
                    handshake: row.integer(4)))
        }
        return rows
    }

    /// Takes out what a catch-up's totals cover, and returns how far it has come; nil: it is
    /// complete.
    func supersede(
        _ rows: [BatchRow], _ cursor: CatchUpCursor, isComplete: Bool
    ) throws(LedgerError) -> CatchUpCursor? {
        var next = cursor
        for row in rows {
            switch row.bucket {
            case .spool: break
            case .hour(let id): (next.hour, next.account) = (id, row.account)
            case .present:
                next.present = row.account
                try database.run(
                    "DELETE FROM spool WHERE account = ?1 AND kind = ?2",
                    [.integer(row.account), .integer(Int64(Delta.Kind.gained.rawValue))])
            }
        }
        return isComplete ? nil : next
    }
}
