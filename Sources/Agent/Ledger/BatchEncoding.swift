import Accounting
import AgentProtocol
import FoundationEssentials

extension Ledger {
    /// Encodes rows as columns, with their buckets and the counters behind them.
    func encode(_ rows: [BatchRow]) throws(LedgerError) -> WireBatch {
        var batch = WireBatch()
        batch.ledger = .init(Hexadecimal.decode(id) ?? [])
        var buckets: [BatchRow.Bucket: UInt32] = [:]
        var names: [Int64: UInt32] = [:]
        let newest = try newestRows(of: rows)
        // Apart from the batch, whose field would be copied whole at each row.
        var wire = WireRows()
        for (index, row) in rows.enumerated() {
            if buckets[row.bucket] == nil {
                buckets[row.bucket] = UInt32(batch.buckets.count)
                batch.buckets.append(try wireBucket(row.bucket))
            }
            wire.append(row, bucket: buckets[row.bucket] ?? 0)
            let counters = newest.contains(index) ? try rawCounters(of: row.account) : []
            wire.counters.append(UInt32(counters.count))
            for counter in counters {
                if names[counter.incarnation] == nil {
                    names[counter.incarnation] = UInt32(batch.incarnations.count)
                    batch.incarnations.append(counter.token)
                }
                wire.append(counter, incarnation: names[counter.incarnation] ?? 0)
            }
        }
        if !rows.isEmpty { batch.rows = wire }
        return batch
    }

    /// The rows that raw counters belong to: the newest of each account, where nothing newer of it
    /// stays behind, so that total and counter are of one moment.
    private func newestRows(of rows: [BatchRow]) throws(LedgerError) -> Set<Int> {
        var last: [Int64: Int] = [:]
        for (index, row) in rows.enumerated() { last[row.account] = index }
        var newest = Set<Int>()
        for index in last.values where try isNewest(rows[index]) { newest.insert(index) }
        return newest
    }

    private func isNewest(_ row: BatchRow) throws(LedgerError) -> Bool {
        switch row.bucket {
        case .present: return true
        case .hour: return false
        case .spool(let bucket):
            var isNewest = true
            try database.query(
                "SELECT 1 FROM spool WHERE account = ?1 AND (bucket, kind) > (?2, ?3) LIMIT 1",
                [
                    .integer(row.account), .integer(bucket),
                    .integer(Int64(row.kind.rawValue)),
                ]
            ) { _ in isNewest = false }
            return isNewest
        }
    }

    private func rawCounters(of account: Int64) throws(LedgerError) -> [RawCounter] {
        var counters: [RawCounter] = []
        try database.query(
            """
            SELECT b.incarnation, i.token, b.part, b.uplink, b.downlink
            FROM baseline b JOIN incarnation i ON i.id = b.incarnation
            WHERE b.account = ?1 ORDER BY b.incarnation, b.part
            """,
            [.integer(account)]
        ) { row in
            counters.append(
                RawCounter(
                    incarnation: row.integer(0), token: row.text(1), part: row.text(2),
                    value: Traffic(uplink: row.unsigned(3), downlink: row.unsigned(4))))
        }
        return counters
    }

    private func wireBucket(_ bucket: BatchRow.Bucket) throws(LedgerError) -> WireBucket {
        var wire = WireBucket()
        guard let stretch = try stretch(bucket) else { return wire }
        wire.first = WireClock(stretch.first)
        wire.last = WireClock(stretch.last)
        return wire
    }

    private func stretch(_ bucket: BatchRow.Bucket) throws(LedgerError) -> Stretch? {
        switch bucket {
        case .hour(let id), .present(let id): return hours.first { $0.id == id }?.stretch
        case .spool(let id):
            var stretch: Stretch?
            try database.query(
                "SELECT \(Stretch.columns) FROM bucket WHERE id = ?1", [.integer(id)]
            ) { row in stretch = Stretch(row, from: 0) }
            return stretch
        }
    }
}

private struct RawCounter {
    var incarnation: Int64
    var token: String
    var part: String
    var value: Traffic
}

extension WireRows {
    fileprivate mutating func append(_ row: BatchRow, bucket: UInt32) {
        credential.append(row.credential)
        self.bucket.append(bucket)
        kind.append(UInt32(row.kind.rawValue))
        uplink.append(row.gained.uplink)
        downlink.append(row.gained.downlink)
        totalUplink.append(row.total.uplink)
        totalDownlink.append(row.total.downlink)
        lastHandshake.append(row.handshake)
    }

    fileprivate mutating func append(_ counter: RawCounter, incarnation: UInt32) {
        part.append(counter.part)
        self.incarnation.append(incarnation)
        rawUplink.append(counter.value.uplink)
        rawDownlink.append(counter.value.downlink)
    }
}
