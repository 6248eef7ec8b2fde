extension Store {
    /// One page of clients with their credentials; with a server named, those on it alone.
    package func clients(_ query: ClientQuery) async throws -> [ClientRecord] {
        let statement = query.statement()
        let server = query.server
        return try await database.read { session in
            let clients = try session.query(statement.sql, statement.values)
            return try Self.filled(clients.map(ClientRecord.init), server: server, session)
        }
    }

    /// One client that was not deleted, with its credentials.
    package func client(_ id: Int64) async throws -> ClientRecord {
        try await database.read { session in
            let client = try Self.client(id, session)
            return try Self.filled([client], server: nil, session).first ?? client
        }
    }

    static func client(_ id: Int64, _ session: any Session) throws -> ClientRecord {
        let row = try session.first(
            "SELECT \(ClientRecord.columns) FROM clients k WHERE k.id = $1 AND k.deleted_at = 0",
            [.integer(id)])
        guard let row else {
            throw StoreError(.notFound, "there is no client with the id \(id)")
        }
        return ClientRecord(row)
    }

    private static func filled(
        _ clients: [ClientRecord], server: Int64?, _ session: any Session
    ) throws -> [ClientRecord] {
        let share = server.map { " AND c.server = \($0)" } ?? ""
        let rows = try session.query(in: clients.map { .integer($0.id) }) {
            """
            \(CredentialRecord.source) WHERE c.client IN (\($0))\(share)
            """
        }
        let credentials = Dictionary(grouping: rows.map(CredentialRecord.init), by: \.client)
        return clients.map { client in
            var client = client
            client.credentials = (credentials[client.id] ?? []).sorted { $0.id < $1.id }
            return client
        }
    }
}
