import HTTPTypes
import API
import Hummingbird
import HummingbirdCore
import Store

extension Backend {
    /// The calls about clients.
    var clientRoutes: [Route] {
        accessRoutes + syncRoutes + [
            Route(.get, "/api/clients", .operator(.read)) { request, _ in
                let query = try Query(
                    request, allowing: "limit", "cursor", "sort", "name", "status", "server_id",
                    "key")
                return try await listClients(query, server: try query.id("server_id"))
            },
            Route(.get, "/api/servers/:id/clients", .operator(.read)) { request, context in
                let query = try Query(
                    request, allowing: "limit", "cursor", "sort", "name", "status", "key")
                let id = try context.id()
                _ = try await store.server(id)
                return try await listClients(query, server: id)
            },
            Route(.get, "/api/clients/:id", .operator(.read)) { request, context in
                _ = try Query(request)
                return try await showClient(try context.id())
            },
            Route(.patch, "/api/clients/:id", .operator(.operate)) { request, context in
                try await changeClient(request, try context.id())
            },
        ]
    }

    private func listClients(_ query: Query, server: Int64?) async throws -> Response {
        var wanted = ClientQuery()
        let limit = try query.limit()
        let sort = try query.sort(ClientQuery.Order.allCases.map(\.rawValue))
        wanted.order = ClientQuery.Order(rawValue: sort.name) ?? .id
        wanted.isDescending = sort.isDescending
        wanted.after = try query.text("cursor").map {
            let cursor = try Cursor($0)
            return ClientQuery.Position(id: cursor.id, name: cursor.name)
        }
        wanted.limit = limit + 1
        wanted.name = query.text("name")
        wanted.key = query.text("key")
        wanted.server = server
        if let status = query.text("status") {
            guard let filter = try Self.filter(status) else {
                return try .json(ClientList(clients: []))
            }
            wanted.status = filter
        }
        return try answer(try await store.clients(wanted), limit: limit)
    }

    private func answer(_ clients: [ClientRecord], limit: Int) throws -> Response {
        let moment = now
        let page = clients.prefix(limit)
        let next =
            clients.count > limit
            ? page.last.map { Cursor(id: $0.id, name: $0.name).text } : nil
        return try .json(
            ClientList(clients: page.map { ClientInfo($0, now: moment) }, nextCursor: next))
    }

    /// The status that the store can look for; nil for one that no client can have yet.
    private static func filter(_ status: String) throws -> ClientQuery.Status? {
        guard let status = ClientStatus(rawValue: status) else {
            let known = ClientStatus.allCases.map(\.rawValue).joined(separator: ", ")
            throw Refusal.invalid("status: one of \(known) is expected")
        }
        return switch status {
        case .active: ClientQuery.Status(isShut: false, isPending: false)
        case .restoring: ClientQuery.Status(isShut: false, isPending: true)
        case .disabled: ClientQuery.Status(isShut: true, isPending: false)
        case .revoking: ClientQuery.Status(isShut: true, isPending: true)
        case .limited, .expired: nil
        }
    }

    private func showClient(_ id: Int64) async throws -> Response {
        let client = try await store.client(id)
        return try .json(ClientAnswer(client: ClientInfo(client, now: now)))
    }

    private func changeClient(_ request: Request, _ id: Int64) async throws -> Response {
        let fields = try await Bodies.fields(request)
        try fields.allow("name", "note")
        try await store.change(
            client: id, name: try fields.text("name"), note: try fields.text("note"))
        return try await showClient(id)
    }
}
