import API

extension Connection {
    /// The clients that were typed, each once, in their order.
    ///
    /// All of them are looked up before anything is done to the first one.
    func clients(
        _ texts: [String], server: Int64?, in world: World
    ) async throws -> [ClientInfo] {
        var found: [ClientInfo] = []
        for selector in try Selector.all(texts, in: world) {
            let client = try await client(selector, server: server)
            if !found.contains(where: { $0.id == client.id }) { found.append(client) }
        }
        return found
    }

    private func client(_ selector: Selector, server: Int64?) async throws -> ClientInfo {
        let candidates = try await candidates(selector, server: server)
        return try Choice.one(
            candidates, for: selector, noun: "client", hint: hint(selector, server),
            line: Self.line)
    }

    private func candidates(_ selector: Selector, server: Int64?) async throws -> [ClientInfo] {
        var query = [("server_id", server.map { "\($0)" })]
        switch selector {
        case .id(let id):
            let answer = try await call("GET", "/api/clients/\(id)")
            let client = try answer.decode(ClientAnswer.self).client
            let isThere = server == nil || client.credentials.contains { $0.serverID == server }
            return isThere ? [client] : []
        case .name(let name): query.append(("name", name))
        case .key(let key): query.append(("key", key))
        }
        return try await all("/api/clients", query, of: ClientList.self)
    }

    private func hint(_ selector: Selector, _ server: Int64?) -> String {
        let place = server == nil ? "" : " on that server"
        if case .name(let name) = selector, Int64(name) != nil {
            return place + "; for a client's number write id:\(name)"
        }
        return place + "; `tollkeeper client list` shows all"
    }

    private static func line(_ client: ClientInfo) -> String {
        let keys = client.credentials.prefix(2).map { "\($0.meter) \($0.key)" }
        return
            (["id:\(client.id)", client.name, client.clientIP ?? "-", client.status.rawValue]
            + keys).joined(separator: "  ")
    }
}
