import API
import ArgumentParser

/// `tollkeeper client revoke`
struct ClientRevokeCommand: ControllerCommand {
    static let configuration = CommandConfiguration(
        commandName: "revoke", abstract: "Shuts clients out, and waits until they are.")

    @OptionGroup var selection: ClientSelection
    @OptionGroup var wait: WaitOptions
    @OptionGroup var common: CommonOptions

    func perform(in world: World, through connection: Connection) async throws {
        let change = AccessChange(
            verb: "revoke", method: "POST", path: "/revoke", selection: selection, wait: wait,
            json: common.json)
        try await change.perform(in: world, through: connection)
    }
}

/// `tollkeeper client restore`
struct ClientRestoreCommand: ControllerCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore",
        abstract: "Lets clients in again exactly as they were, and waits until they are.")

    @OptionGroup var selection: ClientSelection
    @OptionGroup var wait: WaitOptions
    @OptionGroup var common: CommonOptions

    func perform(in world: World, through connection: Connection) async throws {
        let change = AccessChange(
            verb: "restore", method: "POST", path: "/restore", selection: selection, wait: wait,
            json: common.json)
        try await change.perform(in: world, through: connection)
    }
}

/// `tollkeeper client delete`
struct ClientDeleteCommand: ControllerCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete",
        abstract: "Shuts clients out for good; what they used stays in the history.")

    @OptionGroup var selection: ClientSelection
    @OptionGroup var wait: WaitOptions
    @OptionGroup var confirmation: Confirmation
    @OptionGroup var common: CommonOptions

    func perform(in world: World, through connection: Connection) async throws {
        var change = AccessChange(
            verb: "delete", method: "DELETE", path: "", selection: selection, wait: wait,
            json: common.json)
        change.confirmation = confirmation
        try await change.perform(in: world, through: connection)
    }
}
