extension Store {
    /// Asks a server's agent for a reading now; returns the ticket that the answer will carry.
    package func askForReading(server: Int64) async throws -> Int64 {
        try await database.write { session in
            let row = try session.first(
                """
                UPDATE servers SET ticket_asked = ticket_asked + 1 \
                WHERE id = $1 AND closed_at = 0 RETURNING ticket_asked
                """, [.integer(server)])
            guard let row else { throw Self.noServer(server) }
            return row.integer(0)
        }
    }
}
