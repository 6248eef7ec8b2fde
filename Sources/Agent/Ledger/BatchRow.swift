import Accounting
import AgentProtocol

/// A row of a batch, before it is encoded.
struct BatchRow {
    /// Where a row's stretch of time stands.
    enum Bucket: Hashable {
        /// In the spool's buckets.
        case spool(Int64)
        /// An hour that is over.
        case hour(Int64)
        /// The hour that goes on.
        case present(Int64)
    }

    var bucket: Bucket
    var account: Int64
    var kind: WireRowKind
    var credential: UInt64
    var gained: Traffic
    var total: Traffic
    var handshake: Int64
}

extension Ledger {
    /// Rows that wait in the spool and have a credential, at most `limit`.
    func spooled(limit: Int) throws(LedgerError) -> [BatchRow] {
        var rows: [BatchRow] = []
        try database.query(
            """
            SELECT s.bucket, s.account, s.kind, a.credential, s.uplink, s.downlink,
                s.total_uplink, s.total_downlink, s.handshake
            FROM spool s JOIN account a ON a.id = s.account
            WHERE a.credential > 0
            ORDER BY s.bucket, s.account, s.kind LIMIT ?1
            """,
            [.integer(Int64(limit))]
        ) { row in
            rows.append(
                BatchRow(
                    bucket: .spool(row.integer(0)), account: row.integer(1),
                    kind: WireRowKind(rawValue: Int(row.integer(2))) ?? .delta,
                    credential: row.unsigned(3),
                    gained: Traffic(uplink: row.unsigned(4), downlink: row.unsigned(5)),
                    total: Traffic(uplink: row.unsigned(6), downlink: row.unsigned(7)),
                    handshake: row.integer(8)))
        }
        return rows
    }

    /// Removes rows of the spool that a batch holds now. Those that are in no running total are
    /// remembered by the batch's sequence.
    func takeOut(_ rows: [BatchRow], into sequence: UInt64) throws(LedgerError) {
        for row in rows {
            guard case .spool(let bucket) = row.bucket else { continue }
            try database.run(
                "DELETE FROM spool WHERE bucket = ?1 AND account = ?2 AND kind = ?3",
                [.integer(bucket), .integer(row.account), .integer(Int64(row.kind.rawValue))])
            if row.kind != .delta { try remember(row, in: sequence) }
        }
    }

    /// How many batches' worth of baselines and the like are remembered of an account and kind.
    static let mostApart = 8

    private func remember(_ row: BatchRow, in sequence: UInt64) throws(LedgerError) {
        let name: [Value] = [.integer(row.account), .integer(Int64(row.kind.rawValue))]
        try database.run(
            """
            INSERT INTO apart (account, kind, sequence, uplink, downlink)
            VALUES (?1, ?2, ?3, ?4, ?5)
            ON CONFLICT (account, kind, sequence) DO UPDATE SET
                uplink = apart.uplink + excluded.uplink,
                downlink = apart.downlink + excluded.downlink
            """,
            name + [.bytes(sequence), .bytes(row.gained.uplink), .bytes(row.gained.downlink)])
        try database.run(
            """
            DELETE FROM apart WHERE account = ?1 AND kind = ?2 AND sequence <= (
                SELECT sequence FROM apart WHERE account = ?1 AND kind = ?2
                ORDER BY sequence DESC LIMIT 1 OFFSET ?3)
            """,
            name + [.integer(Int64(Self.mostApart))])
    }

    /// Removes buckets that nothing refers to any more.
    func dropEmptyBuckets() throws(LedgerError) {
        try database.run(
            """
            DELETE FROM bucket WHERE id <> ?1
                AND NOT EXISTS (SELECT 1 FROM spool WHERE spool.bucket = bucket.id)
            """,
            [.integer(bucket?.id ?? 0)])
    }
}
