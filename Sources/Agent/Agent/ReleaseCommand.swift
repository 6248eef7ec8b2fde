import Accounting
import ArgumentParser
import HostFiles
import Ledger
import Meters

struct ReleaseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "release",
        abstract: "Remove what Tollkeeper made on this host; the agent must be stopped.",
        discussion: """
            Blocks that were commented out in configuration files come back as they were. Keys that \
            were shut stay out until their interface starts anew, since their peers are not on it \
            any more. With --reopen they are put back at once, exactly as they were.
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
            meters: await MeterDiscovery.Found.now(clock: try HostClock.open(), options: options))
        var failures = release.dropTable()
        failures += reopen ? try release.reopen() : try release.list()
        failures += try release.uncomment(options)
        _ = consume lock
        if failures > 0 { throw ExitCode.failure }
    }
}

extension MeterDiscovery.Found {
    static func now(clock: HostClock, options: AgentOptions) async -> MeterDiscovery.Found {
        var discovery = MeterDiscovery(clock: clock, options: options)
        if options.containers != [] {
            discovery.note(await ContainerFinder(socket: options.dockerSocket).look())
        }
        return discovery.look()
    }
}

/// Gives a host back.
private struct Release {
    let ledger: Ledger
    let meters: MeterDiscovery.Found
    /// The roots of the containers that run, by their names.
    private let roots: [String: FileRoot]

    init(ledger: Ledger, meters: MeterDiscovery.Found) {
        self.ledger = ledger
        self.meters = meters
        var open = ContainerRoots()
        roots = meters.containers.compactMapValues { open.root(of: $0) }
    }

    /// Says what is shut and stays so.
    func list() throws -> Int {
        let kept = try ledger.keptOut()
        if kept.isEmpty, try ledger.commentedOut().isEmpty {
            print("Tollkeeper has nothing more on this host.")
        }
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

    /// Brings back every block that is commented out, in the files that were noted down and in
    /// those of the meters that are here now; returns how many files could not be changed.
    func uncomment(_ options: AgentOptions) throws -> Int {
        var (noted, failures) = try notedPlaces()
        for meter in meters.meters.keys {
            if let place = place(of: meter, options) { noted[place, default: []] += [] }
        }
        for (place, blocks) in noted.sorted(by: { "\($0.key.file)" < "\($1.key.file)" }) {
            do {
                let left = try uncomment(place)
                for problem in left { print("left as it is: \(place.file): \(problem)") }
                failures += left.isEmpty ? 0 : 1
                if left.isEmpty {
                    try ledger.noteCommentedOut([], forgetting: blocks)
                }
            } catch {
                failures += 1
                print("left as it is: \(error)")
            }
        }
        return failures
    }

    /// Removes the agent's own table with all that it counts, shuts and drops; returns 1 where that
    /// failed.
    func dropTable() -> Int {
        do {
            if try OwnTable.open().apply(.nothing) {
                print("removed: the table inet \(OwnTable.name)")
            }
            return 0
        } catch  where error.code == .unsupported {
            return 0
        } catch {
            print("left as it is: the table inet \(OwnTable.name): \(error)")
            return 1
        }
    }

    /// Where blocks were commented out, and in how many containers that cannot be looked into now.
    private func notedPlaces() throws -> ([ConfigurationPlace: [CommentedBlock]], Int) {
        var places: [ConfigurationPlace: [CommentedBlock]] = [:]
        var away: Set<String> = []
        for block in try ledger.commentedOut() {
            if let container = block.container, roots[container] == nil {
                if away.insert("\(block.path) in \(container)").inserted {
                    print(
                        "left as it is: \(block.path) in \(container), a container that does not "
                            + "run or cannot be looked into: start it, and release again")
                }
            } else {
                let root = block.container.flatMap { roots[$0] }
                places[ConfigurationPlace(path: block.path, root: root), default: []].append(block)
            }
        }
        return (places, away.count)
    }

    private func place(of meter: MeterName, _ options: AgentOptions) -> ConfigurationPlace? {
        guard let root = meter.place.flatMap({ roots[$0] }) else {
            return ConfigurationPlace(of: meter, options)
        }
        return ConfigurationPlace(of: meter, in: root)
    }

    /// Returns why a block in the file stays commented out.
    private func uncomment(_ place: ConfigurationPlace) throws -> [String] {
        let change = ConfigurationRewrite()
        var shut: [PublicKey] = []
        var result: ConfigurationRewrite.Result?
        _ = try FileEditor.edit(place.file) { bytes in
            shut = ConfigurationRewrite.shutKeys(in: bytes)
            result = change.apply(to: bytes) { _ in .open }
            return result?.bytes
        }
        let left = Set(result?.shut ?? [])
        for key in shut where !left.contains(key) {
            print("uncommented: \(key.base64) in \(place.file)")
        }
        return result?.problems ?? []
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
