import Accounting
import AgentProtocol
import HTTPClient
import Logging
import Meters

@testable import Agent
@testable import Ledger

/// One agent: the real Keeper, Uplink and DesiredWatch on a pretended host.
final class AgentSide {
    /// What one life of the agent has in memory.
    struct Running {
        let keeper: Keeper
        let uplink: Uplink
        let watch: DesiredWatch
    }

    let host: TrueHost
    let world: World
    private(set) var identity: Identity
    /// Whether the controller has said that only a new join can help.
    private(set) var isRefused = false
    /// Whether it may say so: after a ledger or the controller was put back.
    var mayBeRefused = false
    /// Whether it may hold shuts that a restored controller has yet to take over.
    var mayKnowMore = false
    /// Whether its ledger was put back from a copy, and knows less than is true.
    private(set) var isStale = false
    /// What the ledger remembered when it was copied; nil: there is no copy.
    private(set) var copied: Set<RecordedValue>?
    private var ledgerCopy: Disk?
    /// The keys that were not open when the ledger was copied.
    private var closedAtCopy: Set<Key> = []
    /// Keys whose settings a ledger held that was put back from an older copy: they may be lost.
    private(set) var unsaved: Set<Key> = []
    /// The newest push of its ledger; nil before the first.
    private(set) var lastPush: HTTPRequest?
    private(set) var disk: Disk
    private(set) var running: Running?
    private(set) var lives = 0
    /// Meters that the ledger had accounted for when it was looked at last.
    private(set) var known: Set<MeterName> = []
    private(set) var scope = DiscoveryScope.nothing
    private let options: AgentOptions
    /// The bucket that was open when the spool was looked at last.
    private var spoolSeen: Int64?

    init(_ host: TrueHost, identity: Identity, in world: World) throws {
        self.host = host
        self.world = world
        self.identity = identity
        var options = AgentOptions()
        options.configurationFolder = "/nonexistent"
        if world.faults.contains(.smallSpool) {
            options.spoolLimit = UInt64(1_000 + world.chance.below(20_000))
        }
        self.options = options
        disk = try Disk(
            folder: "\(world.folder)/\(host.name)-0", life: Life(), losesPower: false)
    }

    /// Another host with a copy of an agent's ledger and identity.
    init(_ host: TrueHost, cloning other: AgentSide) throws {
        self.host = host
        world = other.world
        identity = other.identity
        options = other.options
        disk = try other.disk.copy(
            to: "\(world.folder)/\(host.name)-copied", life: Life(), losesPower: false)
        disk.life.kill()
        (isStale, mayBeRefused) = (true, true)
    }

    var isUp: Bool { running != nil && !disk.life.isDead }

    /// Starts it on what its last life left behind. Returns whether it came up.
    func start(crashAfter steps: Int?, losesPower: Bool) async throws -> Bool {
        running = nil
        lives += 1
        let old = disk
        disk = try old.copy(
            to: "\(world.folder)/\(host.name)-\(lives)", life: Life(), losesPower: losesPower)
        old.remove()
        disk.life.isDiskFull = old.life.isDiskFull
        disk.life.crash(after: steps)
        let instance = Hexadecimal.encode(world.chance.bytes(16))
        do {
            running = try make(instance: instance)
        } catch {
            // A ledger that is there opens on a full disk, too; one that must be made does not.
            guard disk.life.isDead || disk.life.isDiskFull else { throw error }
        }
        guard isUp else { return false }
        try await witness()
        return isUp
    }

    private func make(instance: String) throws -> Running {
        let logger = Logger(label: "agent") { _ in SwiftLogNoOpLogHandler() }
        let ledger = try LedgerFolder.open(disk.folder, identity, instance: instance)
        let (host, world, life) = (host, world, disk.life)
        let clock = HostClock(boot: host.boot) { host.instant(at: world.now) }
        let (id, start) = (ledger.id, ledger.start)
        let keeper = try Keeper(
            ledger: ledger, clock: clock, options: options, logger: logger,
            executor: world.executor,
            makeFinder: { _, _ in PretendedFinder(host: host, world: world, life: life) })
        let link = ControllerLink(
            identity: identity, ledger: id, start: start, instance: instance,
            transport: PretendedNetwork(agent: self, life: life),
            newestBatch: { try await keeper.newestBatch() })
        let (state, sender) = (LinkState(), Wakeup())
        return Running(
            keeper: keeper,
            uplink: Uplink(
                keeper: keeper, link: link, state: state, logger: logger, wakeup: sender),
            watch: DesiredWatch(
                keeper: keeper, link: link, state: state, logger: logger, sender: sender,
                sampler: Wakeup()))
    }

    /// Remembers what is sent, for when it comes once more.
    func noteSent(_ request: HTTPRequest) {
        if request.url.hasSuffix("/batches") { lastPush = request }
    }

    /// Ends it between two steps, as `kill -9` does.
    func kill() {
        disk.life.kill()
    }

    /// Takes a reading of everything and enforces what is wanted.
    func cycle() async throws {
        guard let running, isUp else { return }
        await running.keeper.cycle()
        try await witness()
        try await checkShut(running.keeper)
        try await checkSpool(running.keeper)
    }

    /// Nobody whom this agent is to keep out gets through once it has looked.
    private func checkShut(_ keeper: Keeper) async throws {
        guard isUp else { return }
        let shut = await keeper.shutKeys()
        for device in host.devices where !device.isBroken {
            for counter in device.counters where shut[device.name]?.contains(counter.key) == true {
                guard counter.settings.addresses.isEmpty else {
                    throw Violation(
                        "\(host.name): \(counter.key) is shut, and open after a reading")
                }
            }
        }
    }

    /// What waits to be sent takes no more of the disk than it may, unless nothing in it may be
    /// merged any more: then every hour of it stands there once.
    private func checkSpool(_ keeper: Keeper) async throws {
        guard isUp, !host.hasWrongClock, let spool = try await keeper.spool(), isUp,
            spool.open != spoolSeen
        else { return }
        spoolSeen = spool.open
        guard spool.bytes > options.spoolLimit else { return }
        world.fullSpools += 1
        let hours = spool.closed.map { $0 / (3_600 * World.second) }
        guard hours.count == Set(hours).count else {
            throw Violation(
                "\(host.name): \(spool.bytes) bytes wait where \(options.spoolLimit) may, in "
                    + "\(hours.count) buckets of \(Set(hours).count) hours")
        }
    }

    /// The keys that it keeps out, by meter; nil while it does not run.
    func shutKeys() async -> [MeterName: Set<Key>]? {
        guard isUp else { return nil }
        return await running?.keeper.shutKeys()
    }

    /// Whether there is nothing left to tell the controller, or to hear from it.
    func isAtRest(_ revision: Int64) async throws -> Bool {
        guard let keeper = running?.keeper, isUp else { return false }
        return try await keeper.isAtRest(revision)
    }

    /// Sends what there is to send.
    func exchange() async throws {
        guard let running, isUp else { return }
        do {
            try await running.uplink.exchange()
        } catch {
            try noteFailure(error)
        }
        try await witness()
    }

    /// Asks what the controller wants.
    func ask() async throws {
        guard let running, isUp else { return }
        do {
            try await running.watch.ask()
            mayKnowMore = false
        } catch {
            try noteFailure(error)
        }
        try await witness()
    }

    private func noteFailure(_ error: any Error) throws {
        world.note("  \(host.name): \(error)")
        guard (error as? Refusal)?.needsJoin == true || error is StaleLedger else { return }
        guard mayBeRefused else { throw Violation("\(host.name) is refused: \(error)") }
        isRefused = true
    }

    /// Copies the ledger as it stands.
    func copyLedger() async throws {
        try await witness()
        guard isUp else { return }
        ledgerCopy?.remove()
        lives += 1
        ledgerCopy = try disk.copy(
            to: "\(world.folder)/\(host.name)-copy-\(lives)", life: Life(), losesPower: false)
        copied = host.everRecorded
        closedAtCopy = host.closedKeys
    }

    /// Ends it, and puts the copy in the ledger's place.
    func putLedgerBack() throws {
        guard let ledgerCopy else { return }
        kill()
        running = nil
        disk.remove()
        (disk, self.ledgerCopy, copied) = (ledgerCopy, nil, nil)
        unsaved.formUnion(host.closedKeys.subtracting(closedAtCopy))
        disk.life.kill()
        (isStale, mayBeRefused) = (true, true)
    }

    /// Goes on as another after a join.
    func begin(_ identity: Identity, isWiped: Bool) throws {
        kill()
        running = nil
        ledgerCopy?.remove()
        (ledgerCopy, copied) = (nil, nil)
        (isRefused, mayBeRefused, isStale) = (false, false, false)
        (known, scope) = ([], .nothing)
        lastPush = nil
        self.identity = identity
        guard isWiped else { return }
        disk.remove()
        lives += 1
        disk = try Disk(
            folder: "\(world.folder)/\(host.name)-wiped-\(lives)", life: Life(),
            losesPower: disk.losesPower)
        disk.life.kill()
    }

    /// Learns which readings are durable. A dead agent's are learned when it starts again.
    func witness() async throws {
        guard let keeper = running?.keeper, isUp, !isStale else { return }
        let (books, known, scope) = await keeper.memory()
        let contests = await keeper.contests()
        guard isUp else { return }
        try host.witness(books, wasKnown: self.known) { self.scope.covers($0) }
        (self.known, self.scope) = (known, scope)
        try host.checkContests(contests)
    }
}

extension Keeper {
    /// What the ledger remembers of every meter, which of them it has read itself, and what its
    /// last look at the host covered.
    fileprivate func memory() -> (
        books: [MeterName: MeterBaselines], known: Set<MeterName>, scope: DiscoveryScope
    ) {
        (
            ledger.meters.mapValues(\.baselines),
            Set(ledger.meters.keys.filter { ledger.inheritance(of: $0) == nil }),
            DiscoveryScope(text: ledger.discoveryScope, options)
        )
    }

    /// What the ledger has of other programs' resets, by meter.
    fileprivate func contests() -> [MeterName: Contest] { ledger.meters.mapValues(\.contest) }

    /// What waits to be sent: about how many bytes (docs/decisions.md), the bucket that is open,
    /// and when those that are closed end; nil where the ledger cannot be written.
    func spool() throws -> (bytes: UInt64, open: Int64?, closed: [Int64])? {
        guard ledgerFault == nil, !ledger.awaitsCounters, !ledger.isCatchingUp else { return nil }
        let open = ledger.bucket?.id
        var rows = 0
        var closed: [Int64] = []
        try ledger.database.query(
            """
            SELECT b.last_wall, (SELECT count(*) FROM spool s WHERE s.bucket = b.id) FROM bucket b
            WHERE b.id <> ?1
            """, [.integer(open ?? 0)]
        ) { row in
            closed.append(row.integer(0))
            rows += Int(row.integer(1))
        }
        return (UInt64(rows * 96 + closed.count * 160), open, closed)
    }

    func isAtRest(_ wanted: Int64) throws -> Bool {
        let depth = try ledger.depth()
        return !hasNews && depth.rows == 0 && depth.batches == 0 && revision == UInt64(wanted)
    }

    /// The keys that must be kept out, by meter.
    func shutKeys() -> [MeterName: Set<Key>] {
        wishes.mapValues { Set($0.filter(\.access.isShut).map(\.key)) }
    }
}
