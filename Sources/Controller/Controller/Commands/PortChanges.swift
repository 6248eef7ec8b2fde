import API
import ArgumentParser
import Foundation

/// A port on a server, as a command names it.
struct PortArguments: ParsableArguments {
    @Argument(
        help: ArgumentHelp("tcp/8443, or 8443 for tcp and udp; ip/10.8.1.2.", valueName: "PORT"))
    var port: String

    @Option(
        help: ArgumentHelp(
            "The server that has it; not needed where only one does.", valueName: "SERVER"))
    var server: String?

    /// The way to it in the API.
    func path(through connection: Connection) async throws -> String {
        let id = try await serverThatHasIt(through: connection)
        var name = port
        if let slash = name.firstIndex(of: "/") {
            name.replaceSubrange(slash...slash, with: "-")
        }
        let allowed = CharacterSet(
            charactersIn: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
        let text = name.addingPercentEncoding(withAllowedCharacters: allowed) ?? name
        return "/api/servers/\(id)/ports/\(text)"
    }

    private func serverThatHasIt(through connection: Connection) async throws -> Int64 {
        if let server { return try await connection.server(server).id }
        let ports = try await connection.all("/api/ports", [("port", port)], of: PortPage.self)
        let own = ports.filter { $0.source == .own }
        let servers = Dictionary(own.map { ($0.serverID, $0.server) }) { first, _ in first }
        guard servers.count > 1 else {
            guard let id = servers.keys.first else {
                throw CommandFailure(
                    .notFound, "\(port) is not counted on any server; `ports list` shows all")
            }
            return id
        }
        throw CommandFailure(
            .notFound,
            "\(port) is counted on \(servers.values.sorted().joined(separator: ", ")): say which "
                + "with --server")
    }

    /// The server to count it on: the named one, or the only one.
    func serverToCount(through connection: Connection) async throws -> Int64 {
        if let server { return try await connection.server(server).id }
        let servers = try await connection.all("/api/servers", of: ServerList.self)
        guard servers.count == 1 else {
            throw CommandFailure(
                .notFound, "there are \(servers.count) servers: say which with --server")
        }
        return servers[0].id
    }
}

/// Whose a port is.
struct PortOwnerOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Its client: a name, new or not, or id:15.", valueName: "CLIENT"))
    var client: String?

    @Option(help: ArgumentHelp("Its group.", valueName: "GROUP"))
    var group: String?

    /// The client by name and by id; at most one of them.
    func owner() throws -> (name: String?, id: Int64?) {
        switch try client.map(Selector.init) {
        case nil: return (nil, nil)
        case .name(let name): return (name, nil)
        case .id(let id): return (nil, id)
        case .key:
            throw CommandFailure(.usage, "--client takes a name or id:15, no key")
        }
    }
}

extension ControllerCommand {
    /// Makes a change of ports and says how far it has got.
    func change(
        _ method: String, _ path: String, body: (any Encodable)? = nil, wait: WaitOptions,
        in world: World, through connection: Connection
    ) async throws {
        let query = [("wait", "\(wait.seconds)")]
        let answer = try await connection.call(
            method, path, query, body: body, timeout: wait.seconds + 30)
        let change = try answer.decode(PortAnswer.self)
        world.out(common.json ? answer.line : text(change))
        switch change.enforcement.state {
        case .enforced: return
        case .pending: throw CommandFailure(.pending)
        case .failed: throw CommandFailure(.failed)
        }
    }

    private func text(_ change: PortAnswer) -> String {
        let latency = change.enforcement.latencyMs.map { " (enforced in \($0) ms)" } ?? ""
        let ports = change.ports.map(\.port).joined(separator: ", ")
        var text = SafeText.escape("\(ports): \(change.message)\(latency)") + "\n"
        for port in change.ports {
            let client = port.client.map { " of \($0)" } ?? ""
            let detail = port.detail.map { ": \($0)" } ?? ""
            text += "  "
            text += SafeText.escape("\(port.port)\(client): \(port.state.rawValue)\(detail)")
            text += "\n"
        }
        return text
    }
}

/// `tollkeeper ports count`
struct PortCountCommand: ControllerCommand {
    static let configuration = CommandConfiguration(
        commandName: "count", abstract: "Counts a port from now on, for a client.")

    @OptionGroup var target: PortArguments
    @OptionGroup var owner: PortOwnerOptions
    @OptionGroup var wait: WaitOptions
    @OptionGroup var common: CommonOptions

    func perform(in world: World, through connection: Connection) async throws {
        let (name, id) = try owner.owner()
        let server = try await target.serverToCount(through: connection)
        let body = NewPort(port: target.port, client: name, clientID: id, group: owner.group)
        try await change(
            "POST", "/api/servers/\(server)/ports", body: body, wait: wait, in: world,
            through: connection)
    }
}

/// `tollkeeper ports set`
struct PortSetCommand: ControllerCommand {
    static let configuration = CommandConfiguration(
        commandName: "set", abstract: "Gives a port to another client, or into another group.")

    @OptionGroup var target: PortArguments
    @OptionGroup var owner: PortOwnerOptions
    @OptionGroup var wait: WaitOptions
    @OptionGroup var common: CommonOptions

    func validate() throws {
        guard owner.client != nil || owner.group != nil else {
            throw ValidationError("Say what to change: --client or --group.")
        }
    }

    func perform(in world: World, through connection: Connection) async throws {
        let (name, id) = try owner.owner()
        let path = try await target.path(through: connection)
        let body = PortChange(client: name, clientID: id, group: owner.group)
        try await change("PATCH", path, body: body, wait: wait, in: world, through: connection)
    }
}

/// `tollkeeper ports clean`
struct PortCleanCommand: ControllerCommand {
    static let configuration = CommandConfiguration(
        commandName: "clean",
        abstract: "Ends the counting of a port after a last reading; its history stays.")

    @OptionGroup var target: PortArguments
    @OptionGroup var wait: WaitOptions
    @OptionGroup var common: CommonOptions

    func perform(in world: World, through connection: Connection) async throws {
        let path = try await target.path(through: connection)
        try await change("DELETE", path, wait: wait, in: world, through: connection)
    }
}

/// `tollkeeper ports shut`
struct PortShutCommand: ControllerCommand {
    static let configuration = CommandConfiguration(
        commandName: "shut", abstract: "Lets nothing through a port, open connections included.")

    @OptionGroup var target: PortArguments

    @Flag(
        help: """
            Shut it even if it is the port of ssh or of the controller, or clients of another meter \
            share it.
            """)
    var force = false

    @OptionGroup var wait: WaitOptions
    @OptionGroup var common: CommonOptions

    func perform(in world: World, through connection: Connection) async throws {
        let path = try await target.path(through: connection)
        let body = force ? PortForce(force: true) : nil
        try await change(
            "POST", path + "/shut", body: body, wait: wait, in: world, through: connection)
    }
}

/// `tollkeeper ports open`
struct PortOpenCommand: ControllerCommand {
    static let configuration = CommandConfiguration(
        commandName: "open", abstract: "Lets a shut port's traffic through again.")

    @OptionGroup var target: PortArguments
    @OptionGroup var wait: WaitOptions
    @OptionGroup var common: CommonOptions

    func perform(in world: World, through connection: Connection) async throws {
        let path = try await target.path(through: connection)
        try await change("POST", path + "/open", wait: wait, in: world, through: connection)
    }
}
