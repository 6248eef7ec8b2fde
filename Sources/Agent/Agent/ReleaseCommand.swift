import Accounting
import ArgumentParser
import Ledger
import Meters

struct ReleaseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "release",
        abstract: "Remove what Tollkeeper made on this host; the agent must be stopped.",
        discussion: """
            Keys that were shut stay shut, since their peers are not on the interface any more. \
            With --reopen they are put back exactly as they were.
            """)

    @Flag(help: "Open again what was shut.") var reopen = false
    @OptionGroup var place: PlaceOptions

    func run() async throws {
        let options = try place.load()
        let lock = try StateLock.take(in: options.stateFolder)
        let identity = try Identity.joined(in: options.stateFolder)
        let ledger = try LedgerFolder.open(
            options.stateFolder, identity, instance: Hexadecimal.encode(RandomBytes.make(16)))
        let release = Release(
            ledger: ledger,
            meters: MeterDiscovery.Found.now(clock: try HostClock.open(), options: options))
        let failures = reopen ? try release.reopen() : try release.list()
        _ = consume lock
        if failures > 0 { throw ExitCode.failure }
    }
}

extension MeterDiscovery.Found {
    static func now(clock: HostClock, options: AgentOptions) -> MeterDiscovery.Found {
        var discovery = MeterDiscovery(clock: clock, options: options)
        return discovery.look()
    }
}

/// Gives a host back.
private struct Release {
    let ledger: Ledger
    let meters: MeterDiscovery.Found

    /// Says what is shut and stays so.
    func list() throws -> Int {
        let kept = try ledger.keptOut()
        if kept.isEmpty { print("Tollkeeper has nothing on this host.") }
        for key in kept { print("stays shut: \(key.key) on \(key.meter) (--reopen puts it back)") }
        return 0
    }

    /// Puts every key back; returns how many could not be.
    func reopen() throws -> Int {
        var failures = 0
        for key in try ledger.keptOut() {
            do {
                try reopen(key)
                print("opened: \(key.key) on \(key.meter)")
            } catch {
                failures += 1
                print("still shut: \(key.key) on \(key.meter): \(error)")
            }
        }
        return failures
    }

    private func reopen(_ key: KeptOutKey) throws {
        guard let meter = meters.meters[key.meter] else {
            throw AgentError(
                doing: "put \(key.key) back", reason: "\(key.meter) is not on this host now")
        }
        guard let settings = SettingsCodec.decode(key.settings, of: key.key) else {
            throw AgentError(doing: "put \(key.key) back", reason: "its settings are lost")
        }
        let present = try meter.read().peers.first { $0.key == key.key }
        if present?.addresses.isEmpty != false { try meter.restore([settings]) }
        try ledger.letIn([key.key], at: key.meter)
    }
}
