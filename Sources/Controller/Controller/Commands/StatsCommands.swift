import API
import ArgumentParser

/// `tollkeeper stats …`
struct StatsCommands: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stats", abstract: "Traffic of the whole fleet.",
        subcommands: [StatsTotalCommand.self], defaultSubcommand: StatsTotalCommand.self)
}

/// `tollkeeper stats total`
struct StatsTotalCommand: ControllerCommand {
    static let configuration = CommandConfiguration(
        commandName: "total", abstract: "Everything together.")

    @Option(help: ArgumentHelp("Only this server.", valueName: "SERVER"))
    var server: String?

    @OptionGroup var sizes: SizeOptions
    @OptionGroup var common: CommonOptions

    func perform(in world: World, through connection: Connection) async throws {
        let server = try await connection.serverID(server)
        let query = [("server_id", server.map { "\($0)" })]
        let answer = try await connection.call("GET", "/api/stats", query)
        guard !common.json else { return world.out(answer.line) }
        let total = try answer.decode(StatsData.self).systemTotal
        var listing = Listing()
        listing.add("Sent", sizes.format.text(total.uplink))
        listing.add("Received", sizes.format.text(total.downlink))
        listing.add("Total", sizes.format.text(total.total))
        listing.add("Active clients", "\(total.activeUsers)")
        listing.add("Active groups", "\(total.activeGroups)")
        world.out(listing.text)
    }
}
