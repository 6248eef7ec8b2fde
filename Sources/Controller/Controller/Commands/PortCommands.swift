import API
import ArgumentParser

/// `tollkeeper ports …`, also `tollkeeper iptables …`
struct PortCommands: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ports", abstract: "Ports: what services carry, whatever they speak.",
        discussion: """
            A PORT is tcp/8443, udp/1000-1999, tcp/80,443, ip/10.8.1.2, or 8443 for tcp and udp.
            """,
        subcommands: [
            PortTrafficCommand.self, PortUserCommand.self, PortTotalCommand.self,
            PortListCommand.self, PortCountCommand.self, PortSetCommand.self,
            PortCleanCommand.self, PortShutCommand.self, PortOpenCommand.self,
        ], defaultSubcommand: PortTrafficCommand.self, aliases: ["iptables"])
}

/// Which ports' traffic to show, and how often.
struct PortOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Only this server.", valueName: "SERVER"))
    var server: String?

    @Option(help: "Both families, or one of them: all, ipv4 or ipv6.")
    var family = Family.all

    @Flag(help: "Show it again and again until Ctrl-C.")
    var watch = false

    @Option(help: ArgumentHelp("How long to wait before showing it again.", valueName: "TIME"))
    var interval = Span(duration: .seconds(2))

    @Option(help: ArgumentHelp("With --watch: end after N times.", valueName: "N"))
    var times: Int?

    /// Which traffic.
    enum Family: String, ExpressibleByArgument, CaseIterable {
        case all
        case ipv4
        case ipv6
    }

    func validate() throws {
        guard interval.duration >= .milliseconds(100) else {
            throw ValidationError("--interval is at least 100ms.")
        }
        guard times == nil || watch else { throw ValidationError("--times needs --watch.") }
        guard times ?? 1 > 0 else { throw ValidationError("--times is at least 1.") }
    }

    /// What goes into the query.
    func query(through connection: Connection) async throws -> [(String, String?)] {
        let server = try await connection.serverID(server)
        return [
            ("server_id", server.map { "\($0)" }),
            ("family", family == .all ? nil : family.rawValue),
        ]
    }

    /// Shows every port, as JSON or in the table that `make` makes.
    func showPorts(
        in world: World, through connection: Connection, asJSON: Bool,
        _ make: ([PortInfo]) -> Table
    ) async throws {
        let query = try await query(through: connection)
        try await show(in: world) {
            let path = "/api/ports"
            guard !asJSON else {
                return try await connection.allAsJSON(path, query, of: PortPage.self)
            }
            let ports = try await connection.all(path, query, of: PortPage.self)
            return make(ports).text(isColoured: world.isColoured)
        }
    }

    /// Shows what `make` makes, once or again and again.
    func show(in world: World, _ make: () async throws -> String) async throws {
        var shown = 0
        while true {
            let text = try await make()
            // On a terminal each takes the place of the one before.
            world.out(watch && world.isColoured ? "\u{1b}[H\u{1b}[2J" + text : text)
            shown += 1
            guard watch, shown < times ?? .max else { return }
            try await Task.sleep(for: interval.duration)
        }
    }
}

/// `tollkeeper ports port`
struct PortTrafficCommand: ControllerCommand {
    static let configuration = CommandConfiguration(
        commandName: "port", abstract: "Traffic by port, tcp and udp and all servers together.")

    @Argument(help: ArgumentHelp("Only this port, such as 8443.", valueName: "PORT"))
    var port: String?

    @OptionGroup var options: PortOptions
    @OptionGroup var sizes: SizeOptions
    @OptionGroup var common: CommonOptions

    func perform(in world: World, through connection: Connection) async throws {
        let query = try await options.query(through: connection) + [("port", port)]
        try await options.show(in: world) {
            let answer = try await connection.call("GET", "/api/stats/iptables", query)
            let data = try answer.decode(IptablesData.self)
            if let port, data.ports.isEmpty {
                throw CommandFailure(
                    .notFound, "port \(port) is not counted; `tollkeeper ports list` shows all")
            }
            guard !common.json else { return answer.line }
            return PortView(size: sizes.format).traffic(data).text(isColoured: world.isColoured)
        }
    }
}

/// `tollkeeper ports total`
struct PortTotalCommand: ControllerCommand {
    static let configuration = CommandConfiguration(
        commandName: "total", abstract: "All ports together.")

    @OptionGroup var options: PortOptions
    @OptionGroup var sizes: SizeOptions
    @OptionGroup var common: CommonOptions

    func perform(in world: World, through connection: Connection) async throws {
        let query = try await options.query(through: connection)
        try await options.show(in: world) {
            let answer = try await connection.call("GET", "/api/stats/iptables", query)
            guard !common.json else { return answer.line }
            let data = try answer.decode(IptablesData.self)
            return PortView(size: sizes.format).total(data)
        }
    }
}

/// `tollkeeper ports user`
struct PortUserCommand: ControllerCommand {
    static let configuration = CommandConfiguration(
        commandName: "user", abstract: "Traffic by client, of the ports that are a client's.")

    @OptionGroup var options: PortOptions
    @OptionGroup var sizes: SizeOptions
    @OptionGroup var common: CommonOptions

    func perform(in world: World, through connection: Connection) async throws {
        try await options.showPorts(in: world, through: connection, asJSON: common.json) {
            PortView(size: sizes.format).users($0)
        }
    }
}

/// `tollkeeper ports list`
struct PortListCommand: ControllerCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "Every port that is counted, with its server, client, group and state.")

    @OptionGroup var options: PortOptions
    @OptionGroup var sizes: SizeOptions
    @OptionGroup var common: CommonOptions

    func perform(in world: World, through connection: Connection) async throws {
        try await options.showPorts(in: world, through: connection, asJSON: common.json) {
            PortView(size: sizes.format).list($0)
        }
    }
}
