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
        guard try unacknowledged() < Self.mostBatches else { return false }
        return try advance { (chain) throws(LedgerError) in
            var limit = Self.mostRows
            while let cut = try nextCut(chain, ticket: ticket, limit: limit) {
                let bytes = try serialize(cut.batch)
                guard bytes.count <= Self.mostBytes else {
                    limit = max(1, cut.rows.count / 2)
                    continue
                }
                try store(bytes, cut.batch, in: &chain)
                try takeOut(cut.rows, into: chain.made)
                if let cursor = chain.catchUp {
                    let isComplete = cut.batch.catchUp.complete
                    chain.catchUp = try supersede(cut.rows, cursor, isComplete: isComplete)
                }
                try dropEmptyBuckets()
                return true
            }
            return false
        }
    }

    /// The next batch of at most `limit` rows; nil where there is nothing to say.
    ///
    /// A catch-up answers a ticket only where it is complete: before, its totals are not.
    private func nextCut(
        _ chain: Chain, ticket: UInt64, limit: Int
    ) throws(LedgerError) -> Cut? {
        var asked = ticket > chain.ticket ? ticket : 0
        let rows: [BatchRow]
        if let cursor = chain.catchUp {
            rows = try catchUpRows(after: cursor, limit: limit)
            if rows.count == limit { asked = 0 }
        } else {
            rows = try spooled(limit: limit)
            guard !rows.isEmpty || asked > 0 else { return nil }
        }
        var batch = try encode(rows)
        if chain.catchUp != nil { batch.catchUp.complete = rows.count < limit }
        batch.sequence = chain.made + 1
        batch.previous = .init(chain.previous)
        batch.ticket = asked
        return Cut(batch: batch, rows: rows)
    }

    /// The batches that are not acknowledged, in order.
    package func batches() throws(LedgerError) -> [StoredBatch] {
        var batches: [StoredBatch] = []
        try database.query("SELECT sequence, bytes FROM batch ORDER BY sequence") { row in
            batches.append(StoredBatch(sequence: row.unsigned(0), bytes: row.blob(1)))
        }
        return batches
    }

    /// How many deltas wait without a sequence number, and how many batches are unacknowledged.
    public func depth() throws(LedgerError) -> (rows: Int, batches: Int) {
        var rows = 0
        try database.query("SELECT count(*) FROM spool") { row in rows = Int(row.integer(0)) }
        return (rows, try unacknowledged())
    }

    private func store(
        _ bytes: [UInt8], _ batch: WireBatch, in chain: inout Chain
    ) throws(LedgerError) {
        let digest = Digest.sha256(bytes)
        try database.run(
            "INSERT INTO batch (sequence, ticket, digest, bytes) VALUES (?1, ?2, ?3, ?4)",
            [.bytes(batch.sequence), .bytes(batch.ticket), .blob(digest), .blob(bytes)])
        chain.made = batch.sequence
        chain.madeDigest = digest
        chain.previous = digest
        chain.ticket = max(chain.ticket, batch.ticket)
    }

    private func serialize(_ batch: WireBatch) throws(LedgerError) -> [UInt8] {
        do {
            return try batch.encoded()
        } catch {
            throw LedgerError(.failed, doing: "encode a batch", reason: "\(error)")
        }
    }
}

/// A batch that is about to be made, and the rows that it holds.
private struct Cut {
    var batch: WireBatch
    var rows: [BatchRow]
}
