import API
import Accounting
import HTTPTypes
import Hummingbird
import HummingbirdCore
import Store

extension Backend {
    /// The calls that show ports.
    var portReadRoutes: [Route] {
        [
            Route(.get, "/api/ports", .operator(.read)) { request, _ in
                try await listPorts(request)
            },
            Route(.get, "/api/stats/iptables", .operator(.read)) { request, _ in
                try await iptables(request)
            },
        ]
    }

    private func listPorts(_ request: Request) async throws -> Response {
        let query = try Query(
            request, allowing: "limit", "cursor", "server_id", "port", "group", "family")
        let family = try Self.family(query)
        let limit = try query.limit()
        let after = try query.text("cursor").map { try Cursor($0).id } ?? 0
        let keys = try query.text("port").map { try PortWords($0).keys }
        let found = try await store.ports(
            server: try query.id("server_id"), keys: keys, group: query.text("group"),
            after: after, limit: limit + 1)
        let page = found.prefix(limit)
        let next =
            found.count > limit ? page.last.map { Cursor(id: $0.credential.id).text } : nil
        return try .json(
            PortPage(ports: page.map { PortInfo($0, family) }, nextCursor: next))
    }

    private func iptables(_ request: Request) async throws -> Response {
        let query = try Query(request, allowing: "server_id", "port", "family")
        let family = try Self.family(query)
        let port = try query.text("port").map { text in
            guard let port = PortList(text) else {
                throw Refusal.invalid("port: a port such as 8080 is expected, without tcp or udp")
            }
            return port.description
        }
        var ports = try await store.portTotals(
            server: try query.id("server_id"), family: family
        ).mapValues(IptablesTraffic.init)
        if let port { ports = ports.filter { $0.key == port } }
        let total = ports.values.reduce(IptablesTraffic()) { $0.adding($1) }
        return try .json(IptablesData(ports: ports, total: total))
    }

    private static func family(_ query: Query) throws -> PortFamily {
        guard let text = query.text("family") else { return .all }
        guard let family = PortFamily(rawValue: text) else {
            let known = PortFamily.allCases.map(\.rawValue).joined(separator: ", ")
            throw Refusal.invalid("family: one of \(known) is expected")
        }
        return family
    }
}
