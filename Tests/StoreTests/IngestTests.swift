import AgentProtocol
import SwiftProtobuf
import Testing

@testable import Store

@Suite struct IngestTests {
    @Test func aRepeatIsAcknowledgedAndBooksNothing() async throws {
        let fixture = try await Fixture()
        var agent = try await fixture.join()
        let id = try await agent.tell([publicKey(1)])[0]
        let batch = try agent.batch([WireRow(credential: id, up: 100, down: 200)])
        for _ in 0..<3 {
            let receipt = try await agent.push([batch, batch])
            #expect(receipt.applied == 1)
            #expect(receipt.appliedDigest == Digest.sha256(batch))
        }
        #expect(try await fixture.integers("SELECT uplink, downlink FROM totals") == [[100, 200]])
        #expect(
            try await fixture.integers("SELECT hour, uplink, downlink FROM usage_hours")
                == [[489_564 * 3600, 100, 200]])
    }

    @Test func runningTotalsAreBookedAsDifferences() async throws {
        let fixture = try await Fixture()
        var agent = try await fixture.join()
        let id = try await agent.tell([publicKey(1)])[0]
        let batches = try [(10, 20), (10, 25), (4_000, 25)].map { up, down in
            try agent.batch([WireRow(credential: id, up: up, down: down)])
        }
        let receipt = try await agent.push(batches)
        #expect(receipt.applied == 3)
        #expect(try await fixture.integers("SELECT uplink, downlink FROM totals") == [[4000, 25]])
        let raw = "SELECT uplink, downlink FROM raw_counters"
        #expect(try await fixture.integers(raw) == [[4000, 25]])
    }

    @Test func rowsInAnyOrderGoToTheirCredentialsAndHours() async throws {
        let fixture = try await Fixture()
        var agent = try await fixture.join(at: Fixture.noon - 4 * 3600 * Fixture.second)
        let ids = try await agent.tell([publicKey(1), publicKey(2), publicKey(3)])
        agent.sequence = 1
        var batch = agent.draft([])
        for hours in [Int64(2), 1, 0] {
            var bucket = WireBucket()
            bucket.last = agent.clock(Fixture.noon - hours * 3600 * Fixture.second)
            batch.buckets.append(bucket)
        }
        batch.buckets.removeFirst()
        // Each credential's running totals go up, whatever stands between its rows.
        let rows: [(place: Int, bucket: UInt32, up: UInt64)] = [
            (2, 0, 100), (0, 1, 5), (1, 0, 7), (0, 2, 8), (2, 2, 300), (0, 1, 10), (2, 1, 301),
        ]
        for row in rows {
            batch.rows.append(
                WireRow(credential: ids[row.place], up: row.up, down: row.up, bucket: row.bucket))
        }
        let bytes: [UInt8] = try batch.serializedBytes()
        #expect(try await agent.push([bytes]).applied == 1)
        let totals: [[Int64]] = [[10, 10], [7, 7], [301, 301]]
        for table in ["totals", "raw_counters"] {
            let found = try await fixture.integers(
                "SELECT uplink, downlink FROM \(table) ORDER BY credential")
            #expect(found == totals, "\(table)")
        }
        let first: Int64 = 489_562
        let expected: [[Int64]] = [
            [ids[0], first + 1, 7], [ids[0], first + 2, 3], [ids[1], first, 7],
            [ids[2], first, 100], [ids[2], first + 1, 1], [ids[2], first + 2, 200],
        ]
        let hours = try await fixture.integers(
            "SELECT credential, hour / 3600, uplink FROM usage_hours ORDER BY credential, hour")
        #expect(hours == expected)
        let meters: [[Int64]] = [[first, 107], [first + 1, 8], [first + 2, 203]]
        let meterHours = try await fixture.integers(
            "SELECT hour / 3600, uplink FROM meter_hours ORDER BY hour")
        #expect(meterHours == meters)
    }

    @Test func theCountersBehindAKeyAreToldApartByTheirParts() async throws {
        let fixture = try await Fixture()
        var agent = try await fixture.join()
        let id = try await agent.tell([publicKey(1)])[0]
        agent.sequence = 1
        var batch = agent.draft([])
        for total in [UInt64(10), 20] {
            batch.rows.append(WireRow(credential: id, up: total, down: 1))
        }
        batch.rows.counters = [2, 2]
        batch.rows.part = ["a", "b", "a", "b"]
        batch.rows.incarnation = [0, 0, 0, 0]
        batch.rows.rawUplink = [1, 2, 3, 4]
        batch.rows.rawDownlink = [5, 6, 7, 8]
        try await agent.push([try batch.serializedBytes()])
        #expect(
            try await fixture.integers("SELECT uplink, downlink FROM raw_counters ORDER BY part")
                == [[3, 7], [4, 8]])
    }

    @Test func aGapBooksNothingAndTheAnswerSaysWhere() async throws {
        let fixture = try await Fixture()
        var agent = try await fixture.join()
        let id = try await agent.tell([publicKey(1)])[0]
        let batches = try (1...3).map {
            try agent.batch([WireRow(credential: id, up: UInt64($0), down: 0)])
        }
        #expect(try await agent.push([batches[1], batches[2]]).applied == 0)
        #expect(try await agent.push([batches[0], batches[2]]).applied == 1)
        #expect(try await fixture.integer("SELECT uplink FROM totals") == 1)
        #expect(try await agent.push([batches[1], batches[2]]).applied == 3)
        #expect(try await fixture.integer("SELECT uplink FROM totals") == 3)
    }

    @Test func anotherBatchUnderABookedSequenceDiverges() async throws {
        let fixture = try await Fixture()
        var agent = try await fixture.join()
        let id = try await agent.tell([publicKey(1)])[0]
        var clone = agent
        try await agent.push([try agent.batch([WireRow(credential: id, up: 1, down: 1)])])
        let other = try clone.batch([WireRow(credential: id, up: 2, down: 2)])
        let error = await #expect(throws: StoreError.self) { try await clone.push([other]) }
        #expect(error?.code == .diverged)
        #expect(error?.reason == "ledger_cloned")
        #expect(try await fixture.integer("SELECT uplink FROM totals") == 1)
    }

    @Test func aBatchOfAnotherChainDivergesAndThoseBeforeItHold() async throws {
        let fixture = try await Fixture()
        var agent = try await fixture.join()
        let id = try await agent.tell([publicKey(1)])[0]
        let first = try agent.batch([WireRow(credential: id, up: 1, down: 1)])
        agent.digest = [UInt8](repeating: 9, count: 32)
        let second = try agent.batch([WireRow(credential: id, up: 2, down: 2)])
        await #expect(throws: StoreError.self) { try await agent.push([first, second]) }
        #expect(try await fixture.integers("SELECT applied FROM ledgers") == [[1]])
        #expect(try await fixture.integer("SELECT uplink FROM totals") == 1)
    }

    @Test func bytesThatAreNoBatchAreRefusedByTheirPlace() async throws {
        let fixture = try await Fixture()
        var agent = try await fixture.join()
        let good = try agent.batch([])
        let error = await #expect(throws: StoreError.self) {
            try await agent.push([good, [0xff, 0xff, 0xff]])
        }
        #expect(error?.code == .invalid)
        #expect(error?.description.contains("batches[1]") == true)
        #expect(try await fixture.integer("SELECT applied FROM ledgers") == 0)
    }

    @Test func aBaselineIsKeptApart() async throws {
        let fixture = try await Fixture()
        var agent = try await fixture.join()
        let id = try await agent.tell([publicKey(1)])[0]
        for kind in [1, 2] {
            let row = WireRow(credential: id, up: 0, down: 0, kind: kind, gained: (1000, 500))
            try await agent.push([try agent.batch([row])])
        }
        let columns = "uplink, downlink, baseline_uplink, baseline_downlink"
        #expect(
            try await fixture.integers("SELECT \(columns) FROM totals") == [[0, 0, 2000, 1000]])
        #expect(try await fixture.integer("SELECT COUNT(*) FROM usage_hours") == 0)
    }

    @Test func whatAnAgentHoldsBackIsKeptApart() async throws {
        let fixture = try await Fixture()
        var agent = try await fixture.join()
        let id = try await agent.tell([publicKey(1)])[0]
        for _ in 0..<2 {
            let rows = [
                WireRow(credential: id, up: 70, down: 80, gained: (70, 80)),
                WireRow(credential: id, up: 70, down: 80, kind: 4, gained: (1000, 500)),
            ]
            try await agent.push([try agent.batch(rows)])
        }
        let columns = "uplink, downlink, withheld_uplink, withheld_downlink"
        #expect(
            try await fixture.integers("SELECT \(columns) FROM totals") == [[70, 80, 2000, 1000]])
        let record = try await fixture.store.credentials(after: 0, limit: 10).first
        #expect(record?.withheldUplink == 2000)
        #expect(record?.withheldDownlink == 1000)
        let most = WireRow(credential: id, up: 70, down: 80, kind: 4, gained: (1 << 63 - 1, 0))
        try await agent.push([try agent.batch([most])])
        #expect(
            try await fixture.integer("SELECT withheld_uplink FROM totals") == 2000)
        #expect(try await fixture.integer("SELECT COUNT(*) FROM quarantine") == 1)
    }

    @Test(arguments: [
        ("lower", "the running total is lower than the one held"),
        ("overflow", "an amount does not fit 63 bits"),
        ("bucket", "the row names a bucket that the batch does not have"),
        ("kind", "the row's kind is unknown"),
        ("incarnation", "the row names an incarnation that the batch does not have"),
    ])
    func aRowThatCannotBeBookedIsPutAside(fault: String, reason: String) async throws {
        let fixture = try await Fixture()
        var agent = try await fixture.join()
        let ids = try await agent.tell([publicKey(1), publicKey(2)])
        try await agent.push([try agent.batch([WireRow(credential: ids[0], up: 50, down: 50)])])
        var row = WireRow(credential: ids[0], up: 60, down: 60)
        switch fault {
        case "lower": row.down = 49
        case "overflow": row.up = 1 << 63
        case "bucket": row.bucket = 1
        case "kind": row.kind = 7
        default: row.incarnation = 1
        }
        let good = WireRow(credential: ids[1], up: 7, down: 8)
        let receipt = try await agent.push([try agent.batch([row, good])])
        #expect(receipt.applied == 2)
        let totals =
            "SELECT uplink, downlink FROM totals WHERE credential IN (\(ids[0]), \(ids[1]))"
        #expect(try await fixture.integers(totals) == [[50, 50], [7, 8]])
        let kept = try await fixture.store.database.read {
            try $0.query("SELECT part, reason, sequence FROM quarantine", [])
        }
        #expect(kept.map { $0.text(1) } == [reason])
        #expect(kept.first?.integer(0) == 0 && kept.first?.integer(2) == 2)
        #expect(try await fixture.store.server(agent.server).quarantined == 1)
    }

    @Test func columnsThatContradictEachOtherPutTheWholeBatchAside() async throws {
        let fixture = try await Fixture()
        var agent = try await fixture.join()
        let id = try await agent.tell([publicKey(1)])[0]
        let spoilers: [(inout WireRows) -> Void] = [
            { $0.uplink.append(1) }, { $0.counters = [2] }, { $0.counters = [0] },
            { $0.part = [] }, { $0.credential = [] }, { $0.counters = [UInt32.max] },
        ]
        for spoil in spoilers {
            agent.sequence += 1
            var batch = agent.draft([WireRow(credential: id, up: 5, down: 5)])
            spoil(&batch.rows)
            let bytes: [UInt8] = try batch.serializedBytes()
            agent.digest = Digest.sha256(bytes)
            #expect(try await agent.push([bytes]).applied == Int64(agent.sequence))
        }
        #expect(
            try await fixture.integer("SELECT COUNT(*) FROM quarantine WHERE part = -1")
                == Int64(spoilers.count))
        try await agent.push([try agent.batch([WireRow(credential: id, up: 6, down: 6)])])
        #expect(try await fixture.integer("SELECT uplink FROM totals") == 6)
    }

    @Test func sumsThatWouldOverflowArePutAside() async throws {
        let fixture = try await Fixture()
        var agent = try await fixture.join()
        let id = try await agent.tell([publicKey(1)])[0]
        let most = UInt64(Int64.max)
        try await agent.push([
            try agent.batch([WireRow(credential: id, up: most, down: 0)]),
            try agent.batch([
                WireRow(credential: id, up: 0, down: 0, kind: 1, gained: (most, 0)),
                WireRow(credential: id, up: 0, down: 0, kind: 1, gained: (1, 0)),
            ]),
        ])
        #expect(try await fixture.integer("SELECT COUNT(*) FROM quarantine") == 1)
        // After a re-join the ledger begins at zero, and the sum itself would pass 2^63.
        var anew = try await fixture.rejoin(agent.server)
        try await anew.push([try anew.batch([WireRow(credential: id, up: 1, down: 0)])])
        #expect(try await fixture.integer("SELECT COUNT(*) FROM quarantine") == 2)
        let other = try await anew.tell([publicKey(2)])[0]
        try await anew.push([try anew.batch([WireRow(credential: other, up: most, down: 9)])])
        // The sums over credentials must not fail either.
        #expect(try await fixture.store.server(agent.server).uplink == .max)
        let total = try await fixture.store.fleetTotal(activeSince: 0)
        #expect(total.uplink == .max && total.downlink == 9)
    }

    @Test func aClosedLedgersBatchesAreRefused() async throws {
        let fixture = try await Fixture()
        var old = try await fixture.join()
        let id = try await old.tell([publicKey(1)])[0]
        try await old.push([try old.batch([WireRow(credential: id, up: 10, down: 10)])])
        var anew = try await fixture.rejoin(old.server)
        let late = try old.batch([WireRow(credential: id, up: 99, down: 99)])
        let error = await #expect(throws: StoreError.self) { try await old.push([late]) }
        #expect(error?.code == .diverged)
        try await anew.push([try anew.batch([WireRow(credential: id, up: 5, down: 6)])])
        #expect(try await fixture.integers("SELECT uplink, downlink FROM totals") == [[15, 16]])
    }

    @Test func pushesThatArriveTogetherShareCommits() async throws {
        let fixture = try await Fixture()
        var pushes: [(SimulatedAgent, [UInt8])] = []
        for number in 1...40 {
            var agent = try await fixture.join("vpn\(number)")
            let id = try await agent.tell([publicKey(number)])[0]
            pushes.append((agent, try agent.batch([WireRow(credential: id, up: 3, down: 4)])))
        }
        // One of them diverges and must fail alone.
        var cloned = pushes[0].0
        cloned.digest = [UInt8](repeating: 1, count: 32)
        let bad = try cloned.batch([])
        let failures = await withTaskGroup(of: Bool.self) { group in
            for (agent, batch) in pushes.dropFirst() {
                group.addTask { (try? await agent.push([batch]))?.applied != 1 }
            }
            group.addTask { [cloned] in (try? await cloned.push([bad])) == nil }
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(failures == 1)
        #expect(try await fixture.integer("SELECT SUM(uplink) FROM totals") == 39 * 3)
        let commits = await fixture.store.ingest.commits
        #expect(commits < 40, "\(commits) commits for 40 pushes")
    }

    /// A shut waits for the group that is being committed, so none is large.
    @Test func aGroupTakesNoFurtherPushOnceItIsLarge() async throws {
        let fixture = try await Fixture()
        var pushes: [(SimulatedAgent, [UInt8])] = []
        for number in 1...8 {
            var agent = try await fixture.join("vpn\(number)")
            let id = try await agent.tell([publicKey(number)])[0]
            let rows = (1...2_000).map { WireRow(credential: id, up: UInt64($0), down: 0) }
            pushes.append((agent, try agent.batch(rows)))
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (agent, batch) in pushes {
                group.addTask {
                    let receipt = try await agent.push([batch])
                    #expect(receipt.applied == 1)
                }
            }
            try await group.waitForAll()
        }
        #expect(await fixture.store.ingest.commits == 8)
        #expect(try await fixture.integer("SELECT SUM(uplink) FROM totals") == 16_000)
    }

    @Test func aTicketIsAnsweredByTheBatchThatCarriesIt() async throws {
        let fixture = try await Fixture()
        var agent = try await fixture.join()
        let ticket = try await fixture.store.askForReading(server: agent.server)
        try await agent.push([try agent.batch([])])
        #expect(try await fixture.store.server(agent.server).lastReading == Fixture.noon)
        let receipt = try await agent.push([try agent.batch([], ticket: UInt64(ticket))])
        #expect(receipt.ticketAnswered == ticket)
        // What was asked for just now is read, though nothing had changed.
        let read = try await fixture.store.server(agent.server).lastReading
        #expect(read == Fixture.noon + Fixture.second)
        // A ticket that nobody asked for answers nothing to come.
        let later = try await agent.push([try agent.batch([], ticket: 99)])
        #expect(later.ticketAnswered == ticket)
    }
}
