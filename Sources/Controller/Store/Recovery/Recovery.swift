import Accounting

/// What a restore from an old backup left undecided of a credential.
enum Undecided: Int64 {
    case nothing = 0
    /// Wanted open; it stays shut until its server's usage is caught up.
    case waitsForUsage = 1
    /// Opened since the backup, as its agent says; it stays shut until an operator decides.
    case reopened = 2
}

extension Store {
    /// Notes that a server's agent holds a desired state that this store does not know: nothing is
    /// opened there until that is taken over and the server's usage is caught up.
    package func beginRecovery(of server: Int64, now: Int64) async throws {
        try await database.write { session in
            _ = try session.execute(
                """
                UPDATE servers SET wants_set = 1, recovering_since = \
                CASE WHEN recovering_since = 0 THEN $1 ELSE recovering_since END \
                WHERE id = $2 AND wants_set = 0
                """, [.integer(now), .integer(server)])
        }
    }

    /// Notes that the desired state that an agent holds is known after all. Returns whether that
    /// opened anything.
    package func endQuestion(_ call: AgentCall, now: Int64) async throws -> Bool {
        try await database.write { session in
            try session.execute(
                "UPDATE servers SET wants_set = 0 WHERE id = $1", [.integer(call.server)])
            return try Self.endRecoveryIfCaughtUp(call, now: now, session) != nil
        }
    }

    /// Makes the openings that waited, where nothing of the ledger is missing any more; returns the
    /// revision that did, nil for none.
    static func endRecoveryIfCaughtUp(
        _ call: AgentCall, now: Int64, _ session: any Session
    ) throws -> Int64? {
        let row = try session.first(
            """
            SELECT l.gap, l.applied FROM ledgers l JOIN servers s ON s.id = l.server \
            WHERE l.id = $1 AND l.server = $2 AND l.closed_at = 0 \
            AND s.recovering_since <> 0 AND s.wants_set = 0
            """, [.bytes(call.ledger), .integer(call.server)])
        guard let row else { return nil }
        let isCaughtUp =
            row.integer(0) != Gap.closing.rawValue
            && (call.newest?.sequence ?? 0) <= row.integer(1)
        return isCaughtUp ? try endRecovery(of: call.server, now: now, session) : nil
    }

    /// Makes a server's openings that waited for its usage; returns the revision that did, nil for
    /// none.
    @discardableResult
    static func endRecovery(
        of server: Int64, now: Int64, _ session: any Session
    ) throws -> Int64? {
        try session.execute(
            "UPDATE servers SET recovering_since = 0, wants_set = 0 WHERE id = $1",
            [.integer(server)])
        let rows = try session.query(
            """
            SELECT c.id, m.name, c.key FROM credentials c JOIN meters m ON m.id = c.meter \
            WHERE c.server = $1 AND c.recovery <> 0 AND c.recovery = 1
            """, [.integer(server)])
        let changes = rows.map {
            AccessChange(
                credential: $0.integer(0), meter: $0.text(1), key: $0.text(2), access: .open)
        }
        return changes.isEmpty ? nil : try desire(changes, server: server, now: now, session)
    }

    /// Lets openings wait until their server's usage is caught up.
    static func postpone(
        _ credentials: [Int64], now: Int64, _ session: any Session
    ) throws {
        try session.execute(
            """
            UPDATE credentials SET recovery = 1, requested_at = $1, \
            exception_code = '', exception_detail = '' WHERE id = $2
            """, width: 2, rows: credentials.flatMap { [.integer(now), .integer($0)] })
    }

    /// Notes that an operator has decided on these.
    static func decide(_ credentials: [Int64], _ session: any Session) throws {
        try session.execute(
            "UPDATE credentials SET recovery = 0 WHERE id = $1", width: 1,
            rows: credentials.map { .integer($0) })
    }
}
