import Accounting

/// Takes ports out of use. What they counted stays, and bytes that come late are booked.
struct PortRetirement {
    let server: Int64
    let now: Int64
    let session: any Session

    /// Retires these credentials of the server, with what was only read beside them.
    func retire(_ credentials: [Int64]) throws {
        guard !credentials.isEmpty else { return }
        let rows = try session.query(in: credentials.map { .integer($0) }) {
            """
            SELECT c.id, m.name, c.key FROM credentials c JOIN meters m ON m.id = c.meter \
            WHERE c.id IN (\($0))
            """
        }
        let moment = SQLValue.integer(max(now, 1))
        try session.execute(
            "UPDATE credentials SET retired_at = $1, present = 0 WHERE id = $2", width: 2,
            rows: rows.flatMap { [moment, .integer($0.integer(0))] })
        let beside = rows.flatMap { row -> [SQLValue] in
            guard let meter = MeterName(row.text(1)) else { return [] }
            let companions = [meter.packets, meter.overIPv6, meter.packets.overIPv6]
            return [moment, .text(row.text(2)), .integer(server)]
                + companions.map { .text($0.description) }
        }
        try session.execute(
            """
            UPDATE credentials SET retired_at = $1, present = 0 \
            WHERE key = $2 AND retired_at = 0 AND meter IN \
            (SELECT id FROM meters WHERE server = $3 AND name IN ($4, $5, $6))
            """, width: 6, rows: beside)
    }
}
