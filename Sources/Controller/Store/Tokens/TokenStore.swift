/// An API token as it is kept: never its text.
package struct TokenRecord: Hashable, Sendable {
    package var id: Int64
    package var name: String
    /// `read`, `operate` or `admin`.
    package var scope: String
    package var createdAt: Int64
    /// 0 for never.
    package var lastUsedAt: Int64

    static let columns = "id, name, scope, created_at, last_used_at"

    init(_ row: Row) {
        id = row.integer(0)
        name = row.text(1)
        scope = row.text(2)
        createdAt = row.integer(3)
        lastUsedAt = row.integer(4)
    }
}

extension Store {
    /// Every API token, oldest first.
    package func tokens() async throws -> [TokenRecord] {
        try await database.read { session in
            try session.query("SELECT \(TokenRecord.columns) FROM api_tokens ORDER BY id", [])
                .map(TokenRecord.init)
        }
    }

    /// The token whose text has this SHA-256; nil for none.
    package func token(hash: [UInt8]) async throws -> TokenRecord? {
        try await database.read { session in
            try session.first(
                "SELECT \(TokenRecord.columns) FROM api_tokens WHERE hash = $1", [.bytes(hash)]
            ).map(TokenRecord.init)
        }
    }

    /// Keeps a new token's hash.
    package func addToken(
        hash: [UInt8], name: String, scope: String, now: Int64
    ) async throws -> TokenRecord {
        guard !name.isEmpty, name.utf8.count <= 127 else {
            throw StoreError(.invalid, "name: a token's name has 1 to 127 bytes")
        }
        return try await database.write { session in
            let row = try session.first(
                """
                INSERT INTO api_tokens (hash, name, scope, created_at) VALUES ($1, $2, $3, $4) \
                RETURNING \(TokenRecord.columns)
                """, [.bytes(hash), .text(name), .text(scope), .integer(now)])
            guard let row else { throw StoreError(.internal, "the token was not kept") }
            return TokenRecord(row)
        }
    }

    /// Forgets a token; it stops working at once.
    package func removeToken(_ id: Int64) async throws {
        try await database.writeUrgently { session in
            let count = try session.execute("DELETE FROM api_tokens WHERE id = $1", [.integer(id)])
            guard count > 0 else {
                throw StoreError(.notFound, "there is no token with the id \(id)")
            }
        }
    }

    /// Writes down that a token was used.
    package func noteUse(ofToken id: Int64, now: Int64) async throws {
        try await database.write { session in
            _ = try session.execute(
                "UPDATE api_tokens SET last_used_at = $1 WHERE id = $2",
                [.integer(now), .integer(id)])
        }
    }
}
