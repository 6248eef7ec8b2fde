import AgentProtocol

/// What a server's agent is to make so.
package struct DesiredState: Hashable, Sendable {
    package var revision: Int64
    /// 32 bytes over the whole set.
    package var digest: [UInt8]
    /// Whether the entries are the whole set, or only what changed since the agent's revision.
    package var isWhole: Bool
    /// Encoded `DesiredEntry` messages.
    package var entries: [[UInt8]]
    /// The newest reading ticket that was asked for.
    package var ticket: Int64
}

extension Store {
    /// The desired state for an agent that holds revision `after` with `digest`.
    ///
    /// Only what changed, where the store knows that pair; else the whole set. An empty digest
    /// stands for that of the empty set.
    package func desired(
        server: Int64, after: Int64, digest: [UInt8]
    ) async throws -> DesiredState {
        try await database.read { session in
            let row = try session.first(
                """
                SELECT revision, digest, ticket_asked FROM servers \
                WHERE id = $1 AND closed_at = 0
                """, [.integer(server)])
            guard let row else { throw Self.noServer(server) }
            let isKnown = try Self.isKnown(after, digest, server: server, session)
            let entries = try session.query(
                "SELECT entry FROM desired WHERE server = $1 AND revision > $2 ORDER BY revision",
                [.integer(server), .integer(isKnown ? after : 0)])
            return DesiredState(
                revision: row.integer(0), digest: row.bytes(1), isWhole: !isKnown,
                entries: entries.map { $0.bytes(0) }, ticket: row.integer(2))
        }
    }

    private static func isKnown(
        _ revision: Int64, _ digest: [UInt8], server: Int64, _ session: any Session
    ) throws -> Bool {
        guard revision != 0 else { return digest.isEmpty || digest == SetDigest().bytes }
        let row = try session.first(
            "SELECT digest FROM desired_history WHERE server = $1 AND revision = $2",
            [.integer(server), .integer(revision)])
        return row?.bytes(0) == digest
    }
}
