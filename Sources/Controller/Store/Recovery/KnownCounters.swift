package import AgentProtocol
import SwiftProtobuf

extension Store {
    /// Most counters in one answer.
    static let largestCounters = 10_000

    /// One page of a server's counters as they were last booked, by credential, from after `after`
    /// on; with the end of the newest booked bucket and every meter ever reported.
    package func knownCounters(
        server: Int64, after: Int64, limit: Int = Store.largestCounters
    ) async throws -> WireKnownCounters {
        try await database.read { session in
            let row = try session.first(
                """
                SELECT reading_wall, reading_boot, reading_boottime FROM servers \
                WHERE id = $1 AND closed_at = 0
                """, [.integer(server)])
            guard let row else { throw Self.noServer(server) }
            var answer = WireKnownCounters()
            if let reading = WireClock(row, at: 0) { answer.lastReading = reading }
            answer.meters = try session.query(
                "SELECT name FROM meters WHERE server = $1 ORDER BY name", [.integer(server)]
            ).map { $0.text(0) }
            let rows = try session.query(
                "\(Self.counters) ORDER BY c.id, r.part LIMIT $3",
                [.integer(server), .integer(after), .integer(Int64(limit) + 1)])
            let page = try Self.page(rows, limit: limit, session)
            answer.counters = page.map(Self.counter)
            if rows.count > limit { answer.next = UInt64(page.last?.integer(0) ?? 0) }
            return answer
        }
    }

    /// A credential's counters stand on one page, whole.
    private static func page(
        _ rows: [Row], limit: Int, _ session: any Session
    ) throws -> [Row] {
        guard rows.count > limit, let cut = rows.last?.integer(0) else { return rows }
        let whole = rows.filter { $0.integer(0) < cut }
        guard whole.isEmpty else { return whole }
        return try session.query(
            """
            SELECT c.id, m.name, c.key, r.part, i.token, r.uplink, r.downlink \
            FROM credentials c JOIN meters m ON m.id = c.meter \
            JOIN raw_counters r ON r.credential = c.id \
            JOIN incarnations i ON i.id = r.incarnation WHERE c.id = $1 ORDER BY r.part
            """, [.integer(cut)])
    }

    static let counters = """
        SELECT c.id, m.name, c.key, r.part, i.token, r.uplink, r.downlink FROM credentials c \
        JOIN meters m ON m.id = c.meter JOIN raw_counters r ON r.credential = c.id \
        JOIN incarnations i ON i.id = r.incarnation \
        WHERE c.server = $1 AND c.id > $2 AND c.retired_at = 0
        """

    private static func counter(_ row: Row) -> WireKnownCounter {
        .with {
            $0.credential = UInt64(row.integer(0))
            $0.meter = row.text(1)
            $0.key = row.text(2)
            $0.part = row.text(3)
            $0.incarnation = row.text(4)
            $0.uplink = UInt64(row.integer(5))
            $0.downlink = UInt64(row.integer(6))
        }
    }
}
