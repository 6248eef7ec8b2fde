/// What the store holds of an agent that calls.
package struct AgentRecord: Sendable {
    /// SHA-256 of its secret; empty until it has joined.
    package var secretHash: [UInt8]
    /// Its open ledger's 16 bytes; empty for none.
    package var ledger: [UInt8]
    /// The newest start of that ledger that was seen.
    package var start: Int64
    /// That start's random 16 bytes; empty before the first call.
    package var instance: [UInt8]
}

/// Who an agent's call says that it is.
package struct AgentCall: Hashable, Sendable {
    /// The server.
    package var server: Int64
    /// The ledger's 16 bytes.
    package var ledger: [UInt8]
    /// The ledger's start number.
    package var start: Int64
    /// 16 random bytes of that start.
    package var instance: [UInt8]

    /// Makes a call's identity.
    package init(server: Int64, ledger: [UInt8], start: Int64, instance: [UInt8]) {
        self.server = server
        self.ledger = ledger
        self.start = start
        self.instance = instance
    }
}

extension Store {
    /// What is held of a server's agent; nil for a server that is not in use.
    package func agent(server: Int64) async throws -> AgentRecord? {
        try await database.read { session in
            let row = try session.first(
                """
                SELECT s.secret_hash, l.id, l.start_number, l.instance FROM servers s \
                LEFT JOIN ledgers l ON l.server = s.id AND l.closed_at = 0 \
                WHERE s.id = $1 AND s.closed_at = 0
                """, [.integer(server)])
            return row.map {
                AgentRecord(
                    secretHash: $0.bytes(0), ledger: $0.bytes(1), start: $0.integer(2),
                    instance: $0.bytes(3))
            }
        }
    }

    /// Checks that a call continues the ledger that is held, and writes down a new start.
    ///
    /// Throws `diverged` for another ledger, a lower start, or the same start of another instance.
    package func accept(_ call: AgentCall, held: AgentRecord) async throws {
        guard try Self.isNewStart(call, held: held) else { return }
        try await database.write { session in
            let row = try session.first(
                """
                SELECT start_number, instance FROM ledgers \
                WHERE id = $1 AND server = $2 AND closed_at = 0
                """, [.bytes(call.ledger), .integer(call.server)])
            guard let row else { throw Self.otherLedger }
            let now = AgentRecord(
                secretHash: [], ledger: call.ledger, start: row.integer(0), instance: row.bytes(1))
            guard try Self.isNewStart(call, held: now) else { return }
            try session.execute(
                "UPDATE ledgers SET start_number = $1, instance = $2 WHERE id = $3",
                [.integer(call.start), .bytes(call.instance), .bytes(call.ledger)])
            // Each start numbers its outcomes from 1.
            try session.execute(
                "UPDATE servers SET outcome_number = 0 WHERE id = $1", [.integer(call.server)])
        }
    }

    /// Whether a call is the first of its start; throws `diverged` where it does not continue
    /// what is held.
    static func isNewStart(_ call: AgentCall, held: AgentRecord) throws -> Bool {
        guard call.ledger == held.ledger else { throw otherLedger }
        if call.start > held.start || held.instance.isEmpty { return true }
        guard call.start == held.start, call.instance == held.instance else {
            throw StoreError(
                .diverged, reason: "ledger_cloned",
                """
                this ledger was started elsewhere, or put back from a copy: one agent goes on \
                with it; let this host join anew with the token that \
                `tollkeeper server add NAME` prints
                """)
        }
        return false
    }

    static let otherLedger = StoreError(
        .diverged, reason: "ledger_closed",
        """
        this server goes on with another ledger: let this host join anew with the token that \
        `tollkeeper server add NAME` prints
        """)
}
