public import API
public import ArgumentParser

/// `tollkeeper client …`
struct ClientCommands: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "client",
        abstract: "Clients: whom to count and to let in.",
        discussion: """
            A client is meant by its name, or by id:15, name:15 or key:…; several at once, and - \
            reads them from standard input.
            """,
        subcommands: [
            ClientListCommand.self, ClientShowCommand.self, ClientRevokeCommand.self,
            ClientRestoreCommand.self, ClientDeleteCommand.self, ClientSyncCommand.self,
        ])
}

/// Which clients a command means.
struct ClientSelection: ParsableArguments {
    @Argument(
        help: ArgumentHelp(
            "NAME, id:15, name:15, key:…, or - for standard input.",
            valueName: "CLIENT"))
    var clients: [String]

    @Option(help: ArgumentHelp("Only on this server.", valueName: "SERVER"))
    var server: String?
}

/// `tollkeeper client list`
struct ClientListCommand: ControllerCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "All clients with their traffic.")

    @Option(help: ArgumentHelp("Only those on this server.", valueName: "SERVER"))
    var server: String?

    @Option(help: "Only those of this status: active, disabled, revoking, …")
    var status: ClientStatus?

    @Option(parsing: .unconditional, help: "id or name; -id or -name the other way round.")
    var sort: String?

    @OptionGroup var sizes: SizeOptions
    @OptionGroup var common: CommonOptions

    func perform(in world: World, through connection: Connection) async throws {
        let server = try await connection.serverID(server)
        let query = [
            ("server_id", server.map { "\($0)" }), ("status", status?.rawValue), ("sort", sort),
        ]
        guard !common.json else {
            let text = try await connection.allAsJSON("/api/clients", query, of: ClientList.self)
            return world.out(text)
        }
        let clients = try await connection.all("/api/clients", query, of: ClientList.self)
        let servers = try await connection.all("/api/servers", of: ServerList.self)
        let names = Dictionary(servers.map { ($0.id, $0.name) }) { first, _ in first }
        let view = ClientView(size: sizes.format, servers: names)
        world.out(view.table(clients).text(isColoured: world.isColoured))
    }
}

/// `tollkeeper client show`
struct ClientShowCommand: ControllerCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Clients with all their credentials.")

    @OptionGroup var selection: ClientSelection
    @OptionGroup var sizes: SizeOptions
    @OptionGroup var common: CommonOptions

    func perform(in world: World, through connection: Connection) async throws {
        let server = try await connection.serverID(selection.server)
        let clients = try await connection.clients(selection.clients, server: server, in: world)
        guard !common.json else {
            for client in clients {
                world.out(try await connection.call("GET", "/api/clients/\(client.id)").line)
            }
            return
        }
        let servers = try await connection.all("/api/servers", of: ServerList.self)
        let names = Dictionary(servers.map { ($0.id, $0.name) }) { first, _ in first }
        let view = ClientView(size: sizes.format, servers: names)
        let texts = clients.map { view.details($0, isColoured: world.isColoured) }
        world.out(texts.joined(separator: "\n"))
    }
}

/// `tollkeeper client sync`
struct ClientSyncCommand: ControllerCommand {
    static let configuration = CommandConfiguration(
        commandName: "sync", abstract: "Asks the agents for a reading now.")

    @OptionGroup var selection: ClientSelection
    @OptionGroup var common: CommonOptions

    func perform(in world: World, through connection: Connection) async throws {
        let server = try await connection.serverID(selection.server)
        let clients = try await connection.clients(selection.clients, server: server, in: world)
        for client in clients {
            let path = "/api/clients/\(client.id)/sync-stats"
            let answer = try await connection.call("POST", path, timeout: 90)
            guard !common.json else {
                world.out(answer.line)
                continue
            }
            let sync = try answer.decode(ClientSync.self)
            let note = sync.message.map { " (\($0))" } ?? ""
            world.out(
                SafeText.escape(
                    "\(client.name): sent \(sync.stats.sent), received \(sync.stats.received), "
                        + "\(sync.stats.lastSeen)\(note)") + "\n")
        }
    }
}

extension ClientStatus: ExpressibleByArgument {}
