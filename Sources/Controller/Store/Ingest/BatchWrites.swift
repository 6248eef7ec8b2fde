import AgentProtocol

/// Writes one batch's plan down.
struct BatchWrites {
    let call: AgentCall
    let sequence: Int64
    let session: any Session

    /// What is held of the credentials that the rows name, as far as they are this server's.
    func held(_ rows: [BatchRow]) throws -> [Int64: HeldTotals] {
        let ids = Set(rows.compactMap { Int64(exactly: $0.credential) }).sorted()
        let found = try session.query(
            fixed: [.integer(call.server)], in: ids.map { .integer($0) }, IngestStatements.held)
        return Dictionary(
            found.map { ($0.integer(0), HeldTotals($0)) }, uniquingKeysWith: { first, _ in first })
    }

    /// Writes a plan, and that the batch was applied.
    func write(_ plan: BatchPlan, of batch: DecodedBatch, receivedAt: Int64) throws {
        try writeTotals(plan)
        try writeHours(plan)
        try writeMeterHours(plan)
        try writeRaws(plan, incarnations: batch.batch.incarnations)
        for row in plan.quarantined {
            try quarantine(
                row.row, reason: row.reason, bytes: row.bytes, receivedAt: receivedAt)
        }
        try remember(batch, receivedAt: receivedAt)
    }

    /// Puts the whole batch aside, and writes down that it was applied.
    func quarantineWhole(_ batch: DecodedBatch, receivedAt: Int64) throws {
        try quarantine(-1, reason: .refused, bytes: batch.bytes, receivedAt: receivedAt)
        try remember(batch, receivedAt: receivedAt)
    }

    private func writeTotals(_ plan: BatchPlan) throws {
        let rows = plan.changed.sorted().compactMap { plan.totals[$0]?.values }
        try session.execute(
            IngestStatements.totals, width: 11, rows: rows.flatMap { $0 })
    }

    private func writeHours(_ plan: BatchPlan) throws {
        var rows: [SQLValue] = []
        rows.reserveCapacity(plan.hours.count * 5)
        for (hour, gained) in plan.hours {
            rows.append(.integer(hour.credential))
            rows.append(.integer(hour.hour))
            rows.append(.integer(hour.client))
            rows.append(.integer(gained.uplink))
            rows.append(.integer(gained.downlink))
        }
        try session.execute(
            IngestStatements.usageHours, width: 5, rows: rows)
    }

    private func writeMeterHours(_ plan: BatchPlan) throws {
        let rows = plan.meterHours.flatMap { place, gain in
            [
                place.meter, place.hour, gain.charged.uplink, gain.charged.downlink,
                gain.observed.uplink, gain.observed.downlink,
            ].map { SQLValue.integer($0) }
        }
        try session.execute(
            IngestStatements.meterHours, width: 6, rows: rows)
    }

    private func writeRaws(_ plan: BatchPlan, incarnations: [String]) throws {
        var ids: [Int: Int64] = [:]
        var rows: [SQLValue] = []
        rows.reserveCapacity(plan.raws.count * 5)
        for (counter, raw) in plan.raws {
            let id = try ids[raw.incarnation] ?? incarnation(incarnations[raw.incarnation])
            ids[raw.incarnation] = id
            rows.append(.integer(counter.credential))
            rows.append(.text(counter.part))
            rows.append(.integer(id))
            rows.append(.integer(raw.uplink))
            rows.append(.integer(raw.downlink))
        }
        try session.execute(
            IngestStatements.rawCounters, width: 5, rows: rows)
    }

    private func incarnation(_ token: String) throws -> Int64 {
        let found = try session.first(IngestStatements.incarnation, [.text(token)])
        if let found { return found.integer(0) }
        let row = try session.first(
            "INSERT INTO incarnations (token) VALUES ($1) RETURNING id", [.text(token)])
        return row?.integer(0) ?? 0
    }

    private func quarantine(
        _ row: Int, reason: RowFault, bytes: [UInt8], receivedAt: Int64
    ) throws {
        try session.execute(
            """
            INSERT INTO quarantine (ledger, sequence, part, server, reason, bytes, created_at) \
            VALUES ($1, $2, $3, $4, $5, $6, $7)
            """,
            [
                .bytes(call.ledger), .integer(sequence), .integer(Int64(row)),
                .integer(call.server), .text(reason.rawValue), .bytes(bytes),
                .integer(receivedAt),
            ])
    }

    private func remember(_ batch: DecodedBatch, receivedAt: Int64) throws {
        try session.execute(
            IngestStatements.batch,
            [
                .bytes(call.ledger), .integer(sequence), .bytes(batch.digest),
                .integer(receivedAt),
            ])
    }
}
