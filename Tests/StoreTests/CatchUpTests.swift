import AgentProtocol
import SwiftProtobuf
import Testing

@testable import Store

/// A controller that has lost batches, and the batches that bring it up to date (A7).
@Suite struct CatchUpTests {
    static let noon = Fixture.noon
    static let hour = 3600 * Fixture.second

    private let usage = "SELECT hour, uplink, downlink FROM usage_hours ORDER BY credential, hour"
    private let totals = "SELECT uplink, downlink FROM totals ORDER BY credential"
    private let gap = "SELECT gap FROM ledgers"

    private func hour(_ ago: Int64) -> Int64 {
        (Self.noon - ago * Self.hour) / Self.hour * 3600
    }

    @Test func aCatchUpMayJumpTheSequenceAndBooksWhatIsMissingInItsHours() async throws {
        let fixture = try await Fixture()
        var agent = try await fixture.join(at: Self.noon - 90 * Self.hour)
        let id = try await agent.tell([publicKey(1)])[0]
        let start = Self.noon - 5 * Self.hour
        let first = try agent.batch([WireRow(credential: id, up: 100, down: 10)], end: start)
        try await agent.push([first], at: start + 1)
        let applied = agent.digest
        // Nine more batches of which this controller knows nothing any more.
        for number in 2...10 {
            _ = try agent.batch([WireRow(credential: id, up: UInt64(number) * 100, down: 10)])
        }
        let beyond = try agent.batch([WireRow(credential: id, up: 1100, down: 10)])
        let receipt = try await agent.push([beyond])
        #expect(receipt.applied == 1 && receipt.appliedDigest == applied)
        #expect(try await fixture.integer(gap) == 1)
        // Running totals of hours that the controller knows, of one that it knows a part of, and of
        // those that it has lost; uplink and downlink each for itself.
        let rows: [(Int64, UInt64, UInt64)] = [
            (6, 60, 10), (5, 140, 10), (4, 140, 25), (2, 900, 25), (0, 1100, 25),
        ]
        let batch = try agent.catchUp(
            after: applied, isComplete: true,
            rows: rows.map {
                (WireRow(credential: id, up: $1, down: $2), Self.noon - $0 * Self.hour)
            })
        let closed = try await agent.push([batch])
        #expect(closed.applied == 12 && closed.appliedDigest == Digest.sha256(batch))
        #expect(
            try await fixture.integers(usage) == [
                [hour(5), 140, 10], [hour(4), 0, 15], [hour(2), 760, 0], [hour(0), 200, 0],
            ])
        #expect(try await fixture.integers(totals) == [[1100, 25]])
        #expect(try await fixture.integer(gap) == 0)
        #expect(try await fixture.integer("SELECT COUNT(*) FROM quarantine") == 0)
        // What follows chains as ever, and the superseded ones book nothing.
        let next = try agent.batch([WireRow(credential: id, up: 1150, down: 25)])
        #expect(try await agent.push([beyond, next]).applied == 13)
        #expect(try await fixture.integers(totals) == [[1150, 25]])
    }

    @Test func laterBatchesOfACatchUpStillReachOldHours() async throws {
        let fixture = try await Fixture()
        var agent = try await fixture.join(at: Self.noon - 90 * Self.hour)
        let ids = try await agent.tell([publicKey(1), publicKey(2)])
        _ = try agent.batch([])
        var isFirst = true
        for (index, id) in ids.enumerated() {
            let rows = [(71, 5), (3, 9), (0, 10)] as [(Int64, UInt64)]
            let batch = try agent.catchUp(
                after: isFirst ? [] : agent.digest, isComplete: index == 1,
                rows: rows.map {
                    (WireRow(credential: id, up: $1, down: 0), Self.noon - $0 * Self.hour)
                })
            isFirst = false
            let receipt = try await agent.push([batch])
            #expect(receipt.applied == Int64(agent.sequence))
            // The same again, as after a lost answer, books nothing.
            #expect(try await agent.push([batch]) == receipt)
            #expect(try await fixture.integer(gap) == (index == 1 ? 0 : 2))
        }
        let each = [[hour(71), 5, 0], [hour(3), 4, 0], [hour(0), 1, 0]]
        #expect(try await fixture.integers(usage) == each + each)
        // From here on no bucket lies before the last one again.
        let late = try agent.batch(
            [WireRow(credential: ids[0], up: 12, down: 0)], end: Self.noon - 10 * Self.hour)
        try await agent.push([late])
        #expect(
            try await fixture.integers(usage)
                == [[hour(71), 5, 0], [hour(3), 4, 0], [hour(0), 3, 0]] + each)
    }

    @Test func ordinaryBatchesBetweenCatchUpsHoldNothingBack() async throws {
        let fixture = try await Fixture()
        var agent = try await fixture.join(at: Self.noon - 90 * Self.hour)
        let id = try await agent.tell([publicKey(1)])[0]
        _ = try agent.batch([])
        let empty = try agent.catchUp(after: [], isComplete: false, rows: [])
        let ordinary = try agent.batch([], end: Self.noon)
        let old = try agent.catchUp(
            after: agent.digest, isComplete: true,
            rows: [(WireRow(credential: id, up: 7, down: 0), Self.noon - 9 * Self.hour)])
        #expect(try await agent.push([empty, ordinary, old]).applied == 4)
        #expect(try await fixture.integers(usage) == [[hour(9), 7, 0]])
    }

    @Test func aCatchUpThatDoesNotFollowWhatWasAppliedIsNotBooked() async throws {
        let fixture = try await Fixture()
        var agent = try await fixture.join()
        let id = try await agent.tell([publicKey(1)])[0]
        let first = try agent.batch([WireRow(credential: id, up: 1, down: 1)])
        try await agent.push([first])
        let rows = [(WireRow(credential: id, up: 50, down: 50), Self.noon)]
        for previous in [[], [UInt8](repeating: 4, count: 32)] {
            var other = agent
            _ = try other.batch([])
            let batch = try other.catchUp(after: previous, isComplete: true, rows: rows)
            let receipt = try await other.push([batch])
            #expect(receipt.applied == 1 && receipt.appliedDigest == Digest.sha256(first))
        }
        #expect(try await fixture.integers(totals) == [[1, 1]])
        #expect(try await fixture.integer(gap) == 1)
    }

    /// As after a restore from before the keys were told, where the chain still continues.
    @Test(arguments: ["unknown", "another server's"])
    func aBatchOfCredentialsThatAreNotHeldWaitsUntilEveryKeyIsTold(whose: String) async throws {
        let fixture = try await Fixture()
        var agent = try await fixture.join()
        let other = try await fixture.join("vpn2")
        let foreign = try await other.tell([publicKey(9)])[0]
        let id = try await agent.tell([publicKey(1)])[0]
        try await agent.push([try agent.batch([WireRow(credential: id, up: 1, down: 1)])])
        let applied = agent.digest
        let lacking = try agent.batch([
            WireRow(credential: whose == "unknown" ? 99 : foreign, up: 5, down: 5),
            WireRow(credential: id, up: 7, down: 8),
        ])
        for _ in 0..<2 {
            let receipt = try await agent.push([lacking])
            #expect(receipt.wantsKeys && receipt.applied == 1)
            #expect(receipt.appliedDigest == applied)
        }
        let mine = "SELECT uplink, downlink FROM totals WHERE credential IN (\(id), \(id + 1))"
        #expect(try await fixture.integers(mine) == [[1, 1]])
        #expect(try await fixture.integer("SELECT MAX(gap) FROM ledgers") == 1)

        let found = try await agent.tell([publicKey(1), publicKey(2)])
        #expect(found == [id, id + 1])
        let batch = try agent.catchUp(
            after: applied, isComplete: true,
            rows: [
                (WireRow(credential: found[1], up: 5, down: 5), Self.noon),
                (WireRow(credential: id, up: 7, down: 8), Self.noon),
            ])
        let closed = try await agent.push([batch])
        #expect(!closed.wantsKeys && closed.applied == 3)
        #expect(try await fixture.integers(mine) == [[7, 8], [5, 5]])
        #expect(try await fixture.integer("SELECT COUNT(*) FROM quarantine") == 0)
    }

    @Test func whatCannotBeBookedOfACatchUpIsPutAsideAndTheRestHolds() async throws {
        let fixture = try await Fixture()
        var agent = try await fixture.join()
        let id = try await agent.tell([publicKey(1)])[0]
        _ = try agent.batch([])
        let batch = try agent.catchUp(
            after: [], isComplete: true,
            rows: [
                (WireRow(credential: 99, up: 5, down: 5), Self.noon),
                (WireRow(credential: id, up: 1 << 63, down: 5), Self.noon),
                (WireRow(credential: id, up: 6, down: 7), Self.noon),
            ])
        #expect(try await agent.push([batch]).applied == 2)
        #expect(try await fixture.integers(totals) == [[6, 7]])
        #expect(try await fixture.integer("SELECT COUNT(*) FROM quarantine") == 2)
        #expect(try await fixture.integer(gap) == 0)
    }

    /// The file is put back as it was, as an operator does it: with the controller stopped.
    @Test func aStorePutBackFromACopyIsCaughtUpToTheByte() async throws {
        let fixture = try await Fixture()
        var agent = try await fixture.join(at: Self.noon - 90 * Self.hour)
        let ids = try await agent.tell([publicKey(1), publicKey(2)])
        func push(_ up: UInt64, ago: Int64) async throws {
            let end = Self.noon - ago * Self.hour
            let rows = ids.map { WireRow(credential: $0, up: up * UInt64($0), down: up) }
            try await agent.push([try agent.batch(rows, end: end)], at: end + 1)
        }
        try await push(10, ago: 30)
        let copy = try fixture.backup()
        try await push(15, ago: 30)
        try await push(40, ago: 20)
        try await push(70, ago: 0)
        let truth = (try await fixture.integers(usage), try await fixture.integers(totals))
        var restored = agent
        restored.store = try await Store.open(path: copy)
        let store = restored.store
        let applied = try await restored.push([]).appliedDigest
        for (index, id) in ids.enumerated() {
            let rows = [(30, 15), (20, 40), (0, 70)] as [(Int64, UInt64)]
            let batch = try restored.catchUp(
                after: index == 0 ? applied : restored.digest, isComplete: index == 1,
                rows: rows.map {
                    (
                        WireRow(credential: id, up: $1 * UInt64(id), down: $1),
                        Self.noon - $0 * Self.hour
                    )
                })
            try await restored.push([batch])
        }
        #expect(try await Fixture.integers(usage, of: store) == truth.0)
        #expect(try await Fixture.integers(totals, of: store) == truth.1)
    }
}
