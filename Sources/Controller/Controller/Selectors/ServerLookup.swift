import API

extension Connection {
    /// The server that `text` means: a name, `id:3` or `name:3`.
    func server(_ text: String) async throws -> ServerInfo {
        let selector = try Selector(text)
        let servers = try await all("/api/servers", of: ServerList.self)
        let found = servers.filter { server in
            switch selector {
            case .id(let id): server.id == id
            case .name(let name): server.name == name
            case .key: false
            }
        }
        return try Choice.one(
            found, for: selector, noun: "server", hint: "; `tollkeeper server list` shows all"
        ) { "id:\($0.id)  \($0.name)  \($0.state.rawValue)" }
    }

    /// The id of the server that an option names; nil where it names none.
    func serverID(_ option: String?) async throws -> Int64? {
        guard let option else { return nil }
        return try await server(option).id
    }
}
