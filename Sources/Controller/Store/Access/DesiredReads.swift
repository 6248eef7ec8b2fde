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
    /// Whether the agent holds what this store does not know: its set is wanted first, and there
    /// are no entries.
    package var wantsSet: Bool
    /// Whether the agent's set has been asked for and has not come yet.
    package var isAsked: Bool
}

/// How what an agent holds stands to what this store remembers.
enum HeldPosition {
    /// What changed since then is all that it lacks.
    case known
    /// It needs the whole set.
    case behind
    /// It holds what this store has never given, or has forgotten by a restore.
    case unknown
}

/// A server's desired state, without its entries.
struct DesiredHead {
    let server: Int64
    let revision: Int64
    let digest: [UInt8]
    let ticket: Int64
    let isAsked: Bool
    /// The pair of the agent's set that was taken over last.
    let taken: (revision: Int64, digest: [UInt8])
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
            let head = try Self.head(of: server, session)
            let position = try Self.position(after, digest, head, session)
            var state = DesiredState(
                revision: head.revision, digest: head.digest, isWhole: position == .behind,
                entries: [], ticket: head.ticket, wantsSet: position == .unknown,
                isAsked: head.isAsked)
            guard position != .unknown else { return state }
            state.entries = try session.query(
                "SELECT entry FROM desired WHERE server = $1 AND revision > $2 ORDER BY revision",
                [.integer(server), .integer(state.isWhole ? 0 : after)]
            ).map { $0.bytes(0) }
            return state
        }
    }

    static func head(of server: Int64, _ session: any Session) throws -> DesiredHead {
        let row = try session.first(
            """
            SELECT revision, digest, ticket_asked, wants_set, taken_revision, taken_digest \
            FROM servers WHERE id = $1 AND closed_at = 0
            """, [.integer(server)])
        guard let row else { throw noServer(server) }
        return DesiredHead(
            server: server, revision: row.integer(0), digest: row.bytes(1),
            ticket: row.integer(2), isAsked: row.flag(3),
            taken: (row.integer(4), row.bytes(5)))
    }

    /// How an agent's pair stands to what this store remembers of that server.
    static func position(
        _ revision: Int64, _ digest: [UInt8], _ head: DesiredHead, _ session: any Session
    ) throws -> HeldPosition {
        guard revision > 0 else {
            let isEmpty = digest.isEmpty || digest == SetDigest().bytes
            return revision == 0 && isEmpty ? .known : .behind
        }
        if (revision, digest) == head.taken { return .behind }
        let row = try session.first(
            "SELECT digest FROM desired_history WHERE server = $1 AND revision = $2",
            [.integer(head.server), .integer(revision)])
        if let row { return row.bytes(0) == digest ? .known : .unknown }
        let oldest = try session.first(
            "SELECT revision FROM desired_history WHERE server = $1 ORDER BY revision LIMIT 1",
            [.integer(head.server)])
        return oldest.map { revision < $0.integer(0) } ?? false ? .behind : .unknown
    }
}
