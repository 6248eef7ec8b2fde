import AgentProtocol

extension Store {
    /// Adds a server, with a join token where one is given; refuses a name that one in use has, or
    /// that is no name.
    package func addServer(
        name: String, token: JoinOffer? = nil, now: Int64
    ) async throws -> ServerRecord {
        try Self.checkServerName(name)
        return try await database.write { session in
            let id = try Self.insertServer(name: name, now: now, session)
            if let token { try Self.insert(token, server: id, now: now, session) }
            return try Self.server(id, session)
        }
    }

    /// Gives a server another name.
    package func renameServer(_ id: Int64, to name: String) async throws {
        try Self.checkServerName(name)
        try await database.write { session in
            let server = try Self.server(id, session)
            if server.name != name { try Self.requireFreeName(name, session) }
            try session.execute(
                "UPDATE servers SET name = $1 WHERE id = $2", [.text(name), .integer(id)])
        }
    }

    /// Takes a server out of use: its secret and ledger are closed at once, its history stays.
    package func removeServer(_ id: Int64, now: Int64) async throws {
        try await database.write { session in
            _ = try Self.server(id, session)
            try session.execute(
                "UPDATE servers SET closed_at = $1, secret_hash = $2 WHERE id = $3",
                [.integer(now), .bytes([]), .integer(id)])
            try Self.closeLedgers(of: id, now: now, session)
            try session.execute(
                "UPDATE join_tokens SET expires_at = 0 WHERE server = $1", [.integer(id)])
        }
    }

    static func insertServer(
        name: String, now: Int64, _ session: any Session
    ) throws -> Int64 {
        try requireFreeName(name, session)
        let row = try session.first(
            """
            INSERT INTO servers (name, created_at, secret_hash, digest, reading_boot, taken_digest) \
            VALUES ($1, $2, $3, $4, $5, $5) RETURNING id
            """,
            [
                .text(name), .integer(now), .bytes([]), .bytes(SetDigest().bytes), .bytes([]),
            ])
        return row?.integer(0) ?? 0
    }

    static func closeLedgers(
        of server: Int64, now: Int64, _ session: any Session
    ) throws {
        try session.execute(
            "UPDATE ledgers SET closed_at = $1 WHERE server = $2 AND closed_at = 0",
            [.integer(now), .integer(server)])
    }

    static func requireFreeName(_ name: String, _ session: any Session) throws {
        let taken = try session.first(
            "SELECT id FROM servers WHERE name = $1 AND closed_at = 0", [.text(name)])
        guard taken == nil else {
            throw StoreError(
                .conflict, reason: "name_taken",
                """
                there is a server named \(name) already: choose another name, or let a host take \
                its place with the token that `tollkeeper server add \(name)` prints
                """)
        }
    }

    /// Refuses what is no name for a server.
    static func checkServerName(_ name: String) throws {
        let isNamed = name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "-"):
                true
            default: false
            }
        }
        let isLed = name.utf8.first.map { $0 != UInt8(ascii: "-") && $0 != UInt8(ascii: ".") }
        guard isNamed, isLed == true, name.utf8.count <= 63 else {
            throw StoreError(
                .invalid,
                """
                name: a server's name has 1 to 63 letters, digits, '.', '_' and '-', and begins \
                with none of '.' and '-'
                """)
        }
    }
}
