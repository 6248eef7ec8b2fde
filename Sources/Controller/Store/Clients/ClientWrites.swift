import Accounting

/// What a change of access led to.
package struct AccessReceipt: Sendable {
    /// The client's name.
    package var name: String
    /// The credentials that the change concerns, changed by it or not.
    package var credentials: [Int64]
    /// The servers whose agents have something new to make so.
    package var servers: [Int64]
}

extension Store {
    /// Shuts a client everywhere, or on one server.
    package func revoke(
        client: Int64, server: Int64? = nil, now: Int64
    ) async throws -> AccessReceipt {
        try await set(.shut, client: client, server: server, now: now)
    }

    /// Opens a client again everywhere, or on one server.
    package func restore(
        client: Int64, server: Int64? = nil, now: Int64
    ) async throws -> AccessReceipt {
        try await set(.open, client: client, server: server, now: now)
    }

    /// Deletes a client; its keys stay shut for good, and what it used stays counted.
    package func delete(client: Int64, now: Int64) async throws -> AccessReceipt {
        try await set(.deleted, client: client, server: nil, now: now)
    }

    /// Gives a client another name or note; nil keeps what is there.
    package func change(client: Int64, name: String?, note: String?) async throws {
        if let name { try Self.checkClientName(name) }
        if let note, note.utf8.count > 4096 {
            throw StoreError(.invalid, "note: a note has at most 4096 bytes")
        }
        try await database.write { session in
            _ = try Self.client(client, session)
            if let name {
                try session.execute(
                    "UPDATE clients SET name = $1, named_by = 2 WHERE id = $2",
                    [.text(name), .integer(client)])
            }
            if let note {
                try session.execute(
                    "UPDATE clients SET note = $1 WHERE id = $2", [.text(note), .integer(client)])
            }
        }
    }

    static func checkClientName(_ name: String) throws {
        let isPlain = name.unicodeScalars.allSatisfy {
            $0.properties.generalCategory != .control && $0 != "\u{7f}"
        }
        guard !name.isEmpty, name.utf8.count <= 255, isPlain else {
            throw StoreError(
                .invalid, "name: a client's name has 1 to 255 bytes and no control characters")
        }
    }

    private func set(
        _ access: Access, client: Int64, server: Int64?, now: Int64
    ) async throws -> AccessReceipt {
        try await database.writeUrgently { session in
            let record = try Self.client(client, session)
            if let server { _ = try Self.server(server, session) }
            let rows = try Self.doors(of: client, server: server, session)
            guard server == nil || !rows.isEmpty else {
                throw StoreError(
                    .notFound, "client \(client) has no credential on server \(server ?? 0)")
            }
            if server == nil { try Self.keep(access, client: client, now: now, session) }
            var servers: [Int64] = []
            for (server, rows) in Dictionary(grouping: rows, by: { $0.integer(1) }) {
                let isChanged = try Self.set(access, rows, server: server, now: now, session)
                if isChanged { servers.append(server) }
            }
            return AccessReceipt(
                name: record.name, credentials: rows.map { $0.integer(0) }, servers: servers)
        }
    }

    /// Sets one server's credentials; returns whether its agent has something to do.
    ///
    /// A tombstone is not opened, and what is counted no more is neither shut nor opened. Where the
    /// server's usage was lost, openings wait for it.
    static func set(
        _ access: Access, forced: Bool = false, _ rows: [Row], server: Int64, now: Int64,
        _ session: any Session
    ) throws -> Bool {
        let different = rows.filter {
            switch Access(stored: $0.integer(4)) {
            case .uncounted: false
            case .deleted where access != .deleted: false
            case access: forced && !$0.flag(7)
            default: true
            }
        }
        if access == .open, rows.contains(where: { $0.integer(6) != 0 }) {
            try postpone(different.map { $0.integer(0) }, now: now, session)
            return false
        }
        try decide(rows.filter { $0.flag(5) }.map { $0.integer(0) }, session)
        let changes = different.map {
            AccessChange(
                credential: $0.integer(0), meter: $0.text(2), key: $0.text(3), access: access,
                isForced: forced)
        }
        guard !changes.isEmpty else { return false }
        _ = try desire(changes, server: server, now: now, session)
        return true
    }

    private static func doors(
        of client: Int64, server: Int64?, _ session: any Session
    ) throws -> [Row] {
        let share = server.map { " AND c.server = \($0)" } ?? ""
        return try session.query(
            """
            \(doors) WHERE c.client = $1 AND c.retired_at = 0 AND c.desired <> 3 \
            AND s.closed_at = 0\(share) ORDER BY c.id
            """, [.integer(client)])
    }

    /// What `set` takes of a credential.
    static let doors = """
        SELECT c.id, c.server, m.name, c.key, c.desired, c.recovery, s.recovering_since, c.forced \
        FROM credentials c \
        JOIN meters m ON m.id = c.meter JOIN servers s ON s.id = c.server
        """

    private static func keep(
        _ access: Access, client: Int64, now: Int64, _ session: any Session
    ) throws {
        try session.execute(
            "UPDATE clients SET access = $1, deleted_at = $2 WHERE id = $3",
            [
                .integer(access.isShut ? 1 : 0), .integer(access == .deleted ? now : 0),
                .integer(client),
            ])
    }
}
