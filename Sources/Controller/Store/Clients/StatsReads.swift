/// The whole fleet's traffic.
package struct FleetTotal: Hashable, Sendable {
    package var uplink: Int64
    package var downlink: Int64
    /// Clients with traffic since the moment that was asked for.
    package var activeClients: Int
}

extension Store {
    /// Everything that was booked, or one server's share, and who had traffic since `activeSince`.
    package func fleetTotal(
        server: Int64? = nil, activeSince: Int64
    ) async throws -> FleetTotal {
        let share = server.map { " AND c.server = \($0)" } ?? ""
        return try await database.read { session in
            if let server { _ = try Self.server(server, session) }
            let sums = try session.first(
                """
                SELECT \(WideSum.columns("t.uplink")), \(WideSum.columns("t.downlink")) \
                FROM credentials c JOIN totals t ON t.credential = c.id WHERE c.client <> 0\(share)
                """, [])
            let active = try session.first(
                """
                SELECT COUNT(DISTINCT c.client) FROM credentials c \
                JOIN totals t ON t.credential = c.id WHERE t.last_traffic > $1 AND c.client <> 0\(share)
                """, [.integer(activeSince)])
            return FleetTotal(
                uplink: sums.map { WideSum.value($0, at: 0) } ?? 0,
                downlink: sums.map { WideSum.value($0, at: 2) } ?? 0,
                activeClients: active?.count(0) ?? 0)
        }
    }
}
