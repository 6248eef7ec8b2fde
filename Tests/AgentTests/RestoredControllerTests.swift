import Accounting
import AgentProtocol
import Foundation
import Ledger
import Logging
import Meters
import Testing

@testable import Agent

/// What the Keeper does when the controller has lost things, or when its own ledger has.
@Suite struct RestoredControllerTests {
    static let meter = MeterName(kind: .v2ray, device: "main")
    let folder: String
    let keeper: Keeper

    init() throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "keeper-\(UUID())").path
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true)
        keeper = try Self.keeper(folder) { ledger in
            try ledger.begin(after: Predecessor())
            try Self.count(in: ledger)
            try ledger.assign([(Self.meter, .text("alice"), 7)])
        }
    }

    static func keeper(
        _ folder: String, _ prepare: @Sendable (Ledger) throws -> Void = { _ in }
    ) throws -> Keeper {
        let zeros = String(repeating: "0", count: 32)
        let ledger = try Ledger.open(
            path: "\(folder)/ledger.sqlite", id: zeros, instance: zeros)
        try prepare(ledger)
        var options = AgentOptions()
        options.wireguard = []
        options.namespaces = []
        return try Keeper(
            ledger: ledger, clock: HostClock.open(), options: options,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            executor: ThreadExecutor())
    }

    static func count(in ledger: Ledger) throws {
        let counter = Counter(
            key: .text("alice"), incarnation: Incarnation(token: "one"),
            value: Traffic(uplink: 5, downlink: 6))
        var difference = Difference()
        difference.deltas = [
            Delta(key: counter.key, kind: .gained, amount: counter.value, counters: [counter])
        ]
        difference.updates = [
            BaselineUpdate(
                incarnation: counter.incarnation, id: CounterID(key: counter.key),
                baseline: Baseline(value: counter.value))
        ]
        try ledger.record(difference, of: meter, at: try HostClock.open().now())
    }

    /// Hands over what waits and has it acknowledged.
    func push() async throws {
        let attempt = try #require(try await keeper.pushAttempt())
        var answer = WirePushAnswer()
        answer.applied = UInt64(attempt.push.batches.count)
        try await keeper.take(answer, for: attempt)
    }

    @Test func everyKeyIsToldBeforeTheCatchUpIsSent() async throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        await keeper.cycle()
        while let inventory = try await keeper.inventoryMessage() {
            try await keeper.adopt(WireInventoryAnswer(), for: inventory)
        }
        try await push()
        let handover = try await keeper.handover()
        try await keeper.take(WireDesiredSetAnswer(), for: handover)
        #expect(try await keeper.pushAttempt() == nil)

        let inventory = try #require(try await keeper.inventoryMessage())
        #expect(inventory.keys.map(\.key) == ["alice"])
        #expect(inventory.keys.map(\.credential) == [7])
        #expect(inventory.keys.map(\.present) == [false])
        var answer = WireInventoryAnswer()
        var assignment = WireAssignment()
        (assignment.meter, assignment.key) = (Self.meter.description, "alice")
        (assignment.credential, assignment.replaces) = (3, true)
        answer.assignments = [assignment]
        try await keeper.adopt(answer, for: inventory)
        let attempt = try #require(try await keeper.pushAttempt())
        let batch = try WireBatch(decoding: Array(try #require(attempt.push.batches.first)))
        #expect(batch.catchUp.complete)
        #expect(batch.rows.credential == [3])
        #expect(batch.rows.totalDownlink == [6])
    }

    @Test func aControllerThatLacksTheKeysIsToldOfThemAndCaughtUp() async throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        await keeper.cycle()
        while let inventory = try await keeper.inventoryMessage() {
            try await keeper.adopt(WireInventoryAnswer(), for: inventory)
        }
        let attempt = try #require(try await keeper.pushAttempt())
        var answer = WirePushAnswer()
        answer.wantsKeys = true
        try await keeper.take(answer, for: attempt)
        // An answer to the same push that comes again changes nothing more.
        try await keeper.take(answer, for: attempt)
        #expect(try await keeper.pushAttempt() == nil)

        let inventory = try #require(try await keeper.inventoryMessage())
        #expect(inventory.keys.map(\.credential) == [7])
        try await keeper.adopt(WireInventoryAnswer(), for: inventory)
        let again = try #require(try await keeper.pushAttempt())
        #expect(again.push.batches.count == 1)
        let batch = try WireBatch(decoding: Array(try #require(again.push.batches.first)))
        #expect(batch.catchUp.complete && batch.previous.isEmpty)
        #expect(batch.rows.credential == [7] && batch.rows.totalDownlink == [6])
    }

    @Test func aStartAmidACatchUpTellsEveryKeyFirst() async throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        await keeper.cycle()
        try await push()
        try await keeper.take(WireDesiredSetAnswer(), for: try await keeper.handover())
        let again = try Self.keeper(folder)
        #expect(try await again.pushAttempt() == nil)
        await again.cycle()
        #expect(try await again.pushAttempt() == nil)
        let inventory = try #require(try await again.inventoryMessage())
        #expect(inventory.keys.map(\.credential) == [7])
        try await again.adopt(WireInventoryAnswer(), for: inventory)
        #expect(try await again.pushAttempt() != nil)
    }

    @Test func aLedgerThatIsBehindStopsPushingAndSaysSo() async throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        await keeper.cycle()
        let attempt = try #require(try await keeper.pushAttempt())
        var answer = WirePushAnswer()
        answer.applied = 9
        await #expect(throws: StaleLedger.self) { try await keeper.take(answer, for: attempt) }
        await #expect(throws: StaleLedger.self) { try await keeper.pushAttempt() }
        let identity = Identity(
            server: 1, name: "host", controllers: [], pins: [], secret: "", ledger: "",
            tokenDigest: "")
        let status = try await keeper.status(identity, LinkState())
        #expect(status.ledgerFault?.contains("join this host anew") == true)
        #expect(status.text.contains("join this host anew"))
    }

    @Test func aLedgerThatBeginsAnewBooksNothingBeforeItKnows() async throws {
        let fresh = folder + "-fresh"
        try FileManager.default.createDirectory(atPath: fresh, withIntermediateDirectories: true)
        defer {
            try? FileManager.default.removeItem(atPath: folder)
            try? FileManager.default.removeItem(atPath: fresh)
        }
        let keeper = try Self.keeper(fresh)
        await keeper.cycle()
        #expect(await keeper.awaitsCounters)
        #expect(try await keeper.inventoryMessage() == nil)
        let identity = Identity(
            server: 1, name: "host", controllers: [], pins: [], secret: "", ledger: "",
            tokenDigest: "")
        #expect(try await keeper.status(identity, LinkState()).notes.count == 1)
        var predecessor = Predecessor()
        predecessor.meters = [Self.meter]
        try await keeper.begin(after: predecessor)
        #expect(!(await keeper.awaitsCounters))
        #expect(try await keeper.status(identity, LinkState()).notes.isEmpty)
        #expect(await keeper.hasDiscovered)
    }
}
