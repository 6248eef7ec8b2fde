import HTTPTypes
import API
import HummingbirdCore
import Store

extension Backend {
    /// The calls about the fleet's traffic.
    var statsRoutes: [Route] {
        [
            Route(.get, "/api/stats", .operator(.read)) { request, _ in
                let query = try Query(request, allowing: "server_id")
                let total = try await store.fleetTotal(
                    server: try query.id("server_id"),
                    activeSince: now - LastSeen.onlineWindow * 1_000_000_000)
                let sum = total.uplink.addingReportingOverflow(total.downlink)
                return try .json(
                    StatsData(
                        groups: [],
                        systemTotal: StatsTotal(
                            uplink: total.uplink, downlink: total.downlink,
                            total: sum.overflow ? .max : sum.partialValue,
                            activeUsers: total.activeClients, activeGroups: 0)))
            }
        ]
    }
}
