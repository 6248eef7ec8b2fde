import Accounting
import AgentProtocol
import Foundation
import HTTPClient
import Ledger
import Logging
import Meters
import Synchronization
import Testing

@testable import Agent

/// What the agent says to a controller that answers as the contract allows.
@Suite struct SpokenProtocolTests {
    let folder: String
    let controller = PretendedController()
    let keeper: Keeper
    let link: ControllerLink
    let uplink: Uplink
    let watch: DesiredWatch

    init() throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "spoken-\(UUID())").path
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true)
        let keeper = try Self.keeper(folder)
        self.keeper = keeper
        let identity = Identity(
            server: 1, name: "host", controllers: ["https://controller"], pins: [],
            secret: "secret", ledger: "", tokenDigest: "")
        link = ControllerLink(
            identity: identity, ledger: PretendedMeter.zeros, start: 1,
            instance: PretendedMeter.zeros, transport: controller,
            newestBatch: { try await keeper.newestBatch() })
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let (sender, state) = (Wakeup(), LinkState())
        uplink = Uplink(
            keeper: keeper, link: link, state: state, logger: logger, wakeup: sender,
            backoff: Backoff(first: .seconds(7200), longest: .seconds(7200)))
        watch = DesiredWatch(
            keeper: keeper, link: link, state: state, logger: logger, sender: sender,
            sampler: Wakeup())
    }

    static func keeper(_ folder: String) throws -> Keeper {
        let ledger = try Ledger.open(
            path: "\(folder)/ledger.sqlite", id: PretendedMeter.zeros,
            instance: PretendedMeter.zeros)
        return try Keeper(
            ledger: ledger, clock: HostClock.open(), options: AgentOptions(),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            executor: ThreadExecutor(),
            makeFinder: { clock, _ in PretendedFinder(clock: clock) })
    }

    func remove() {
        try? FileManager.default.removeItem(atPath: folder)
    }

    func page(_ credential: UInt64, _ key: String, next: UInt64) -> WireKnownCounters {
        var counter = WireKnownCounter()
        counter.credential = credential
        counter.meter = PretendedMeter.meter.description
        counter.key = key
        counter.incarnation = PretendedMeter.incarnation.token
        (counter.uplink, counter.downlink) = (60, 70)
        var page = WireKnownCounters()
        page.counters = [counter]
        page.next = next
        page.meters = [PretendedMeter.meter.description]
        page.lastReading.wall = 1
        page.lastReading.boot = .init(repeating: 1, count: 16)
        return page
    }

    @Test func aLedgerThatBeginsAnewGoesOnFromWhatTheControllerKnows() async throws {
        defer { remove() }
        try controller.answer("/agent/v1/counters?after=0", page(7, "alice", next: 7))
        try controller.answer("/agent/v1/counters?after=7", page(8, "gone", next: 0))
        try controller.answer("/agent/v1/inventory", WireInventoryAnswer())
        var applied = WirePushAnswer()
        applied.applied = 1
        try controller.answer("/agent/v1/batches", applied)
        await keeper.cycle()
        try await uplink.exchange()
        let asked = controller.asked.map(\.path)
        #expect(asked.prefix(2) == ["/agent/v1/counters?after=0", "/agent/v1/counters?after=7"])
        #expect(controller.asked.first?.sequence == "0.")
        #expect(controller.asked.last?.sequence.hasPrefix("1.") == true)
        let push = try WirePush(decoding: try #require(controller.asked.last?.body))
        let batch = try WireBatch(decoding: Array(try #require(push.batches.first)))
        #expect(batch.rows.credential == [7])
        #expect(batch.rows.kind == [0])
        #expect(batch.rows.uplink == [40])
        #expect(batch.rows.downlink == [30])
    }

    @Test func aControllerWithoutThatCallLeavesTheFirstReadingABaseline() async throws {
        defer { remove() }
        controller.refuse("/agent/v1/counters?after=0", status: 404)
        try controller.answer("/agent/v1/inventory", WireInventoryAnswer())
        await keeper.cycle()
        try await uplink.exchange()
        #expect(!(await keeper.awaitsCounters))
        #expect(controller.asked.map(\.path).contains("/agent/v1/inventory"))
        #expect(await keeper.total("alice") == .zero)
    }

    @Test(arguments: [500, 503, 409])
    func untilItHasAnsweredNothingIsBooked(_ status: Int) async throws {
        defer { remove() }
        controller.refuse("/agent/v1/counters?after=0", status: status)
        await keeper.cycle()
        await #expect(throws: Refusal.self) { try await uplink.exchange() }
        await keeper.cycle()
        #expect(await keeper.awaitsCounters)
        #expect(await keeper.total("alice") == nil)
        #expect(controller.asked.map(\.path) == ["/agent/v1/counters?after=0"])
    }

    @Test func aControllerThatLostWhatIsShutIsHandedIt() async throws {
        defer { remove() }
        let shut = try entry(revision: 9, .shut)
        var held = WireDesired()
        (held.revision, held.whole, held.entries) = (9, true, [.init(shut)])
        try await keeper.take(held)
        var digest = SetDigest()
        digest.insert(shut)

        var wanting = WireDesired()
        (wanting.revision, wanting.wantsSet) = (3, true)
        // What stands beside the wish for the set is not to be taken over.
        wanting.entries = [.init(try entry(revision: 20, .open))]
        let again = try entry(revision: 11, .shut)
        var whole = WireDesired()
        (whole.revision, whole.whole, whole.entries) = (11, true, [.init(again)])
        var after = SetDigest()
        after.insert(again)
        whole.digest = .init(after.bytes)
        try controller.answer("/agent/v1/desired?", wanting, then: whole)
        try controller.answer("/agent/v1/desired", WireDesiredSetAnswer())
        try await watch.ask()
        let set = try WireDesiredSet(
            decoding: try #require(controller.asked.first { $0.body != nil }?.body))
        #expect(set.revision == 9)
        #expect(Array(set.digest) == digest.bytes)
        #expect(set.entries.map { Array($0) } == [shut])
        let position = await keeper.desiredPosition()
        #expect(position.revision == 11)
        #expect(await keeper.wishes.values.flatMap { $0 }.map(\.access) == [.shut])
    }

    @Test func aControllerThatAsksForTheSetForEverIsNotFollowed() async throws {
        defer { remove() }
        var wanting = WireDesired()
        (wanting.revision, wanting.wantsSet) = (3, true)
        try controller.answer("/agent/v1/desired?", wanting)
        try controller.answer("/agent/v1/desired", WireDesiredSetAnswer())
        await #expect(throws: AgentError.self) { try await watch.ask() }
        #expect(controller.asked.count == 3)
    }

    /// Somebody may be waiting for it: it stands behind no inventory, push or file.
    @Test func whatWasVerifiedIsToldBeforeAnythingElse() async throws {
        defer { remove() }
        controller.refuse("/agent/v1/counters?after=0", status: 404)
        try controller.answer("/agent/v1/inventory", WireInventoryAnswer())
        var stored = WireOutcomesAnswer()
        stored.acknowledged = 1_000
        try controller.answer("/agent/v1/outcomes", stored)
        await keeper.cycle()
        try await uplink.exchange()
        let shut = try entry(revision: 1, .shut)
        var digest = SetDigest()
        digest.insert(shut)
        var desired = WireDesired()
        (desired.revision, desired.entries) = (1, [.init(shut)])
        desired.digest = .init(digest.bytes)
        try controller.answer("/agent/v1/desired?", desired)
        let before = controller.asked.count
        try await watch.ask()
        let asked = controller.asked.dropFirst(before)
        #expect(asked.map(\.path).last == "/agent/v1/outcomes")
        #expect(asked.count == 2)
        let outcomes = try WireOutcomes(decoding: try #require(asked.last?.body))
        #expect(outcomes.revision == 1)
        #expect(outcomes.enforced.map(\.credential) == [7])
        #expect(await keeper.outcomesMessage() == nil)
    }

    @Test(.timeLimit(.minutes(5))) func whatGatheredIsSentOnceTheControllerIsBack() async throws {
        defer { remove() }
        for path in ["counters?after=0", "inventory", "desired?"] {
            controller.refuse("/agent/v1/\(path)", status: 503)
        }
        await keeper.cycle()
        let services = [
            Task { [uplink] in try await uplink.run() }, Task { [watch] in try await watch.run() },
        ]
        let asked = { [controller] in controller.asked.map(\.path) }
        try await until { asked().contains("/agent/v1/counters?after=0") }
        try await until { asked().contains { $0.hasSuffix("&wait=0") } }
        #expect(!asked().contains("/agent/v1/inventory"))
        controller.refuse("/agent/v1/counters?after=0", status: 404)
        try controller.answer("/agent/v1/inventory", WireInventoryAnswer())
        controller.refuse("/agent/v1/desired?", status: 204)
        try await until { asked().contains("/agent/v1/inventory") }
        for service in services { service.cancel() }
        for service in services { try await service.value }
    }

    func until(_ condition: () -> Bool) async throws {
        while !condition() { try await Task.sleep(for: .milliseconds(10)) }
    }

    func entry(revision: UInt64, _ access: Access) throws -> [UInt8] {
        var entry = WireDesiredEntry()
        entry.credential = 7
        entry.meter = PretendedMeter.meter.description
        entry.key = "alice"
        entry.revision = revision
        entry.access = WireAccess(access)
        return try entry.encoded()
    }
}

extension Keeper {
    func total(_ key: String) -> Traffic? {
        ledger.total(of: .text(key), at: PretendedMeter.meter)
    }

    func take(_ desired: WireDesired) throws {
        _ = try adopt(desired)
    }
}

/// Answers by path, and remembers what was asked.
final class PretendedController: Transport {
    struct Asked: Sendable {
        var path: String
        var sequence: String
        var body: [UInt8]?
    }

    private struct State {
        var answers: [String: [HTTPResponse]] = [:]
        var asked: [Asked] = []
    }

    private let state = Mutex(State())

    var asked: [Asked] { state.withLock { $0.asked } }

    /// Answers a path, or all that begin with it where it ends in `?`; the last answer stays.
    func answer(_ path: String, _ messages: (any WireAnswer)...) throws {
        let answers = try messages.map { HTTPResponse(status: 200, body: try $0.encoded()) }
        state.withLock { $0.answers[path] = answers }
    }

    func answer(_ path: String, _ first: WireDesired, then second: WireDesired) throws {
        let answers = try [first, second].map {
            HTTPResponse(status: 200, body: try $0.encoded())
        }
        state.withLock { $0.answers[path] = answers }
    }

    func answer(_ path: String, _ desired: WireDesired) throws {
        try answer(path, desired, then: desired)
    }

    func answer(_ path: String, _ page: WireKnownCounters) throws {
        let answer = HTTPResponse(status: 200, body: try page.encoded())
        state.withLock { $0.answers[path] = [answer] }
    }

    func refuse(_ path: String, status: Int) {
        state.withLock { $0.answers[path] = [HTTPResponse(status: status)] }
    }

    func send(_ request: HTTPRequest) async throws(HTTPClientError) -> HTTPResponse {
        let path = String(request.url.dropFirst("https://controller".count))
        let isPacked = request.headers.contains { $0.name == "Content-Encoding" }
        let body = request.body.map {
            isPacked ? (try? Gzip.inflate($0, limit: 1 << 20)) ?? [] : $0
        }
        let sequence = request.headers.first { $0.name == "Tollkeeper-Sequence" }?.value ?? ""
        return state.withLock { state in
            state.asked.append(Asked(path: path, sequence: sequence, body: body))
            let stem = path.firstIndex(of: "?").map { String(path[...$0]) } ?? path
            let name = state.answers[path] == nil ? stem : path
            guard let answers = state.answers[name], let next = answers.first else {
                return HTTPResponse(status: 404)
            }
            if answers.count > 1 { state.answers[name]?.removeFirst() }
            return next
        }
    }
}

/// A proxy with one user, whose counter stands at 100.
final class PretendedMeter: Meter {
    static let zeros = String(repeating: "0", count: 32)
    static let meter = MeterName(kind: .v2ray, device: "main")
    static let incarnation = Incarnation(token: "one")
    let clock: HostClock
    var name: MeterName { Self.meter }
    var traits: MeterTraits { MeterTraits(source: "userspace", blocksInPlace: true) }

    init(clock: HostClock) {
        self.clock = clock
    }

    func read() throws(MeterError) -> MeterReading {
        let counter = Counter(
            key: .text("alice"), incarnation: Self.incarnation,
            value: Traffic(uplink: 100, downlink: 100))
        let reading = Reading(
            meter: name, instant: clock.now(), counters: [counter], startsFromZero: true)
        return MeterReading(
            reading: reading, peers: [PeerSettings(key: .text("alice"))], listenPort: nil)
    }

    func block(_ keys: [Key]) throws(MeterError) {}

    func remove(_ keys: [Key]) throws(MeterError) -> Removal {
        Removal(final: nil, window: 0)
    }

    func restore(_ settings: [PeerSettings]) throws(MeterError) {}
}

struct PretendedFinder: MeterFinder {
    let clock: HostClock

    func look() -> MeterDiscovery.Found {
        MeterDiscovery.Found(meters: [PretendedMeter.meter: PretendedMeter(clock: clock)])
    }
}
