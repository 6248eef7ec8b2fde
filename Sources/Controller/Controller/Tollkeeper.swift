import ArgumentParser
import Server

/// The program `tollkeeper`: the controller, and the operator's commands, which are clients of it.
@main
struct Tollkeeper: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tollkeeper",
        abstract: "Counts what VPN clients send and receive on a fleet, and opens or shuts them.",
        discussion: """
            Commands speak to the controller on this host. For one elsewhere give --controller \
            URL, with an API token in TOLLKEEPER_TOKEN or --token-file.

            Exit status: 0 done, 1 failed, 2 not found or ambiguous, 3 saved but not yet \
            enforced, 64 usage.
            """,
        version: Version.current,
        subcommands: [
            ServeCommand.self, ServerCommands.self, ClientCommands.self,
            CredentialCommands.self, TokenCommands.self, StatsCommands.self, PortCommands.self,
        ])
}
