import Accounting
import AgentProtocol
import SwiftProtobuf
import Testing

@testable import Store

/// Credential ids, which are never given twice, and what agents hold of them (C6).
@Suite struct CredentialTests {
    private func assignments(
        _ agent: SimulatedAgent, _ named: [(key: Int, credential: UInt64)], newest: UInt64 = 0
    ) async throws -> [(id: UInt64, replaces: Bool)] {
        var inventory = WireInventory()
        inventory.meters = [.with { $0.name = "wireguard/wg0" }]
        inventory.newestCredential = newest
        inventory.keys = named.map { key, credential in
            .with {
                $0.meter = "wireguard/wg0"
                $0.key = publicKey(key)
                $0.credential = credential
                $0.present = true
            }
        }
        let receipt = try await agent.store.take(inventory, from: agent.call, now: Fixture.noon)
        return receipt.assignments.map { ($0.credential, $0.replaces) }
    }

    private func expect(
        _ found: [(id: UInt64, replaces: Bool)], _ ids: [UInt64], _ replaces: [Bool]
    ) {
        #expect(found.map(\.id) == ids)
        #expect(found.map(\.replaces) == replaces)
    }

    @Test func anIdThatAnAgentHoldsIsKeptWhereItIsFree() async throws {
        let fixture = try await Fixture()
        var agent = try await fixture.join()
        expect(
            try await assignments(agent, [(1, 0), (2, 7), (3, 5)]), [8, 7, 5],
            [false, false, false])
        // What comes next lies above all of them, and what is named rightly stays.
        expect(
            try await assignments(agent, [(4, 0), (2, 7), (1, 8)]), [9, 7, 8],
            [false, false, false])
        try await agent.push([try agent.batch([WireRow(credential: 5, up: 3, down: 4)])])
        let client = try await fixture.store.clients(ClientQuery()).first { $0.uplink == 3 }
        #expect(client?.credentials.map(\.id) == [5])
    }

    @Test func anIdThatAnotherKeyHasIsReplaced() async throws {
        let fixture = try await Fixture()
        let first = try await fixture.join()
        let second = try await fixture.join("vpn2")
        expect(try await assignments(first, [(1, 0), (2, 0)]), [1, 2], [false, false])
        // Another server's id, another key's of this server, and one that two keys name.
        expect(
            try await assignments(second, [(3, 1), (4, 9), (5, 9), (6, 3)]), [10, 9, 11, 3],
            [true, false, true, false])
        // A known key that is counted for an id of somebody else's, or one that nobody has.
        expect(
            try await assignments(second, [(3, 2), (4, 777), (5, 10)]), [10, 9, 11],
            [true, true, true])
        let owners = try await fixture.integers("SELECT id, server FROM credentials ORDER BY id")
        #expect(owners == [[1, 1], [2, 1], [3, 2], [9, 2], [10, 2], [11, 2]])
    }

    @Test func aNewIdLiesAboveAllThatTheAgentHolds() async throws {
        let fixture = try await Fixture()
        let agent = try await fixture.join()
        expect(
            try await assignments(agent, [(1, 0), (2, 7), (3, 0)], newest: 30), [31, 7, 32],
            [false, false, false])
        // One that lies below what was given already moves nothing.
        expect(try await assignments(agent, [(4, 0)], newest: 9), [33], [false])
        // An agent that names an id beyond what it says to hold.
        expect(
            try await assignments(agent, [(5, 0), (6, 41)], newest: 40), [42, 41], [false, false])
    }

    @Test(arguments: [1_000_034, UInt64(Int64.max), .max] as [UInt64])
    func noAgentMovesTheIdsOnAsFarAsItLikes(far: UInt64) async throws {
        let fixture = try await Fixture()
        let agent = try await fixture.join()
        expect(try await assignments(agent, [(1, 33)]), [33], [false])
        expect(try await assignments(agent, [(2, 0)], newest: far), [34], [false])
    }

    @Test(arguments: [1_000_003, UInt64(Int64.max), UInt64(Int64.max) + 1, .max] as [UInt64])
    func noAgentUsesTheIdsUp(far: UInt64) async throws {
        let fixture = try await Fixture()
        let agent = try await fixture.join()
        _ = try await assignments(agent, [(1, 0), (2, 0)])
        expect(try await assignments(agent, [(3, far), (4, 0)]), [3, 4], [true, false])
        expect(try await assignments(agent, [(5, 1_000_004)]), [1_000_004], [false])
    }

    @Test func aRetiredIdIsNotGivenAgainAndItsLateBytesAreItsOwn() async throws {
        let fixture = try await Fixture()
        var agent = try await fixture.join()
        let old = try await agent.tell([publicKey(1)])[0]
        let late = try agent.batch([WireRow(credential: old, up: 10, down: 1)])
        try await fixture.store.database.write { session in
            _ = try session.execute("UPDATE credentials SET retired_at = 5", [])
        }
        let new = try await agent.tell([publicKey(1)])[0]
        #expect(new != old)
        expect(try await assignments(agent, [(1, UInt64(old))]), [UInt64(new)], [false])
        expect(try await assignments(agent, [(2, UInt64(old))]), [UInt64(new) + 1], [true])
        let next = try agent.batch([WireRow(credential: new, up: 5, down: 0)])
        try await agent.push([late, next])
        #expect(
            try await fixture.integers("SELECT credential, uplink FROM totals ORDER BY credential")
                == [[old, 10], [new, 5], [new + 1, 0]])
        #expect(try await fixture.integer("SELECT COUNT(*) FROM quarantine") == 0)
    }

    @Test func usageStaysWithTheClientItWasBookedFor() async throws {
        let fixture = try await Fixture()
        var agent = try await fixture.join()
        let ids = try await agent.tell([publicKey(1), publicKey(2)])
        try await agent.push([try agent.batch([WireRow(credential: ids[0], up: 10, down: 0)])])
        try await fixture.store.database.write { session in
            _ = try session.execute("UPDATE credentials SET client = 2 WHERE id = 1", [])
        }
        try await agent.push([try agent.batch([WireRow(credential: ids[0], up: 14, down: 0)])])
        #expect(
            try await fixture.integers("SELECT client, uplink FROM usage_hours ORDER BY client")
                == [[1, 10], [2, 4]])
    }

    @Test func aClientOfADeletedOnesNameInheritsNothing() async throws {
        let fixture = try await Fixture()
        var agent = try await fixture.join()
        let old = try await agent.tell([publicKey(1)], names: ["alice"])[0]
        try await agent.push([try agent.batch([WireRow(credential: old, up: 10, down: 0)])])
        _ = try await fixture.store.delete(client: 1, now: Fixture.noon)
        let ids = try await agent.tell([publicKey(2), publicKey(1)], names: ["alice", "alice"])
        #expect(ids[1] == old && ids[0] != old)
        let clients = try await fixture.store.clients(ClientQuery())
        #expect(clients.map(\.name) == ["alice"])
        #expect(clients.map(\.uplink) == [0] && clients.map(\.isShut) == [false])
        #expect(clients.flatMap(\.credentials).map(\.desired) == [.open])
        // What is late of the deleted one is booked, for the one that it was.
        try await agent.push([try agent.batch([WireRow(credential: old, up: 11, down: 0)])])
        #expect(try await fixture.store.client(2).uplink == 0)
        let held = try await fixture.store.credentials(ids: [old])
        #expect(held.map(\.uplink) == [11] && held.map(\.desired) == [.deleted])
    }
}
