extension Store {
    /// One page of the credentials in use, by id, from after `after` on.
    package func credentials(
        server: Int64? = nil, client: Int64? = nil, key: String? = nil, after: Int64 = 0,
        limit: Int
    ) async throws -> [CredentialRecord] {
        var conditions = ["c.id > $1", "c.client <> 0", "c.retired_at = 0", "s.closed_at = 0"]
        var values: [SQLValue] = [.integer(after)]
        func add(_ column: String, _ value: SQLValue?) {
            guard let value else { return }
            values.append(value)
            conditions.append("\(column) = $\(values.count)")
        }
        add("c.server", server.map { .integer($0) })
        add("c.client", client.map { .integer($0) })
        add("c.key", key.map { .text($0) })
        values.append(.integer(Int64(limit)))
        let sql = """
            \(CredentialRecord.source) WHERE \(conditions.joined(separator: " AND ")) \
            ORDER BY c.id LIMIT $\(values.count)
            """
        let bound = values
        return try await database.read { session in
            try session.query(sql, bound).map(CredentialRecord.init)
        }
    }

    /// The credentials with these ids.
    package func credentials(ids: [Int64]) async throws -> [CredentialRecord] {
        try await database.read { session in
            try session.query(in: ids.map { .integer($0) }) {
                "\(CredentialRecord.source) WHERE c.id IN (\($0))"
            }.map(CredentialRecord.init)
        }
    }
}
