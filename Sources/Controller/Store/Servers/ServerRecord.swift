/// A server as it is kept.
package struct ServerRecord: Hashable, Sendable {
    package var id: Int64
    package var name: String
    package var createdAt: Int64
    /// 0: its agent has never joined.
    package var joinedAt: Int64
    package var revision: Int64
    package var enforcedRevision: Int64
    package var ticketAsked: Int64
    package var ticketAnswered: Int64
    /// The agent's last call that was written down; 0 for none.
    package var lastContact: Int64
    /// The last push that was booked; 0 for none.
    package var lastPush: Int64
    /// The end of the newest reading that was booked, by the controller's clock; 0 for none.
    package var lastReading: Int64
    /// Nanoseconds that the host's clock is ahead; nil until known.
    package var clockOffset: Int64?
    /// Since when the store lacks what its agent had told and was told; 0 for not at all.
    package var recoveringSince: Int64
    /// Whether its agent's desired set is still to come.
    package var wantsSet: Bool
    /// Whether batches of its ledger are missing.
    package var hasGap: Bool
    /// When a clone or a rolled-back copy of its ledger called last; 0 for never.
    package var cloneSeenAt: Int64
    package var host: HostRecord
    /// Filled in by the reads that promise it.
    package var clients = 0
    package var uplink: Int64 = 0
    package var downlink: Int64 = 0
    package var quarantined = 0
    package var meters: [MeterRecord] = []
    /// Opened since the backup that the store was put back from, and shut again; by id.
    package var reopened: [ReopenedRecord] = []

    static let columns = """
        id, name, created_at, joined_at, revision, enforced_revision, ticket_asked, \
        ticket_answered, last_contact, last_push, last_reading, clock_offset, clock_known, \
        host, agent_version, kernel, system, mode, recovering_since, wants_set, clone_seen_at, \
        COALESCE((SELECT l.gap FROM ledgers l WHERE l.server = servers.id AND l.closed_at = 0), 0)
        """

    init(_ row: Row) {
        id = row.integer(0)
        name = row.text(1)
        createdAt = row.integer(2)
        joinedAt = row.integer(3)
        revision = row.integer(4)
        enforcedRevision = row.integer(5)
        ticketAsked = row.integer(6)
        ticketAnswered = row.integer(7)
        lastContact = row.integer(8)
        lastPush = row.integer(9)
        lastReading = row.integer(10)
        clockOffset = row.flag(12) ? row.integer(11) : nil
        host = HostRecord(
            name: row.text(13), agentVersion: row.text(14), kernel: row.text(15),
            system: row.text(16), mode: row.text(17))
        recoveringSince = row.integer(18)
        wantsSet = row.flag(19)
        cloneSeenAt = row.integer(20)
        hasGap = row.flag(21)
    }
}

/// What an agent says of its host; empty texts until it has joined.
package struct HostRecord: Hashable, Sendable {
    package var name = ""
    package var agentVersion = ""
    package var kernel = ""
    package var system = ""
    package var mode = ""
}

/// A credential that was opened since the backup, and stays shut until an operator decides.
package struct ReopenedRecord: Hashable, Sendable {
    package var server: Int64
    package var credential: Int64
    package var client: Int64
    package var clientName: String
    package var meter: String
    package var key: String
}

/// A source of counters on a server.
package struct MeterRecord: Hashable, Sendable {
    package var server: Int64
    package var name: String
    package var source: String
    /// 0 for none.
    package var listenPort: Int
    package var keys: Int
    /// Empty where it can be read.
    package var fault: String
    /// Who else resets its counters; empty where nobody does.
    package var contested: String
}
