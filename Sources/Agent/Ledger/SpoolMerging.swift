public import Accounting

extension Ledger {
    /// About how much disk a row of the spool takes with its indexes, in bytes.
    static let bytesPerRow = 96
    /// About how much disk a bucket takes.
    static let bytesPerBucket = 160
    /// About how many rows are touched at a time.
    static let mergeBudget = 100_000

    /// Makes deltas that wait share coarser stretches of time while they take nearly as much disk
    /// as they may. Amounts and totals stay exact.
    ///
    /// Looks only once for each stretch of time that was begun, and then does a limited part of
    /// the work: as much as comes in, and more.
    ///
    /// - Parameters:
    ///   - limit: bytes that the deltas may take, about.
    ///   - now: the present moment.
    public func makeRoom(limit: UInt64, now: Instant) throws(LedgerError) {
        guard bucket?.id != measuredBucket else { return }
        measuredBucket = bucket?.id
        let threshold = limit - limit / 8
        var (rows, buckets) = try measureSpool()
        var budget = Self.mergeBudget
        while budget > 0,
            UInt64(rows * Self.bytesPerRow + buckets * Self.bytesPerBucket) > threshold
        {
            if merges.isEmpty {
                merges = try MergePlan.steps(of: closedBuckets(), now: now).reversed()
            }
            guard let step = merges.popLast() else { return }
            guard let merged = try merge(step) else { continue }
            rows -= merged.removed
            buckets -= 1
            budget -= merged.touched
        }
    }

    private func measureSpool() throws(LedgerError) -> (rows: Int, buckets: Int) {
        var size = (rows: 0, buckets: 0)
        try database.query(
            "SELECT (SELECT count(*) FROM spool), (SELECT count(*) FROM bucket)"
        ) { row in
            size = (Int(row.integer(0)), Int(row.integer(1)))
        }
        return size
    }

    private func closedBuckets() throws(LedgerError) -> [SpoolBucket] {
        var buckets: [SpoolBucket] = []
        try database.query(
            "SELECT id, \(Stretch.columns) FROM bucket WHERE id <> ?1 ORDER BY id",
            [.integer(bucket?.id ?? 0)]
        ) { row in
            guard let stretch = Stretch(row, from: 1) else { return }
            buckets.append(SpoolBucket(id: row.integer(0), stretch: stretch))
        }
        return buckets
    }

    /// Adds a bucket's rows to those of the one before it, each kind apart. Nil where one of them
    /// is gone by now.
    private func merge(
        _ step: MergePlan.Step
    ) throws(LedgerError) -> (removed: Int, touched: Int)? {
        let ids: [Value] = [.integer(step.from), .integer(step.into)]
        return try database.transaction { () throws(LedgerError) in
            try database.run(
                """
                UPDATE bucket SET (last_boot, last_wall, last_boottime) = (
                    SELECT last_boot, last_wall, last_boottime FROM bucket WHERE id = ?1)
                WHERE id = ?2 AND EXISTS (SELECT 1 FROM bucket WHERE id = ?1)
                """, ids)
            guard database.changes == 1 else { return nil }
            try database.run(
                """
                UPDATE spool SET
                    uplink = spool.uplink + min(s.uplink, 9223372036854775807 - spool.uplink),
                    downlink = spool.downlink
                        + min(s.downlink, 9223372036854775807 - spool.downlink),
                    total_uplink = s.total_uplink, total_downlink = s.total_downlink,
                    handshake = max(spool.handshake, s.handshake)
                FROM spool AS s WHERE s.bucket = ?1 AND spool.bucket = ?2
                    AND spool.account = s.account AND spool.kind = s.kind
                """, ids)
            try database.run(
                """
                DELETE FROM spool WHERE bucket = ?1 AND EXISTS (
                    SELECT 1 FROM spool AS t WHERE t.bucket = ?2 AND t.account = spool.account
                        AND t.kind = spool.kind)
                """, ids)
            let removed = database.changes
            try database.run("UPDATE spool SET bucket = ?2 WHERE bucket = ?1", ids)
            let moved = database.changes
            try database.run("DELETE FROM bucket WHERE id = ?1", [ids[0]])
            return (removed, 2 * removed + moved + 1)
        }
    }
}
