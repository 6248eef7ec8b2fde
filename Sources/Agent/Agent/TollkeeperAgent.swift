import ArgumentParser

@main
struct TollkeeperAgent: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tollkeeper-agent",
        abstract: "Counts what VPN clients of this host send and receive, and keeps out those "
            + "who are shut.",
        version: version,
        subcommands: [
            RunCommand.self, JoinCommand.self, MetersCommand.self, StatusCommand.self,
            DoctorCommand.self, EarlyCommand.self, ReleaseCommand.self,
        ])

    @MainActor static func main() async {
        // While the main thread is still alone.
        Memory.prepare()
        await main(nil)
    }
}

/// Where the settings and the state are; the same for every command.
struct PlaceOptions: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp(
            "The configuration file.", discussion: "By default \(AgentSettings.usualFile).",
            valueName: "file"))
    var config: String?

    @Option(
        name: .customLong("state-dir"),
        help: ArgumentHelp(
            "The folder of the ledger and the identity.",
            discussion: "By default $STATE_DIRECTORY, else /var/lib/tollkeeper-agent.",
            valueName: "folder"))
    var stateFolder: String?

    /// The settings from flags, environment and file, in this order.
    func load() throws -> AgentOptions {
        var options = try AgentSettings.load(file: config)
        options.stateFolder = stateFolder ?? AgentSettings.usualStateFolder
        return options
    }
}
