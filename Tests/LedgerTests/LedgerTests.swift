import Accounting
import AgentProtocol
import Foundation
import Testing

@testable import Ledger

@Suite struct LedgerTests {
    static let ledgerID = "000102030405060708090a0b0c0d0e0f"
    static let instance = "ff0102030405060708090a0b0c0d0e0f"
    let folder = FileManager.default.temporaryDirectory.appending(path: "ledger-\(UUID())")
    var path: String { folder.appending(path: "ledger.sqlite").path }

    init() throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    func open() throws -> Ledger {
        try Ledger.open(path: path, id: Self.ledgerID, instance: Self.instance)
    }

    @Test func aFileThatIsNoLedgerIsRefusedAndLeftAsItIs() throws {
        let bytes = Data("this is not a database, and it is long enough to have a header".utf8)
        try bytes.write(to: URL(filePath: path))
        let error = #expect(throws: LedgerError.self) { try open() }
        #expect(error?.code == .damaged)
        #expect(error?.description.contains(path) == true)
        #expect(try Data(contentsOf: URL(filePath: path)) == bytes)
    }

    @Test func aTruncatedLedgerIsRefused() throws {
        do {
            let ledger = try open()
            for index in 0..<200 {
                try ledger.record(.gained("key\(index)", 1, 1), of: .wg0, at: .at(1))
            }
        }
        for suffix in ["-wal", "-shm"] {
            try? FileManager.default.removeItem(atPath: path + suffix)
        }
        let whole = try Data(contentsOf: URL(filePath: path))
        try whole.prefix(whole.count / 2).write(to: URL(filePath: path))
        let error = #expect(throws: LedgerError.self) { try open() }
        #expect(error?.code == .damaged)
    }

    @Test func aLedgerOfAnotherJoinIsRefused() throws {
        _ = try open()
        let error = #expect(throws: LedgerError.self) {
            try Ledger.open(
                path: path, id: "ffffffffffffffffffffffffffffffff", instance: Self.instance)
        }
        #expect(error?.code == .conflict)
        #expect(try Ledger.id(at: path) == Self.ledgerID)
    }

    @Test func aLedgerOfANewerVersionIsRefused() throws {
        _ = try open()
        let database = try Database(path: path)
        try database.execute("PRAGMA user_version = 99")
        let error = #expect(throws: LedgerError.self) { try open() }
        #expect(error?.code == .newer)
    }

    @Test func eachStartHasAHigherNumber() throws {
        #expect(try open().start == 1)
        #expect(try open().start == 2)
    }

    @Test func theFileIsForItsOwnerAlone() throws {
        _ = try open()
        let attributes = try FileManager.default.attributesOfItem(atPath: path)
        #expect((attributes[.posixPermissions] as? NSNumber)?.intValue == 0o600)
    }

    @Test func everyTransactionIsDurable() throws {
        let ledger = try open()
        var mode: Int64 = -1
        try ledger.database.query("PRAGMA synchronous") { row in mode = row.integer(0) }
        #expect(mode == 2)
    }

    @Test func whatWasRecordedIsThereAfterAStart() throws {
        do {
            let ledger = try open()
            try ledger.record(.gained("alice", 100, 200), of: .wg0, at: .at(1))
            try ledger.record(.gained("alice", 5, 6, from: (100, 200)), of: .wg0, at: .at(2))
        }
        let ledger = try open()
        #expect(ledger.total(of: .alice, at: .wg0) == Traffic(uplink: 105, downlink: 206))
        let baseline = ledger.baselines(of: .wg0).counters[.one]?[CounterID(key: .alice)]
        #expect(baseline?.value == Traffic(uplink: 105, downlink: 206))
        #expect(ledger.baselines(of: .wg0).isKnown)
        #expect(!ledger.baselines(of: MeterName(kind: .wireguard, device: "wg9")).isKnown)
    }

    @Test func aTotalThatDoesNotFitIsHeldAndTheOthersAreBooked() throws {
        let ledger = try open()
        try ledger.record(.gained("alice", UInt64(Int64.max) - 1, 0), of: .wg0, at: .at(1))
        var difference = Difference.gained("alice", 2, 0)
        let other = Difference.gained("bob", 7, 8)
        difference.deltas += other.deltas
        difference.updates += other.updates
        let held = try ledger.record(difference, of: .wg0, at: .at(2))
        #expect(held == [.alice])
        #expect(ledger.total(of: .alice, at: .wg0)?.uplink == UInt64(Int64.max) - 1)
        #expect(ledger.total(of: .bob, at: .wg0) == Traffic(uplink: 7, downlink: 8))
    }

    @Test func nothingIsNumberedBeforeItsCredentialIsNamed() throws {
        let ledger = try open()
        try ledger.record(.gained("alice", 1, 1), of: .wg0, at: .at(1))
        #expect(try ledger.cutBatch(ticket: 0) == false)
        try ledger.assign([(.wg0, .alice, 7)])
        #expect(try ledger.cutBatch(ticket: 0))
        #expect(try ledger.cutBatch(ticket: 0) == false)
    }

    @Test func aBatchHoldsDeltasTotalsAndRawCounters() throws {
        let ledger = try open()
        try ledger.record(.gained("alice", 100, 200), of: .wg0, at: .at(1))
        try ledger.record(.gained("alice", 5, 6, from: (100, 200)), of: .wg0, at: .at(2))
        try ledger.record(.gained("alice", 1, 1, from: (105, 206)), of: .wg0, at: .at(90))
        try ledger.assign([(.wg0, .alice, 7)])
        #expect(try ledger.cutBatch(ticket: 3))
        let stored = try #require(try ledger.batches().first)
        let batch = try WireBatch(decoding: stored.bytes)
        #expect(batch.sequence == 1)
        #expect(batch.previous.isEmpty)
        #expect(batch.ticket == 3)
        #expect(batch.buckets.count == 2)
        #expect(batch.rows.credential == [7, 7])
        #expect(batch.rows.uplink == [105, 1])
        #expect(batch.rows.totalDownlink == [206, 207])
        #expect(batch.rows.counters == [0, 1])
        #expect(batch.rows.rawUplink == [106])
        #expect(batch.incarnations == ["one"])
    }

    @Test func batchesAreChainedAndKeptUntilAcknowledged() throws {
        let ledger = try open()
        for step in 1...3 {
            try ledger.record(.gained("alice", 1, 1), of: .wg0, at: .at(Int64(step)))
            try ledger.assign([(.wg0, .alice, 7)])
            #expect(try ledger.cutBatch(ticket: 0))
        }
        let batches = try ledger.batches()
        #expect(batches.map(\.sequence) == [1, 2, 3])
        for (earlier, later) in zip(batches, batches.dropFirst()) {
            let decoded = try WireBatch(decoding: later.bytes)
            #expect(Array(decoded.previous) == Digest.sha256(earlier.bytes))
        }
        try ledger.acknowledge(through: 2)
        let again = try open()
        #expect(try again.batches() == [batches[2]])
    }

    @Test func whatComesWhileEightBatchesWaitStaysUnnumberedAndMerges() throws {
        let ledger = try open()
        for step in 1...20 {
            try ledger.record(.gained("alice", 1, 1), of: .wg0, at: .at(1))
            try ledger.assign([(.wg0, .alice, 7)])
            #expect(try ledger.cutBatch(ticket: 0) == (step <= Ledger.mostBatches))
        }
        #expect(try ledger.depth() == (1, 8))
        try ledger.acknowledge(through: 8)
        #expect(try ledger.cutBatch(ticket: 0))
        let last = try #require(try ledger.batches().last)
        let rows = try WireBatch(decoding: last.bytes).rows
        #expect(rows.uplink == [12])
        #expect(rows.totalUplink == [20])
    }

    @Test func aBatchStaysWithinItsRowsAndRowsBehindItKeepTheirCounters() throws {
        let ledger = try open()
        var all = Difference()
        var names: [(meter: MeterName, key: Key, credential: UInt64)] = []
        for index in 0..<(Ledger.mostRows + 5) {
            let one = Difference.gained("key\(index)", 1, 1)
            all.deltas += one.deltas
            all.updates += one.updates
            names.append((.wg0, .text("key\(index)"), UInt64(index + 1)))
        }
        let v2ray = MeterName(kind: .v2ray, device: "main")
        try ledger.record(all, of: v2ray, at: .at(1))
        try ledger.assign(names.map { (v2ray, $0.key, $0.credential) })
        #expect(try ledger.cutBatch(ticket: 0))
        #expect(try ledger.cutBatch(ticket: 0))
        let rows = try ledger.batches().map { batch in
            #expect(batch.bytes.count <= Ledger.mostBytes)
            return try WireBatch(decoding: batch.bytes).rows.credential.count
        }
        #expect(rows.reduce(0, +) == Ledger.mostRows + 5)
    }

    @Test func aBaselineIsReportedApartAndAddsNothingToTheTotal() throws {
        let ledger = try open()
        var difference = Difference.gained("alice", 500, 600)
        difference.deltas[0].kind = .baseline
        try ledger.record(difference, of: .wg0, at: .at(1))
        try ledger.record(.gained("alice", 1, 2, from: (500, 600)), of: .wg0, at: .at(2))
        try ledger.assign([(.wg0, .alice, 7)])
        _ = try ledger.cutBatch(ticket: 0)
        let rows = try WireBatch(decoding: try #require(try ledger.batches().first).bytes).rows
        #expect(rows.kind == [0, 1])
        #expect(rows.uplink == [1, 500])
        #expect(rows.totalUplink == [1, 0])
    }

    @Test func whatIsHeldIsReportedApartAndAddsNothingToTheTotal() throws {
        let ledger = try open()
        var difference = Difference.gained("alice", 5, 6)
        difference.deltas.append(
            Delta(
                key: .alice, kind: .held, amount: Traffic(uplink: 70, downlink: 80), counters: []))
        try ledger.record(difference, of: .wg0, at: .at(1))
        #expect(ledger.total(of: .alice, at: .wg0) == Traffic(uplink: 5, downlink: 6))
        try ledger.assign([(.wg0, .alice, 7)])
        _ = try ledger.cutBatch(ticket: 0)
        let rows = try WireBatch(decoding: try #require(try ledger.batches().first).bytes).rows
        #expect(rows.kind == [0, 4])
        #expect(rows.uplink == [5, 70])
        #expect(rows.totalUplink == [5, 5])
    }

    @Test func theLinkIsKeptWithTheBaselinesItBelongsTo() throws {
        func link(_ amount: UInt64) -> LinkReading {
            LinkReading(
                incarnation: .one, before: Traffic(uplink: amount, downlink: 2),
                after: Traffic(uplink: amount + 1, downlink: 4), wall: 9)
        }
        var difference = Difference.gained("alice", 5, 6)
        for amount: UInt64 in [1, 10] {
            difference.link = .replaced(link(amount))
            try open().record(difference, of: .wg0, at: .at(1))
            #expect(try open().baselines(of: .wg0).link == link(amount))
        }
        difference.link = .kept
        try open().record(difference, of: .wg0, at: .at(2))
        #expect(try open().baselines(of: .wg0).link == link(10))
        difference.link = .replaced(link(1 << 63))
        try open().record(difference, of: .wg0, at: .at(3))
        #expect(try open().baselines(of: .wg0).link == nil)
    }

    @Test func ofATotalThatDoesNotFitTheLinkIsForgotten() throws {
        let ledger = try open()
        var difference = Difference.gained("alice", UInt64(Int64.max), 0)
        let link = LinkReading(incarnation: .one, before: .zero, after: .zero, wall: 9)
        difference.link = .replaced(link)
        try ledger.record(difference, of: .wg0, at: .at(1))
        #expect(ledger.baselines(of: .wg0).link == link)
        difference = Difference.gained("alice", 1, 0)
        difference.link = .replaced(link)
        #expect(try ledger.record(difference, of: .wg0, at: .at(2)) == [.alice])
        #expect(ledger.baselines(of: .wg0).link == nil)
        #expect(try open().baselines(of: .wg0).link == nil)
    }

    @Test func aContestSurvivesStartsAndEndsAfterAQuietHour() throws {
        var fall = Difference.gained("alice", 5, 6)
        fall.restarts = [CounterID(key: .alice), CounterID(key: .bob)]
        for second: Int64 in 0..<4 {
            #expect(try !open().contest(of: .wg0).isContested)
            try open().record(fall, of: .wg0, at: .at(second))
        }
        #expect(try open().contest(of: .wg0).isContested)
        try open().record(Difference(), of: .wg0, at: .at(3602))
        #expect(try open().contest(of: .wg0).isContested)
        try open().record(Difference(), of: .wg0, at: .at(3603))
        #expect(try open().contest(of: .wg0) == Contest())
    }

    @Test func aKeyThatChangesHandsIsCutThere() throws {
        let ledger = try open()
        try ledger.record(.gained("alice", 100, 100), of: .wg0, at: .at(1))
        try ledger.assign([(.wg0, .alice, 7)])
        try ledger.record(.gained("alice", 10, 10, from: (100, 100)), of: .wg0, at: .at(2))
        try ledger.assign([(.wg0, .alice, 8)])
        try ledger.record(.gained("alice", 1, 1, from: (110, 110)), of: .wg0, at: .at(3))
        _ = try ledger.cutBatch(ticket: 0)
        let rows = try WireBatch(decoding: try #require(try ledger.batches().first).bytes).rows
        #expect(rows.credential == [7, 8])
        #expect(rows.totalUplink == [110, 1])
        let again = try open()
        let baseline = again.baselines(of: .wg0).counters[.one]?[CounterID(key: .alice)]
        #expect(baseline?.value.uplink == 111)
    }

    @Test func aRenamedMeterGoesOnWithItsCountersAndItsKeptOut() throws {
        let ledger = try open()
        try ledger.record(.gained("alice", 100, 100), of: .wg0, at: .at(1))
        try ledger.keepOut([
            KeptOutKey(meter: .wg0, key: .bob, isRemoved: true, settings: [1])
        ])
        #expect(ledger.meter(of: .one, kind: .v2ray) == .wg0)
        let other = MeterName(kind: .v2ray, device: "other")
        try ledger.rename(.wg0, to: other)
        let again = try open()
        #expect(!again.baselines(of: .wg0).isKnown)
        #expect(again.total(of: .alice, at: other) == Traffic(uplink: 100, downlink: 100))
        #expect(try again.keptOut().map(\.meter) == [other])
        #expect(again.meter(of: .one, kind: .v2ray) == other)
    }

    @Test func aTicketIsAnsweredOnceEvenWithoutTraffic() throws {
        let ledger = try open()
        #expect(try ledger.cutBatch(ticket: 4))
        #expect(try ledger.cutBatch(ticket: 4) == false)
        let batch = try WireBatch(decoding: try #require(try ledger.batches().first).bytes)
        #expect(batch.ticket == 4)
        #expect(batch.rows.credential.isEmpty)
    }
}

extension MeterName {
    static let wg0 = MeterName(kind: .v2ray, device: "main")
}

extension Key {
    static let alice = Key.text("alice")
    static let bob = Key.text("bob")
}

extension Incarnation {
    static let one = Incarnation(token: "one")
}

extension Instant {
    /// `seconds` after the start of an hour.
    static func at(_ seconds: Int64) -> Instant {
        guard let boot = BootID("00112233445566778899aabbccddeeff") else {
            preconditionFailure("a valid boot id")
        }
        return Instant(
            wall: 1_700_000_400_000_000_000 + seconds * 1_000_000_000, boot: boot,
            boottime: UInt64(seconds) * 1_000_000_000)
    }
}

extension Difference {
    /// One key that gained, counted on from `before`.
    static func gained(
        _ key: String, _ uplink: UInt64, _ downlink: UInt64, from before: (UInt64, UInt64) = (0, 0)
    ) -> Difference {
        let amount = Traffic(uplink: uplink, downlink: downlink)
        let value = Traffic(uplink: before.0 + uplink, downlink: before.1 + downlink)
        let counter = Counter(key: .text(key), incarnation: .one, value: value, lastHandshake: 9)
        var difference = Difference()
        difference.deltas = [
            Delta(key: .text(key), kind: .gained, amount: amount, counters: [counter])
        ]
        difference.updates = [
            BaselineUpdate(
                incarnation: .one, id: CounterID(key: .text(key)),
                baseline: Baseline(value: value, lastHandshake: 9))
        ]
        return difference
    }
}
