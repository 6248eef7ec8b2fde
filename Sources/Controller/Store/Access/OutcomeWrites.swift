package import AgentProtocol

extension Store {
    /// Takes what an agent has verified; returns the number of the state that is held now.
    ///
    /// A state that is not newer than the one held changes nothing, nor does that of a start that has
    /// yet to show that it goes on with the ledger: it has to be sent again.
    package func apply(
        _ outcomes: WireOutcomes, from call: AgentCall, now: Int64
    ) async throws -> Int64 {
        try await database.writeUrgently { session in
            let row = try session.first(
                """
                SELECT s.outcome_number, s.revision, \(AgentRecord.columns) FROM servers s \
                JOIN ledgers l ON l.server = s.id \
                WHERE s.id = $1 AND s.closed_at = 0 AND l.id = $2 AND l.closed_at = 0
                """, [.integer(call.server), .bytes(call.ledger)])
            guard let row else { throw Self.otherLedger }
            // A start that has ended since it was let in must not speak over the next one.
            guard try Self.standing(call, AgentRecord(row, at: 2)) != .unproven else { return 0 }
            let number = Int64(clamping: outcomes.number)
            guard number > row.integer(0) else { return row.integer(0) }
            let revision = Int64(clamping: outcomes.revision)
            // An agent ahead of a restored controller proves nothing about this desired state.
            if revision <= row.integer(1) {
                let writes = OutcomeWrites(server: call.server, now: now, session: session)
                try writes.write(outcomes, revision: revision)
            }
            try session.execute(
                "UPDATE servers SET outcome_number = $1, last_contact = $2 WHERE id = $3",
                [.integer(number), .integer(now), .integer(call.server)])
            return number
        }
    }
}

/// Writes one agent's outcomes down.
private struct OutcomeWrites {
    let server: Int64
    let now: Int64
    let session: any Session

    func write(_ outcomes: WireOutcomes, revision: Int64) throws {
        try session.execute(
            """
            UPDATE credentials SET exception_code = '', exception_detail = '' \
            WHERE server = $1 AND exception_code <> '' AND desired_revision <= $2
            """, [.integer(server), .integer(revision)])
        try writeExceptions(outcomes.exceptions, revision: revision)
        try session.execute(
            """
            UPDATE credentials SET enforced_revision = desired_revision, enforced_at = $1, \
            latency = CASE WHEN requested_at < $1 THEN $1 - requested_at ELSE 0 END \
            WHERE server = $2 AND desired_revision > enforced_revision \
            AND desired_revision <= $3 \
            AND (exception_code = '' OR (exception_code = 'gone' AND desired <> 0))
            """, [.integer(now), .integer(server), .integer(revision)])
        try session.execute(
            "UPDATE servers SET enforced_revision = $1 WHERE id = $2",
            [.integer(revision), .integer(server)])
        try writeGaps(outcomes.enforced)
        try endCounting()
    }

    /// What is verified to be counted no more goes out of use; late bytes are still booked.
    private func endCounting() throws {
        let ended = try session.query(
            """
            SELECT id FROM credentials WHERE server = $1 AND desired = 3 AND retired_at = 0 \
            AND desired_revision <= enforced_revision
            """, [.integer(server)])
        try PortRetirement(server: server, now: now, session: session)
            .retire(ended.map { $0.integer(0) })
    }

    private func writeExceptions(_ exceptions: [WireException], revision: Int64) throws {
        let rows = exceptions.flatMap { exception -> [SQLValue] in
            let code = exception.code.isEmpty ? "failed" : String(exception.code.prefix(63))
            return [
                .text(code), .text(String(exception.detail.prefix(1000))),
                .clamped(exception.credential), .integer(server), .integer(revision),
            ]
        }
        try session.execute(
            """
            UPDATE credentials SET exception_code = $1, exception_detail = $2 \
            WHERE id = $3 AND server = $4 AND desired_revision <= $5
            """, width: 5, rows: rows)
        try unverify()
    }

    /// What was verified once and is so no longer counts as asked for anew, now.
    ///
    /// A key that is gone lets nobody in, and one that cannot be read stays as it was verified.
    private func unverify() throws {
        try session.execute(
            """
            UPDATE credentials SET enforced_revision = 0, requested_at = $1 \
            WHERE server = $2 AND exception_code <> '' AND enforced_revision > 0 \
            AND exception_code NOT IN ('gone', 'unread')
            """, [.integer(now), .integer(server)])
    }

    /// Keeps how long each shut key was unwatched; an opening leaves that of its last shut.
    private func writeGaps(_ enforced: [WireEnforced]) throws {
        let rows = enforced.flatMap { item -> [SQLValue] in
            [
                .clamped(item.window), .clamped(item.credential), .integer(server),
                .clamped(item.revision),
            ]
        }
        try session.execute(
            """
            UPDATE credentials SET unwatched = $1 \
            WHERE id = $2 AND server = $3 AND desired_revision = $4 AND desired <> 0
            """, width: 4, rows: rows)
    }
}
