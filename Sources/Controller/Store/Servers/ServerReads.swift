extension Store {
    /// One page of the servers in use, by id, from after `after` on.
    package func servers(
        after: Int64 = 0, descending: Bool = false, limit: Int
    ) async throws -> [ServerRecord] {
        let sql = """
            SELECT \(ServerRecord.columns) FROM servers WHERE closed_at = 0 \
            AND id \(descending ? "<" : ">") $1 \
            ORDER BY id \(descending ? "DESC" : "ASC") LIMIT $2
            """
        let start = descending && after == 0 ? Int64.max : after
        return try await database.read { session in
            let rows = try session.query(sql, [.integer(start), .integer(Int64(limit))])
            return try Self.filled(rows.map(ServerRecord.init), session)
        }
    }

    /// One server in use, with its meters and sums.
    package func server(_ id: Int64) async throws -> ServerRecord {
        try await database.read { session in
            guard let server = try Self.filled([Self.server(id, session)], session).first else {
                throw Self.noServer(id)
            }
            return server
        }
    }

    /// The id of the server in use that has `name`; nil for none.
    package func serverID(named name: String) async throws -> Int64? {
        try await database.read { session in
            try session.first(
                "SELECT id FROM servers WHERE name = $1 AND closed_at = 0", [.text(name)])?
                .integer(0)
        }
    }

    /// How many clients have a key that the server's last readings had.
    package func countedClients(server: Int64) async throws -> Int {
        try await database.read { session in
            try session.first(
                """
                SELECT COUNT(DISTINCT client) FROM credentials \
                WHERE server = $1 AND present = 1 AND retired_at = 0 AND client <> 0
                """, [.integer(server)])?.count(0) ?? 0
        }
    }

    static func server(_ id: Int64, _ session: any Session) throws -> ServerRecord {
        let sql = "SELECT \(ServerRecord.columns) FROM servers WHERE id = $1 AND closed_at = 0"
        guard let row = try session.first(sql, [.integer(id)]) else { throw noServer(id) }
        return ServerRecord(row)
    }

    static func noServer(_ id: Int64) -> StoreError {
        StoreError(.notFound, "there is no server with the id \(id)")
    }

    private static func filled(
        _ servers: [ServerRecord], _ session: any Session
    ) throws -> [ServerRecord] {
        let ids = servers.map { SQLValue.integer($0.id) }
        let meters = try meters(of: ids, session)
        let sums = try sums(of: ids, session)
        let quarantined = try quarantined(of: ids, session)
        let reopened = try reopened(of: ids, session)
        return servers.map { server in
            var server = server
            server.reopened = reopened[server.id] ?? []
            server.meters = meters[server.id] ?? []
            server.quarantined = quarantined[server.id] ?? 0
            if let sum = sums[server.id] {
                server.clients = sum.clients
                (server.uplink, server.downlink) = (sum.uplink, sum.downlink)
            }
            return server
        }
    }

    private static func meters(
        of servers: [SQLValue], _ session: any Session
    ) throws -> [Int64: [MeterRecord]] {
        let rows = try session.query(in: servers) {
            """
            SELECT server, name, source, listen_port, keys, fault, contested FROM meters \
            WHERE present = 1 AND server IN (\($0)) ORDER BY name
            """
        }
        let meters = rows.map { row in
            MeterRecord(
                server: row.integer(0), name: row.text(1), source: row.text(2),
                listenPort: row.count(3), keys: row.count(4), fault: row.text(5),
                contested: row.text(6))
        }
        return Dictionary(grouping: meters, by: \.server)
    }

    private static func reopened(
        of servers: [SQLValue], _ session: any Session
    ) throws -> [Int64: [ReopenedRecord]] {
        let rows = try session.query(in: servers) {
            "\(reopenedCredentials) AND c.server IN (\($0))"
        }
        let records = rows.map { row in
            ReopenedRecord(
                server: row.integer(0), credential: row.integer(1), client: row.integer(2),
                clientName: row.text(3), meter: row.text(4), key: row.text(5))
        }
        return Dictionary(
            grouping: records.sorted { $0.credential < $1.credential }, by: \.server)
    }

    static let reopenedCredentials = """
        SELECT c.server, c.id, c.client, k.name, m.name, c.key FROM credentials c \
        JOIN clients k ON k.id = c.client JOIN meters m ON m.id = c.meter \
        WHERE c.recovery <> 0 AND c.recovery = 2 AND c.retired_at = 0 AND k.deleted_at = 0
        """

    private static func sums(
        of servers: [SQLValue], _ session: any Session
    ) throws -> [Int64: (clients: Int, uplink: Int64, downlink: Int64)] {
        let rows = try session.query(in: servers) {
            """
            SELECT c.server, COUNT(DISTINCT c.client), \
            \(WideSum.columns("t.uplink")), \(WideSum.columns("t.downlink")) \
            FROM credentials c JOIN totals t ON t.credential = c.id \
            WHERE c.server IN (\($0)) AND c.client <> 0 GROUP BY c.server
            """
        }
        return Dictionary(
            rows.map {
                let up = WideSum.value($0, at: 2)
                return ($0.integer(0), ($0.count(1), up, WideSum.value($0, at: 4)))
            }, uniquingKeysWith: { first, _ in first })
    }

    private static func quarantined(
        of servers: [SQLValue], _ session: any Session
    ) throws -> [Int64: Int] {
        let rows = try session.query(in: servers) {
            "SELECT server, COUNT(*) FROM quarantine WHERE server IN (\($0)) GROUP BY server"
        }
        return Dictionary(
            rows.map { ($0.integer(0), $0.count(1)) }, uniquingKeysWith: { first, _ in first })
    }
}
