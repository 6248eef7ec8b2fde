package import AgentProtocol

/// A join token as it is kept: never its text.
package struct JoinOffer: Sendable {
    /// SHA-256 of the token's secret part.
    package var hash: [UInt8]
    /// Whether each host that joins with it becomes a server of its own.
    package var isReusable: Bool
    /// When it stops working.
    package var expiresAt: Int64

    /// Makes an offer.
    package init(hash: [UInt8], isReusable: Bool = false, expiresAt: Int64) {
        self.hash = hash
        self.isReusable = isReusable
        self.expiresAt = expiresAt
    }
}

/// What a join needs to know of the caller.
package struct JoinRequest: Sendable {
    /// SHA-256 of the whole join token's secret part.
    package var tokenHash: [UInt8]
    /// SHA-256 of the agent's own secret.
    package var secretHash: [UInt8]
    /// The new ledger's 16 bytes.
    package var ledger: [UInt8]
    /// What the agent says of its host.
    package var host: WireHost

    /// Makes a request.
    package init(tokenHash: [UInt8], secretHash: [UInt8], ledger: [UInt8], host: WireHost) {
        self.tokenHash = tokenHash
        self.secretHash = secretHash
        self.ledger = ledger
        self.host = host
    }
}

extension Store {
    /// Keeps another join token for a server in use.
    package func addJoinToken(
        _ token: JoinOffer, server: Int64, now: Int64
    ) async throws -> ServerRecord {
        try await database.write { session in
            let record = try Self.server(server, session)
            try Self.insert(token, server: server, now: now, session)
            return record
        }
    }

    static func insert(
        _ token: JoinOffer, server: Int64, now: Int64, _ session: any Session
    ) throws {
        try session.execute(
            """
            INSERT INTO join_tokens (hash, server, created_at, expires_at, reusable) \
            VALUES ($1, $2, $3, $4, $5)
            """,
            [
                .bytes(token.hash), .integer(server), .integer(now), .integer(token.expiresAt),
                .flag(token.isReusable),
            ])
    }

    /// Lets an agent in: closes the server's old ledger and secret and opens new ones, at once.
    ///
    /// The same token and secret again get the same answer; another secret on a used token is
    /// refused, as is a token that is unknown or too old.
    package func join(_ request: JoinRequest, now: Int64) async throws -> ServerRecord {
        guard request.secretHash.count == 32, request.ledger.count == 16 else {
            throw StoreError(
                .invalid, "secret_hash: a join needs a hash of 32 bytes and a ledger id of 16")
        }
        return try await database.write { session in
            let use = try session.first(
                "SELECT server FROM join_uses WHERE token = $1 AND secret_hash = $2",
                [.bytes(request.tokenHash), .bytes(request.secretHash)])
            if let use { return try Self.repeatedJoin(request, server: use.integer(0), session) }
            let uses = try session.first(
                "SELECT COUNT(*) FROM join_uses WHERE token = $1", [.bytes(request.tokenHash)])
            let server = try Self.claim(request, uses: uses?.count(0) ?? 0, now: now, session)
            try Self.openLedger(request, server: server, now: now, session)
            return try Self.server(server, session)
        }
    }

    private static func repeatedJoin(
        _ request: JoinRequest, server: Int64, _ session: any Session
    ) throws -> ServerRecord {
        let current = try session.first(
            "SELECT secret_hash FROM servers WHERE id = $1 AND closed_at = 0", [.integer(server)])
        let ledger = try session.first(
            "SELECT id FROM ledgers WHERE server = $1 AND closed_at = 0", [.integer(server)])
        guard current?.bytes(0) == request.secretHash, ledger?.bytes(0) == request.ledger else {
            throw StoreError(
                .conflict, reason: "token_used",
                """
                this token was used by this agent before, and the server has been joined anew or \
                removed since: make a new token with `tollkeeper server add NAME`
                """)
        }
        return try Self.server(server, session)
    }

    private static func claim(
        _ request: JoinRequest, uses: Int, now: Int64, _ session: any Session
    ) throws -> Int64 {
        let token = try session.first(
            "SELECT server, expires_at, reusable FROM join_tokens WHERE hash = $1",
            [.bytes(request.tokenHash)])
        guard let token else {
            throw StoreError(
                .forbidden, reason: "token_unknown",
                "this controller knows no such token: make one with `tollkeeper server add NAME`")
        }
        guard uses == 0 || token.flag(2) else {
            throw StoreError(
                .conflict, reason: "token_used",
                """
                another agent has used this token: make one for this host with \
                `tollkeeper server add NAME`
                """)
        }
        guard token.integer(1) > now else {
            throw StoreError(
                .forbidden, reason: "token_expired",
                "this token is too old: make a new one with `tollkeeper server add NAME`")
        }
        let server =
            uses == 0
            ? token.integer(0)
            : try addTwin(of: token.integer(0), after: uses, now: now, session)
        try session.execute(
            "INSERT INTO join_uses (token, secret_hash, server, used_at) VALUES ($1, $2, $3, $4)",
            [
                .bytes(request.tokenHash), .bytes(request.secretHash), .integer(server),
                .integer(now),
            ])
        return server
    }

    /// The next host that joins with a reusable token becomes NAME-2, NAME-3, …, behind as many as
    /// have used it.
    private static func addTwin(
        of server: Int64, after uses: Int, now: Int64, _ session: any Session
    ) throws -> Int64 {
        let name = String(try self.server(server, session).name.prefix(56))
        var number = uses + 1
        let sql = "SELECT id FROM servers WHERE name = $1 AND closed_at = 0"
        while try session.first(sql, [.text("\(name)-\(number)")]) != nil { number += 1 }
        return try insertServer(name: "\(name)-\(number)", now: now, session)
    }

    private static func openLedger(
        _ request: JoinRequest, server: Int64, now: Int64, _ session: any Session
    ) throws {
        let known = try session.first(
            "SELECT server FROM ledgers WHERE id = $1", [.bytes(request.ledger)])
        guard known == nil else {
            throw StoreError(
                .conflict, reason: "ledger_cloned",
                "this ledger joined before: a host that joins anew needs a ledger of its own")
        }
        try closeLedgers(of: server, now: now, session)
        try session.execute(
            """
            INSERT INTO ledgers (id, server, instance, refused_instance, applied_digest, opened_at) \
            VALUES ($1, $2, $3, $3, $3, $4)
            """,
            [.bytes(request.ledger), .integer(server), .bytes([]), .integer(now)])
        // A new ledger's running totals begin at zero.
        try session.execute(
            """
            UPDATE totals SET held_uplink = 0, held_downlink = 0 \
            WHERE credential IN (SELECT id FROM credentials WHERE server = $1)
            """, [.integer(server)])
        // What the old agent verified is no proof of what the new one finds on its host.
        try session.execute(
            """
            UPDATE credentials SET enforced_revision = 0, requested_at = $1, \
            exception_code = '', exception_detail = '' WHERE server = $2 AND desired_revision > 0
            """, [.integer(now), .integer(server)])
        try session.execute(
            """
            UPDATE servers SET secret_hash = $1, joined_at = $2, last_contact = $2, \
            outcome_number = 0, enforced_revision = 0, clock_known = 0, clone_seen_at = 0 \
            WHERE id = $3
            """,
            [.bytes(request.secretHash), .integer(now), .integer(server)])
        // What only the lost ledger knew comes no more: there is nothing left to wait for.
        try endRecovery(of: server, now: now, session)
        try describe(request.host, server: server, session)
    }

    static func describe(
        _ host: WireHost, server: Int64, _ session: any Session
    ) throws {
        let texts = [host.name, host.agentVersion, host.kernel, host.system, host.mode]
        try session.execute(
            """
            UPDATE servers SET host = $1, agent_version = $2, kernel = $3, system = $4, \
            mode = $5 WHERE id = $6
            """, texts.map { .text(String($0.prefix(255))) } + [.integer(server)])
    }
}
