import AgentProtocol

/// Writes one batch's plan down.
struct BatchWrites {
    let call: AgentCall
    let sequence: Int64
    let session: any Session

    /// What is held of these credentials, as far as they are this server's, in the order of their
    /// ids.
    func held(_ credentials: [Int64]) throws -> [HeldTotals] {
        let columns = try session.integers(
            fixed: [call.server], in: credentials, IngestStatements.held)
        let held = stride(from: 0, to: columns.count, by: HeldTotals.width).map {
            HeldTotals(columns, at: $0)
        }
        return held.ascends ? held : held.sorted { $0.credential < $1.credential }
    }

    /// Each credential that the rows name once; agents mostly name them in order.
    static func credentials(_ rows: [BatchRow]) -> [Int64] {
        let named = rows.compactMap { Int64(exactly: $0.credential) }
        let ascends = zip(named, named.dropFirst()).allSatisfy { $0 < $1 }
        return ascends ? named : Set(named).sorted()
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
        var values: [Int64] = []
        values.reserveCapacity(plan.totals.count * HeldTotals.updated)
        for (place, totals) in plan.totals.enumerated() where plan.isChanged[place] {
            totals.append(to: &values)
        }
        try session.execute(
            IngestStatements.totals, fixed: [], width: HeldTotals.updated, integers: values)
    }

    private func writeHours(_ plan: BatchPlan) throws {
        var values: [Int64] = []
        values.reserveCapacity(plan.hours.count * 5)
        for gain in plan.hours {
            let totals = plan.totals[gain.place]
            values.append(totals.credential)
            values.append(gain.hour)
            values.append(totals.client)
            values.append(gain.bytes.uplink)
            values.append(gain.bytes.downlink)
        }
        try session.execute(
            IngestStatements.usageHours, fixed: [], width: 5, integers: values)
    }

    private func writeMeterHours(_ plan: BatchPlan) throws {
        let values = plan.meterHours.flatMap { place, gain in
            [
                place.meter, place.hour, gain.charged.uplink, gain.charged.downlink,
                gain.observed.uplink, gain.observed.downlink,
            ]
        }
        try session.execute(
            IngestStatements.meterHours, fixed: [], width: 6, integers: values)
    }

    private func writeRaws(_ plan: BatchPlan, incarnations: [String]) throws {
        var ids: [Int64?] = incarnations.map { _ in nil }
        var parts: [String: [Int64]] = [:]
        for raw in plan.raws {
            let id = try ids[raw.incarnation] ?? incarnation(incarnations[raw.incarnation])
            ids[raw.incarnation] = id
            raw.append(
                to: &parts[raw.part, default: []], credential: plan.totals[raw.place].credential,
                incarnation: id)
        }
        for (part, values) in parts {
            try session.execute(
                IngestStatements.rawCounters, fixed: [.text(part)], width: 4, integers: values)
        }
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

extension [HeldTotals] {
    fileprivate var ascends: Bool {
        zip(self, dropFirst()).allSatisfy { $0.credential < $1.credential }
    }
}
