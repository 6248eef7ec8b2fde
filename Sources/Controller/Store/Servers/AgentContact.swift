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
    /// The instance of the last start that was found to be a clone's; empty for none.
    package var refused: [UInt8]
    /// The newest batch that was applied of that ledger.
    package var applied: NewestBatch

    /// The columns of `ledgers l` behind `columns`, from `column` on.
    static let columns =
        "l.id, l.start_number, l.instance, l.refused_instance, l.applied, l.applied_digest"

    init(secretHash: [UInt8] = [], _ row: Row, at column: Int) {
        self.secretHash = secretHash
        ledger = row.bytes(column)
        start = row.integer(column + 1)
        instance = row.bytes(column + 2)
        refused = row.bytes(column + 3)
        applied = NewestBatch(sequence: row.integer(column + 4), digest: row.bytes(column + 5))
    }
}

/// A batch by its place in the ledger.
package struct NewestBatch: Hashable, Sendable {
    /// Its sequence number; 0 for none.
    package var sequence: Int64
    /// Its SHA-256; empty for none.
    package var digest: [UInt8]

    /// Makes a place.
    package init(sequence: Int64, digest: [UInt8]) {
        (self.sequence, self.digest) = (sequence, digest)
    }
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
    /// The newest batch that the ledger has made; nil where the agent does not say.
    package var newest: NewestBatch?

    /// Makes a call's identity.
    package init(
        server: Int64, ledger: [UInt8], start: Int64, instance: [UInt8],
        newest: NewestBatch? = nil
    ) {
        self.server = server
        self.ledger = ledger
        self.start = start
        self.instance = instance
        self.newest = newest
    }
}

/// How a call stands to the starts of its ledger that were seen before.
package enum Standing: Sendable {
    /// It is of the start that goes on with the ledger.
    case current
    /// It is of a new start that goes on with it from now on.
    case succeeds
    /// It is of a new start that says to be ahead of what was applied: its first batch will tell.
    /// Until then the start that was seen before goes on, too.
    case unproven
}

extension Store {
    /// What is held of a server's agent; nil for a server that is not in use.
    package func agent(server: Int64) async throws -> AgentRecord? {
        try await database.read { session in
            let row = try session.first(
                """
                SELECT s.secret_hash, \(AgentRecord.columns) FROM servers s \
                LEFT JOIN ledgers l ON l.server = s.id AND l.closed_at = 0 \
                WHERE s.id = $1 AND s.closed_at = 0
                """, [.integer(server)])
            return row.map { AgentRecord(secretHash: $0.bytes(0), $0, at: 1) }
        }
    }

    /// Checks that a call continues the ledger that is held, and writes down a new start that does.
    ///
    /// Throws `diverged` for another ledger, a lower start, the same start of another instance, and
    /// a new start whose ledger was rolled back or took another way.
    @discardableResult
    package func accept(_ call: AgentCall, held: AgentRecord) async throws -> Standing {
        let standing = try Self.standing(call, held)
        guard standing == .succeeds else { return standing }
        return try await database.writeUrgently { session in
            let held = try Self.openLedger(of: call, session)
            let standing = try Self.standing(call, held)
            if standing == .succeeds { try Self.takeOver(call, session) }
            return standing == .succeeds ? .current : standing
        }
    }

    /// Writes down that a clone or a rolled-back copy of this server's ledger has called; once a
    /// minute is enough.
    package func noteClone(server: Int64, now: Int64) async throws {
        try await database.write { session in
            _ = try session.execute(
                "UPDATE servers SET clone_seen_at = $1 WHERE id = $2 AND clone_seen_at < $3",
                [.integer(now), .integer(server), .integer(now - 60_000_000_000)])
        }
    }

    /// What is held of the open ledger that a call names; throws `diverged` where it is closed.
    static func openLedger(of call: AgentCall, _ session: any Session) throws -> AgentRecord {
        let row = try session.first(
            """
            SELECT \(AgentRecord.columns) FROM ledgers l \
            WHERE l.id = $1 AND l.server = $2 AND l.closed_at = 0
            """, [.bytes(call.ledger), .integer(call.server)])
        guard let row else { throw otherLedger }
        return AgentRecord(row, at: 0)
    }

    /// How a call stands to what is held; throws `diverged` where it does not continue that.
    static func standing(_ call: AgentCall, _ held: AgentRecord) throws -> Standing {
        guard call.ledger == held.ledger else { throw otherLedger }
        if held.instance.isEmpty { return .succeeds }
        if call.start == held.start, call.instance == held.instance { return .current }
        guard call.start > held.start, call.instance != held.refused else { throw cloned }
        guard let newest = call.newest, newest != held.applied else { return .succeeds }
        guard newest.sequence > held.applied.sequence else { throw cloned }
        return .unproven
    }

    private static func takeOver(_ call: AgentCall, _ session: any Session) throws {
        try session.execute(
            "UPDATE ledgers SET start_number = $1, instance = $2 WHERE id = $3",
            [.integer(call.start), .bytes(call.instance), .bytes(call.ledger)])
        // Each start numbers its outcomes from 1.
        try session.execute(
            "UPDATE servers SET outcome_number = 0 WHERE id = $1", [.integer(call.server)])
    }

    private static let cloned = StoreError(
        .diverged, reason: "ledger_cloned",
        """
        this ledger was started elsewhere, or put back from a copy: one agent goes on with it; \
        let this host join anew with the token that `tollkeeper server add NAME` prints
        """)

    static let otherLedger = StoreError(
        .diverged, reason: "ledger_closed",
        """
        this server goes on with another ledger: let this host join anew with the token that \
        `tollkeeper server add NAME` prints
        """)
}
