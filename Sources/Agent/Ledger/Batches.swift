import Accounting
import AgentProtocol
import FoundationEssentials

/// A batch as it stands in the ledger.
package struct StoredBatch: Hashable, Sendable {
    /// Its sequence number, from 1.
    package var sequence: UInt64
    /// The encoded message; never changed once it is stored.
    package var bytes: [UInt8]
}

extension Ledger {
    /// How many batches may be unacknowledged; what comes later stays unnumbered.
    public static let mostBatches = 8
    /// Most rows in a batch.
    public static let mostRows = 10_000
    /// Most bytes in a batch.
    public static let mostBytes = 1 << 20

    /// Puts what has not been sent under the next sequence number.
    ///
    /// Rows whose credential the controller has not named yet stay behind. Returns whether a batch
    /// was made: not when nothing waits and no ticket asks, nor when too many are unacknowledged.
    ///
    /// - Parameter ticket: the newest reading ticket that what is in the ledger answers; 0: none.
    package func cutBatch(ticket: UInt64) throws(LedgerError) -> Bool {
        let newest = try newestBatch()
        guard try unacknowledged() < Self.mostBatches else { return false }
        let asked = ticket > newest.ticket ? ticket : 0
        return try database.transaction { () throws(LedgerError) in
            var limit = Self.mostRows
            while true {
                let rows = try spooled(limit: limit)
                guard !rows.isEmpty || asked > 0 else { return false }
                var batch = try encode(rows)
                batch.sequence = newest.sequence + 1
                batch.previous = .init(newest.digest)
                batch.ticket = asked
                let bytes = try serialize(batch)
                guard bytes.count <= Self.mostBytes else {
                    limit = max(1, rows.count / 2)
                    continue
                }
                try store(bytes, sequence: batch.sequence, ticket: asked)
                try takeOut(rows)
                return true
            }
        }
    }

    /// The batches that are not acknowledged, in order.
    package func batches() throws(LedgerError) -> [StoredBatch] {
        var batches: [StoredBatch] = []
        try database.query("SELECT sequence, bytes FROM batch ORDER BY sequence") { row in
            batches.append(StoredBatch(sequence: row.unsigned(0), bytes: row.blob(1)))
        }
        return batches
    }

    /// Forgets the batches that the controller has applied.
    package func acknowledge(through sequence: UInt64) throws(LedgerError) {
        try database.run("DELETE FROM batch WHERE sequence <= ?1", [.bytes(sequence)])
    }

    /// How many deltas wait without a sequence number, and how many batches are unacknowledged.
    public func depth() throws(LedgerError) -> (rows: Int, batches: Int) {
        var rows = 0
        try database.query("SELECT count(*) FROM spool") { row in rows = Int(row.integer(0)) }
        return (rows, try unacknowledged())
    }

    private func unacknowledged() throws(LedgerError) -> Int {
        var count = 0
        try database.query("SELECT count(*) FROM batch") { row in count = Int(row.integer(0)) }
        return count
    }

    private func newestBatch() throws(LedgerError) -> NewestBatch {
        let sequence = UInt64(try database.fact("batch_sequence") ?? "0") ?? 0
        let digest = Hexadecimal.decode(try database.fact("batch_digest") ?? "") ?? []
        let ticket = UInt64(try database.fact("batch_ticket") ?? "0") ?? 0
        return NewestBatch(sequence: sequence, digest: digest, ticket: ticket)
    }

    private func store(
        _ bytes: [UInt8], sequence: UInt64, ticket: UInt64
    ) throws(LedgerError) {
        let digest = Digest.sha256(bytes)
        try database.run(
            "INSERT INTO batch (sequence, ticket, digest, bytes) VALUES (?1, ?2, ?3, ?4)",
            [.bytes(sequence), .bytes(ticket), .blob(digest), .blob(bytes)])
        try database.setFact("batch_sequence", String(sequence))
        try database.setFact("batch_digest", Hexadecimal.encode(digest))
        if ticket > 0 { try database.setFact("batch_ticket", String(ticket)) }
    }

    private func serialize(_ batch: WireBatch) throws(LedgerError) -> [UInt8] {
        do {
            return try batch.encoded()
        } catch {
            throw LedgerError(.failed, doing: "encode a batch", reason: "\(error)")
        }
    }

    private func spooled(limit: Int) throws(LedgerError) -> [SpoolRow] {
        var rows: [SpoolRow] = []
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
                SpoolRow(
                    bucket: row.integer(0), account: row.integer(1), kind: row.integer(2),
                    credential: row.unsigned(3),
                    gained: Traffic(uplink: row.unsigned(4), downlink: row.unsigned(5)),
                    total: Traffic(uplink: row.unsigned(6), downlink: row.unsigned(7)),
                    handshake: row.integer(8)))
        }
        return rows
    }

    /// Removes rows that a batch holds now, and buckets that nothing refers to any more.
    private func takeOut(_ rows: [SpoolRow]) throws(LedgerError) {
        for row in rows {
            try database.run(
                "DELETE FROM spool WHERE bucket = ?1 AND account = ?2 AND kind = ?3",
                [.integer(row.bucket), .integer(row.account), .integer(row.kind)])
        }
        try database.run(
            """
            DELETE FROM bucket WHERE id <> ?1
                AND NOT EXISTS (SELECT 1 FROM spool WHERE spool.bucket = bucket.id)
            """,
            [.integer(bucket?.id ?? 0)])
    }
}

private struct NewestBatch {
    var sequence: UInt64
    var digest: [UInt8]
    var ticket: UInt64
}

/// A delta that no batch holds yet.
struct SpoolRow {
    var bucket: Int64
    var account: Int64
    var kind: Int64
    var credential: UInt64
    var gained: Traffic
    var total: Traffic
    var handshake: Int64
}
