import API
import HTTPTypes
import Hummingbird
import HummingbirdCore
import Store

extension Backend {
    /// The calls about servers.
    var serverRoutes: [Route] {
        [
            Route(.get, "/api/servers", .operator(.read)) { request, _ in
                try await listServers(request)
            },
            Route(.post, "/api/servers", .operator(.admin)) { request, _ in
                try await addServer(request)
            },
            Route(.get, "/api/servers/:id", .operator(.read)) { request, context in
                _ = try Query(request)
                return try .json(
                    ServerAnswer(server: shape(try await store.server(context.id()))))
            },
            Route(.patch, "/api/servers/:id", .operator(.admin)) { request, context in
                try await changeServer(request, try context.id())
            },
            Route(.delete, "/api/servers/:id", .operator(.admin)) { request, context in
                try await removeServer(request, try context.id())
            },
            Route(.post, "/api/servers/:id/token", .operator(.admin)) { request, context in
                try await makeToken(request, try context.id())
            },
        ]
    }

    private func listServers(_ request: Request) async throws -> Response {
        let query = try Query(request, allowing: "limit", "cursor", "sort", "name")
        if let name = query.text("name") {
            guard let id = try await store.serverID(named: name) else {
                return try .json(ServerList(servers: []))
            }
            return try .json(ServerList(servers: [shape(try await store.server(id))]))
        }
        let limit = try query.limit()
        let sort = try query.sort(["id"])
        let after = try query.text("cursor").map { try Cursor($0).id } ?? 0
        var servers = try await store.servers(
            after: after, descending: sort.isDescending, limit: limit + 1)
        let hasMore = servers.count > limit
        servers = Array(servers.prefix(limit))
        let next = hasMore ? servers.last.map { Cursor(id: $0.id).text } : nil
        return try .json(ServerList(servers: servers.map(shape), nextCursor: next))
    }

    private func addServer(_ request: Request) async throws -> Response {
        let fields = try await Bodies.fields(request)
        try fields.allow("name", "reusable", "ttl_seconds")
        let name = try fields.requiredText("name")
        guard !name.contains(where: { "@:/".contains($0) }) else {
            throw Refusal.invalid(
                """
                name: \(name) looks like an address; a server's name is what you call it, and \
                its agent connects by itself: no ssh is needed
                """)
        }
        let (token, offer) = try offer(fields)
        let server = try await store.addServer(name: name, token: offer, now: now)
        return try answer(token, offer, server, request, status: .created)
    }

    private func changeServer(_ request: Request, _ id: Int64) async throws -> Response {
        let fields = try await Bodies.fields(request)
        try fields.allow("name")
        if let name = try fields.text("name") { try await store.renameServer(id, to: name) }
        return try .json(ServerAnswer(server: shape(try await store.server(id))))
    }

    private func removeServer(_ request: Request, _ id: Int64) async throws -> Response {
        let fields = try await Bodies.fields(request)
        try fields.allow()
        try await store.removeServer(id, now: now)
        desired.notify(id)
        return try .json(
            DoneAnswer(
                message: "Server removed; its history stays, its agent is no longer let in"))
    }

    private func makeToken(_ request: Request, _ id: Int64) async throws -> Response {
        let fields = try await Bodies.fields(request)
        try fields.allow("reusable", "ttl_seconds")
        let (token, offer) = try offer(fields)
        let server = try await store.addJoinToken(offer, server: id, now: now)
        return try answer(token, offer, server, request)
    }

    /// A new token, and what is to be kept of it.
    private func offer(_ fields: Fields) throws -> (JoinToken, JoinOffer) {
        let token = JoinToken(secret: Secret.random(), pin: address.pin)
        let offer = JoinOffer(
            hash: token.hash, isReusable: try fields.flag("reusable") ?? false,
            expiresAt: now + (try lifetime(fields)) * 1_000_000_000)
        return (token, offer)
    }

    private func answer(
        _ token: JoinToken, _ offer: JoinOffer, _ server: ServerRecord, _ request: Request,
        status: HTTPResponse.Status = .ok
    ) throws -> Response {
        let url = address.url(asked: request.head.authority)
        return try .json(
            ServerJoin(
                server: shape(server), token: token.text, url: url,
                expiresAt: Timestamp(nanoseconds: offer.expiresAt),
                command: "tollkeeper-agent join \(url)"), status: status)
    }

    /// Seconds that a join token lives: a minute to a year, a day by default.
    private func lifetime(_ fields: Fields) throws -> Int64 {
        let seconds = try fields.integer("ttl_seconds") ?? 86_400
        guard (60...31_536_000).contains(seconds) else {
            throw Refusal.invalid("ttl_seconds: 60 seconds to a year (31536000) are expected")
        }
        return seconds
    }
}
