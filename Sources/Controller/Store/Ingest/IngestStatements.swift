/// The statements that book a push of one ordinary batch, in one place, so that `make bench` can run
/// the very same ones without anything round them.
package enum IngestStatements {
    /// How the connection that writes is set up. Its cache holds up to 64 MiB of what it has touched.
    package static let settings = ["synchronous = FULL", "cache_size = -65536"]

    /// Every statement by its name, in the order in which a push runs them; the one that reads what
    /// is held for `width` credentials.
    package static func all(width: Int) -> [(name: String, sql: String)] {
        let places = (0..<width).map { "$\($0 + 2)" }.joined(separator: ", ")
        return [
            ("state", state), ("held", held(places)), ("totals", totals),
            ("usage_hours", usageHours), ("meter_hours", meterHours),
            ("incarnation", incarnation), ("raw_counters", rawCounters), ("batch", batch),
            ("forget_batches", forgetBatches), ("ledger", ledger), ("server", server),
        ]
    }

    /// What is held of a ledger and its server.
    static let state = """
        SELECT l.gap, l.gap_since, s.revision, s.ticket_asked, s.ticket_answered, \
        s.last_reading, s.last_bucket, s.joined_at, s.reading_wall, s.reading_boot, \
        s.reading_boottime, s.outcome_number, s.recovering_since, s.wants_set, \
        \(AgentRecord.columns) FROM ledgers l JOIN servers s ON s.id = l.server \
        WHERE l.id = $1 AND l.server = $2 AND l.closed_at = 0 AND s.closed_at = 0
        """

    /// What is held of a server's credentials, whose placeholders `places` lists.
    static func held(_ places: String) -> String {
        """
        SELECT \(HeldTotals.columns) FROM credentials c \
        JOIN totals t ON t.credential = c.id WHERE c.server = $1 AND c.id IN (\(places))
        """
    }

    static let totals = """
        UPDATE totals SET uplink = $1, downlink = $2, held_uplink = $3, held_downlink = $4, \
        baseline_uplink = $5, baseline_downlink = $6, last_handshake = $7, \
        last_traffic = $8, withheld_uplink = $9, withheld_downlink = $10 \
        WHERE credential = $11
        """

    static let usageHours = """
        INSERT INTO usage_hours (credential, hour, client, uplink, downlink) \
        VALUES ($1, $2, $3, $4, $5) ON CONFLICT (hour, credential, client) DO UPDATE SET \
        uplink = usage_hours.uplink + excluded.uplink, \
        downlink = usage_hours.downlink + excluded.downlink
        """

    static let meterHours: String = {
        let columns = ["uplink", "downlink", "observed_uplink", "observed_downlink"]
        let sums = columns.map { name in
            """
            \(name) = CASE WHEN meter_hours.\(name) > \(Schema1.largest) - excluded.\(name) \
            THEN \(Schema1.largest) ELSE meter_hours.\(name) + excluded.\(name) END
            """
        }
        return """
            INSERT INTO meter_hours (meter, hour, \(columns.joined(separator: ", "))) \
            VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (meter, hour) DO UPDATE SET \
            \(sums.joined(separator: ", "))
            """
    }()

    static let incarnation = "SELECT id FROM incarnations WHERE token = $1"

    static let rawCounters = """
        INSERT INTO raw_counters (part, credential, incarnation, uplink, downlink) \
        VALUES ($1, $2, $3, $4, $5) ON CONFLICT (credential, part) DO UPDATE SET \
        incarnation = excluded.incarnation, uplink = excluded.uplink, \
        downlink = excluded.downlink
        """

    static let batch =
        "INSERT INTO batches (ledger, sequence, digest, applied_at) VALUES ($1, $2, $3, $4)"

    static let forgetBatches = "DELETE FROM batches WHERE ledger = $1 AND sequence <= $2"

    static let ledger = """
        UPDATE ledgers SET applied = $1, applied_digest = $2, gap = $3, gap_since = $4, \
        start_number = $5, instance = $6 WHERE id = $7
        """

    static let server = """
        UPDATE servers SET last_contact = $1, last_push = $1, last_bucket = $2, \
        ticket_answered = $3, clock_offset = $4, clock_known = $5, last_reading = $6, \
        reading_wall = $7, reading_boot = $8, reading_boottime = $9, \
        outcome_number = $10 WHERE id = $11
        """
}
