import API
import ArgumentParser

/// `tollkeeper credential …`
struct CredentialCommands: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "credential", abstract: "Credentials: what is counted and can be shut.",
        subcommands: [CredentialListCommand.self])
}

/// `tollkeeper credential list`
struct CredentialListCommand: ControllerCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Every credential with its state.")

    @Option(help: ArgumentHelp("Only those on this server.", valueName: "SERVER"))
    var server: String?

    @OptionGroup var sizes: SizeOptions
    @OptionGroup var common: CommonOptions

    func perform(in world: World, through connection: Connection) async throws {
        let server = try await connection.serverID(server)
        let query = [("server_id", server.map { "\($0)" })]
        let path = "/api/credentials"
        guard !common.json else {
            return world.out(
                try await connection.allAsJSON(path, query, of: CredentialList.self))
        }
        let credentials = try await connection.all(path, query, of: CredentialList.self)
        world.out(table(credentials).text(isColoured: world.isColoured))
    }

    private func table(_ credentials: [CredentialInfo]) -> Table {
        let size = sizes.format
        var table = Table(
            .number("ID"), .text("CLIENT"), .text("SERVER"), .text("METER"), .text("KEY"),
            .text("STATE"), .number("SENT"), .number("RECEIVED"), .number("UNWATCHED"),
            .text("DETAIL"))
        for credential in credentials {
            let detail = credential.detail ?? (credential.present ? "-" : "not present")
            table.add(
                "\(credential.id)", .init(credential.client ?? "-"), .init(credential.server),
                .init(credential.meter), .init(credential.key),
                .init(credential.state.rawValue, credential.state.colour),
                .init(size.text(credential.bytesSent)),
                .init(size.text(credential.bytesReceived)),
                .init(credential.unwatchedNs.map(ShortTime.text) ?? "-"), .init(detail))
        }
        return table
    }
}
