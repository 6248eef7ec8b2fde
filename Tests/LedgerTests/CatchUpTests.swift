import Accounting
import AgentProtocol
import Foundation
import Testing

@testable import Ledger

@Suite struct CatchUpTests {
    let folder = TestFolder()
    var ledger: Ledger
    var controller = TestController()

    init() throws {
        ledger = try Self.open(folder.path)
    }

    static func open(_ folder: String) throws -> Ledger {
        try Ledger.open(
            path: "\(folder)/ledger.sqlite", id: LedgerTests.ledgerID,
            instance: LedgerTests.instance)
    }

    /// Counts `bytes` more for a key that is counted for `credential`.
    func count(
        _ key: String, _ bytes: UInt64, at seconds: Int64, for credential: UInt64
    ) throws {
        try ledger.count(key, bytes, at: .at(seconds))
        try ledger.assign([(.wg0, .text(key), credential)])
    }

    mutating func exchange() throws {
        try Ledger.exchange(&ledger, &controller)
    }

    @Test mutating func aControllerThatIsBehindGetsTheTotalsOfEachHour() throws {
        let hour: Int64 = 3_600
        try count("alice", 10, at: 1, for: 7)
        try exchange()
        let backup = controller
        try count("alice", 1, at: hour, for: 7)
        try count("bob", 5, at: hour + 60, for: 8)
        try exchange()
        try count("alice", 2, at: 3 * hour, for: 7)
        try exchange()
        let truth = controller
        try count("bob", 4, at: 4 * hour, for: 8)

        controller = backup
        #expect(try ledger.cutBatch(ticket: 0))
        #expect(
            try ledger.take(applied: 1, digest: backup.digest, asked: ledger.askedAt) == .behind)
        #expect(ledger.isCatchingUp)
        #expect(try ledger.batches().isEmpty)
        try exchange()
        #expect(!ledger.isCatchingUp)
        #expect(controller.totals[7] == truth.totals[7])
        #expect(controller.totals[8] == Traffic(uplink: 9, downlink: 9))
        #expect(controller.hours[7] == truth.hours[7])
        #expect(controller.hours[8]?.values.map(\.uplink).sorted() == [4, 5])
        #expect(controller.raws == [7: 13, 8: 9])
        #expect(controller.backwards == 0 && controller.isComplete)
        try count("alice", 100, at: 4 * hour + 70, for: 7)
        try exchange()
        #expect(controller.totals[7]?.uplink == 113)
    }

    @Test mutating func theFirstCatchUpBatchJumpsAndNamesWhatTheControllerHas() throws {
        for step in 1...3 {
            try count("alice", 1, at: Int64(step), for: 7)
            try exchange()
        }
        let outcome = try ledger.take(applied: 0, digest: [], asked: ledger.askedAt)
        #expect(outcome == .behind)
        #expect(try ledger.cutBatch(ticket: 9))
        let batch = try WireBatch(decoding: try #require(try ledger.batches().first).bytes)
        #expect(batch.sequence == 4)
        #expect(batch.previous.isEmpty)
        #expect(batch.catchUp.complete)
        #expect(batch.ticket == 9)
        #expect(batch.rows.kind == [3])
        #expect(batch.rows.uplink == [0])
        #expect(batch.rows.totalUplink == [3])
        #expect(ledger.newestBatch.hasPrefix("4."))
    }

    @Test mutating func whatWasReportedApartIsReportedAgainOnlyWhereItWasLost() throws {
        try ledger.count("alice", 50, kind: .baseline, at: .at(1))
        try count("alice", 1, at: 2, for: 7)
        try exchange()
        let backup = controller
        try ledger.count("bob", 70, kind: .uncertain, at: .at(3))
        try count("bob", 1, at: 4, for: 8)
        try exchange()
        let truth = controller
        controller = backup
        _ = try ledger.take(
            applied: backup.applied, digest: backup.digest, asked: ledger.askedAt)
        ledger = try Self.open(folder.path)
        try exchange()
        #expect(controller.apart == truth.apart)
        #expect(controller.apart[8]?.uplink == 70)
        #expect(controller.totals == truth.totals)
    }

    @Test mutating func aSecondLossAmidACatchUpBeginsAnother() throws {
        for step in 1...4 {
            try count("alice", 1, at: Int64(step), for: 7)
            try exchange()
        }
        _ = try ledger.take(
            applied: 2, digest: [UInt8](repeating: 2, count: 32), asked: ledger.askedAt)
        #expect(try ledger.cutBatch(ticket: 0))
        try count("alice", 1, at: 9, for: 7)
        let outcome = try ledger.take(
            applied: 1, digest: [UInt8](repeating: 1, count: 32), asked: ledger.askedAt)
        #expect(outcome == .behind)
        #expect(try ledger.cutBatch(ticket: 0))
        let batch = try WireBatch(decoding: try #require(try ledger.batches().first).bytes)
        #expect(batch.sequence == 6)
        #expect(Array(batch.previous) == [UInt8](repeating: 1, count: 32))
        #expect(batch.rows.totalUplink == [5])
    }

    @Test mutating func answersToWhatWasAskedBeforeACatchUpBeginNone() throws {
        for step in 1...3 {
            try count("alice", 1, at: Int64(step), for: 7)
            try exchange()
        }
        let early = ledger.askedAt
        let digest = [UInt8](repeating: 1, count: 32)
        #expect(try ledger.take(applied: 1, digest: digest, asked: early) == .behind)
        #expect(try ledger.cutBatch(ticket: 0))
        let made = ledger.newestBatch
        #expect(try ledger.take(applied: 1, digest: digest, asked: early) == .acknowledged(0))
        #expect(ledger.newestBatch == made)
        #expect(try ledger.batches().count == 1)
        // An answer that was overtaken by a later one is no loss either.
        try ledger.acknowledge(through: 4)
        let late = ledger.askedAt
        try count("alice", 1, at: 20, for: 7)
        #expect(try ledger.cutBatch(ticket: 0))
        let before = try #require(try ledger.batches().first)
        #expect(
            try ledger.take(applied: 5, digest: Digest.sha256(before.bytes), asked: late)
                == .acknowledged(1))
        #expect(try ledger.take(applied: 4, digest: [], asked: late) == .acknowledged(0))
    }

    @Test mutating func aLedgerThatIsBehindItsControllerStopsPushing() throws {
        try count("alice", 1, at: 1, for: 7)
        #expect(try ledger.cutBatch(ticket: 0))
        #expect(try ledger.take(applied: 2, digest: [], asked: ledger.askedAt) == .ahead)
        let other = [UInt8](repeating: 9, count: 32)
        #expect(try ledger.take(applied: 1, digest: other, asked: ledger.askedAt) == .ahead)
        #expect(try ledger.batches().count == 1)
    }

    @Test(arguments: [1, 2_500])
    mutating func aCatchUpStaysWithinItsLimitsAndOutlivesKillsAtEachStep(_ keys: Int) throws {
        for hour in 0..<12 {
            try ledger.countMany(0..<keys, 3, at: .at(Int64(hour) * 3_600))
        }
        try ledger.assign((0..<keys).map { (.wg0, .text("key\($0)"), UInt64($0 + 1)) })
        try exchange()
        let truth = controller
        controller = TestController()
        _ = try ledger.take(applied: 0, digest: [], asked: ledger.askedAt)
        let folder = folder.path
        var step: Int64 = 12 * 3_600
        try Ledger.exchange(&ledger, &controller) {
            let ledger = try Self.open(folder)
            // The host goes on counting meanwhile.
            if step < 12 * 3_600 + 140 {
                try ledger.countMany(0..<min(keys, 3), 1, at: .at(step))
            }
            step += 7
            return ledger
        }
        try exchange()
        #expect(!ledger.isCatchingUp && controller.isComplete)
        #expect(controller.backwards == 0)
        for key in 0..<keys {
            #expect(
                controller.totals[UInt64(key + 1)] == ledger.total(of: .text("key\(key)"), at: .wg0)
            )
        }
        #expect(controller.hours[UInt64(keys)]?.count ?? 0 >= truth.hours[UInt64(keys)]?.count ?? 1)
    }
}

extension Ledger {
    /// Adds to a key's counter.
    func count(
        _ key: String, _ bytes: UInt64, kind: Delta.Kind = .gained, at instant: Instant
    ) throws {
        let id = CounterID(key: .text(key))
        let before = baselines(of: .wg0).counters[.one]?[id]?.value.uplink ?? 0
        var difference = Difference.gained(key, bytes, bytes, from: (before, before))
        difference.deltas[0].kind = kind
        try record(difference, of: .wg0, at: instant)
    }

    /// Adds to many keys' counters at once.
    func countMany(_ keys: Range<Int>, _ bytes: UInt64, at instant: Instant) throws {
        let known = baselines(of: .wg0).counters[.one] ?? [:]
        var all = Difference()
        for key in keys {
            let before = known[CounterID(key: .text("key\(key)"))]?.value.uplink ?? 0
            let one = Difference.gained("key\(key)", bytes, bytes, from: (before, before))
            all.deltas += one.deltas
            all.updates += one.updates
        }
        try record(all, of: .wg0, at: instant)
    }
}
