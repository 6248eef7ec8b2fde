import API
import ArgumentParser

/// `tollkeeper server …`
struct ServerCommands: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "server",
        abstract: "Servers: the VPN hosts and their agents.",
        subcommands: [
            ServerAddCommand.self, ServerListCommand.self, ServerShowCommand.self,
            ServerSyncCommand.self, ServerDriftCommand.self, ServerRemoveCommand.self,
        ])
}

/// `tollkeeper server add`
struct ServerAddCommand: ControllerCommand {
    static let configuration = CommandConfiguration(
        commandName: "add", abstract: "Adds a server and prints the command that joins it.",
        discussion: """
            For a server that exists, prints a fresh token with which a host takes its place and \
            keeps its history: one that was set up anew, cloned or put back from a copy.
            """)

    @Argument(help: ArgumentHelp("What to call it.", valueName: "NAME"))
    var name: String

    @Flag(help: "Let more than one host join with the token.")
    var reusable = false

    @Option(help: ArgumentHelp("How long the token is good.", valueName: "TIME"))
    var ttl = Span(duration: .seconds(86400))

    @OptionGroup var common: CommonOptions

    func perform(in world: World, through connection: Connection) async throws {
        let (answer, isKnown) = try await token(through: connection)
        guard !common.json else { return world.out(answer.line) }
        let join = try answer.decode(ServerJoin.self)
        world.out(JoinText(join, isReusable: reusable, isKnown: isKnown).text)
    }

    /// A token for a new server, or for the one in use that has this name already.
    private func token(through connection: Connection) async throws -> (Answer, isKnown: Bool) {
        let (reusable, lifetime) = (reusable ? true : nil, Int64(ttl.seconds))
        do {
            let body = NewServer(name: name, reusable: reusable, ttlSeconds: lifetime)
            return (try await connection.call("POST", "/api/servers", body: body), false)
        } catch let refusal as Refusal where refusal.code == "name_taken" {
            let found = try await connection.call("GET", "/api/servers", [("name", name)])
            guard let server = try found.decode(ServerList.self).servers.first else {
                throw refusal
            }
            let body = NewJoinToken(reusable: reusable, ttlSeconds: lifetime)
            let path = "/api/servers/\(server.id)/token"
            return (try await connection.call("POST", path, body: body), true)
        }
    }
}

/// `tollkeeper server list`
struct ServerListCommand: ControllerCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "All servers with the state of their links.")

    @OptionGroup var sizes: SizeOptions
    @OptionGroup var common: CommonOptions

    func perform(in world: World, through connection: Connection) async throws {
        guard !common.json else {
            return world.out(try await connection.allAsJSON("/api/servers", of: ServerList.self))
        }
        let servers = try await connection.all("/api/servers", of: ServerList.self)
        let table = ServerView(size: sizes.format).table(servers)
        world.out(table.text(isColoured: world.isColoured))
    }
}

/// `tollkeeper server show`
struct ServerShowCommand: ControllerCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "A server with its meters.")

    @Argument(help: ArgumentHelp("NAME or id:3.", valueName: "SERVER"))
    var server: String

    @OptionGroup var sizes: SizeOptions
    @OptionGroup var common: CommonOptions

    func perform(in world: World, through connection: Connection) async throws {
        let id = try await connection.server(server).id
        let answer = try await connection.call("GET", "/api/servers/\(id)")
        guard !common.json else { return world.out(answer.line) }
        let server = try answer.decode(ServerAnswer.self).server
        let view = ServerView(size: sizes.format)
        world.out(view.details(server, isColoured: world.isColoured))
    }
}

/// `tollkeeper server sync`
struct ServerSyncCommand: ControllerCommand {
    static let configuration = CommandConfiguration(
        commandName: "sync", abstract: "Asks a server's agent for a reading now.")

    @Argument(help: ArgumentHelp("NAME or id:3.", valueName: "SERVER"))
    var server: String

    @OptionGroup var common: CommonOptions

    func perform(in world: World, through connection: Connection) async throws {
        let server = try await connection.server(server)
        let path = "/api/servers/\(server.id)/sync-stats"
        let answer = try await connection.call("POST", path, timeout: 90)
        let sync = try answer.decode(ServerSync.self)
        if common.json {
            world.out(answer.line)
        } else if answer.status != 202 {
            world.out(SafeText.escape("\(server.name): \(sync.synced) clients read") + "\n")
        }
        guard answer.status == 202 else { return }
        let last = sync.lastSyncAt.map { "; the last reading is of \($0)" } ?? ""
        let reason = sync.message ?? "its agent is away"
        throw CommandFailure(.failed, "\(server.name): nothing was read: \(reason)\(last)")
    }
}

/// `tollkeeper server remove`
struct ServerRemoveCommand: ControllerCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove",
        abstract: "Ends a server's membership; what it counted stays in the history.")

    @Argument(help: ArgumentHelp("NAME or id:3.", valueName: "SERVER"))
    var server: String

    @OptionGroup var confirmation: Confirmation
    @OptionGroup var common: CommonOptions

    func perform(in world: World, through connection: Connection) async throws {
        let server = try await connection.server(server)
        try confirmation.ask(
            "remove the server \(server.name) (id:\(server.id), \(server.clients) clients)?",
            in: world)
        let answer = try await connection.call("DELETE", "/api/servers/\(server.id)")
        guard !common.json else { return world.out(answer.line) }
        let message = try answer.decode(DoneAnswer.self).message
        world.out(SafeText.escape("\(server.name): \(message)") + "\n")
    }
}
