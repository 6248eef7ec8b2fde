import AgentProtocol
import SwiftProtobuf
import Testing

@testable import Store

@Suite struct KnownCountersTests {
    @Test func aNewLedgerHearsWhatWasLastBooked() async throws {
        let fixture = try await Fixture()
        var agent = try await fixture.join()
        var other = try await fixture.join("vpn2")
        let foreign = try await other.tell([publicKey(9)])[0]
        try await other.push([try other.batch([WireRow(credential: foreign, up: 9, down: 9)])])
        let ids = try await agent.tell([publicKey(1), publicKey(2), publicKey(3)])
        let rows = ids.map { WireRow(credential: $0, up: UInt64($0) * 10, down: 5) }
        try await agent.push([try agent.batch(rows)])
        try await agent.push([try agent.batch([WireRow(credential: ids[1], up: 31, down: 6)])])
        try await fixture.store.database.write { session in
            _ = try session.execute(
                "UPDATE credentials SET retired_at = 1 WHERE id = $1", [.integer(ids[2])])
        }
        let anew = try await fixture.rejoin(agent.server)
        let known = try await fixture.store.knownCounters(server: anew.server, after: 0)
        #expect(known.counters.map(\.credential) == ids.prefix(2).map { UInt64($0) })
        #expect(known.counters.map(\.uplink) == [UInt64(ids[0]) * 10, 31])
        #expect(known.counters.map(\.downlink) == [5, 6])
        #expect(known.counters.map(\.key) == [publicKey(1), publicKey(2)])
        #expect(known.counters.allSatisfy { $0.meter == "wireguard/wg0" && $0.part.isEmpty })
        #expect(known.counters.allSatisfy { $0.incarnation == "kernel:one" })
        #expect(known.next == 0)
        #expect(known.lastReading == agent.clock(Fixture.noon))
        #expect(known.meters == ["wireguard/wg0"])
    }

    @Test func aServerThatWasNeverReadKnowsNothing() async throws {
        let fixture = try await Fixture()
        let agent = try await fixture.join()
        let known = try await fixture.store.knownCounters(server: agent.server, after: 0)
        #expect(known.counters.isEmpty && known.meters.isEmpty && !known.hasLastReading)
        await #expect(throws: StoreError.self) {
            try await fixture.store.knownCounters(server: 99, after: 0)
        }
    }

    @Test(arguments: [1, 2, 3, 4, 5, 7, 100])
    func pagesBreakBetweenCredentials(limit: Int) async throws {
        let fixture = try await Fixture()
        var agent = try await fixture.join()
        let ids = try await agent.tell((1...4).map(publicKey))
        agent.sequence += 1
        var batch = agent.draft([])
        for (id, parts) in zip(ids, [1, 3, 1, 2]) {
            batch.rows.append(WireRow(credential: id, up: 1, down: 1))
            batch.rows.counters[batch.rows.counters.count - 1] = UInt32(parts)
            for part in 1..<max(parts, 1) {
                batch.rows.part.append("part\(part)")
                batch.rows.incarnation.append(0)
                batch.rows.rawUplink.append(UInt64(part))
                batch.rows.rawDownlink.append(0)
            }
        }
        try await agent.push([try batch.serializedBytes()])
        var after: Int64 = 0
        var found: [String] = []
        repeat {
            let page = try await fixture.store.knownCounters(
                server: agent.server, after: after, limit: limit)
            found += page.counters.map { "\($0.credential)\($0.part)" }
            after = Int64(page.next)
        } while after != 0
        #expect(found == ["1", "2", "2part1", "2part2", "3", "4", "4part1"])
    }
}
