import Accounting
import AgentProtocol
import SwiftProtobuf
import Testing

@testable import Store

/// A controller put back from an old backup, beside agents that were told more (C8).
@Suite struct RecoveryTests {
    /// What an agent holds of its desired state.
    struct Holding {
        var set = WireDesiredSet()

        init(_ state: DesiredState) {
            set.revision = UInt64(state.revision)
            set.digest = .init(state.digest)
            set.entries = state.entries.map { .init($0) }
        }

        var revision: Int64 { Int64(set.revision) }
        var digest: [UInt8] { [UInt8](set.digest) }
    }

    /// Clients 1 to 5 at the backup, of which 1, 2 and 5 are shut. Since then 1 was let in, 3 shut,
    /// 4 deleted; 6 came and was shut, 7 came, 8 came and was deleted.
    private func lost() async throws -> (Fixture, SimulatedAgent, Holding) {
        let fixture = try await Fixture()
        let store = fixture.store
        var agent = try await fixture.join()
        agent.tellsNewest = true
        try await agent.accept()
        _ = try await agent.tell((1...5).map(publicKey))
        try await agent.push([try agent.batch([WireRow(credential: 1, up: 10, down: 0)])])
        for client in [1, 2, 5] as [Int64] { _ = try await store.revoke(client: client, now: 1) }
        let copy = try fixture.backup()
        _ = try await store.restore(client: 1, now: 2)
        _ = try await store.revoke(client: 3, now: 2)
        _ = try await store.delete(client: 4, now: 2)
        _ = try await agent.tell((6...8).map(publicKey))
        _ = try await store.revoke(client: 6, now: 2)
        _ = try await store.delete(client: 8, now: 2)
        let rows = [1, 6, 7].map { WireRow(credential: $0, up: UInt64($0) * 100, down: 0) }
        try await agent.push([try agent.batch(rows)])
        let holding = Holding(try await store.desired(server: agent.server, after: 0, digest: []))
        agent.store = try await Store.open(path: copy)
        agent.fixture = fixture
        return (fixture, agent, holding)
    }

    private func desired(_ agent: SimulatedAgent, _ held: Holding) async throws -> DesiredState {
        try await agent.store.desired(
            server: agent.server, after: held.revision, digest: held.digest)
    }

    private func entries(_ state: DesiredState) throws -> [UInt64: WireAccess] {
        let entries = try state.entries.map { try WireDesiredEntry(serializedBytes: $0) }
        return Dictionary(uniqueKeysWithValues: entries.map { ($0.credential, $0.access) })
    }

    /// Sends the totals that the lost batches had.
    private func catchUp(_ agent: inout SimulatedAgent) async throws -> PushReceipt {
        let applied = try await agent.push([]).appliedDigest
        let rows = [1, 6, 7].map {
            (WireRow(credential: $0, up: UInt64($0) * 100, down: 0), Fixture.noon)
        }
        return try await agent.push([
            try agent.catchUp(after: applied, isComplete: true, rows: rows)
        ])
    }

    @Test func everyShutAndTombstoneIsTakenOverAndNothingIsOpened() async throws {
        let (_, agent, held) = try await lost()
        let store = agent.store
        #expect(try await desired(agent, held).wantsSet)
        try await store.beginRecovery(of: agent.server, now: Fixture.noon)
        var server = try await store.server(agent.server)
        #expect(server.wantsSet && server.recoveringSince == Fixture.noon)
        let receipt = try await store.adopt(held.set, from: agent.call, now: Fixture.noon)
        #expect(receipt.revision == held.revision + 1 && receipt.applied.sequence == 1)
        let whole = try await desired(agent, held)
        #expect(whole.isWhole && whole.revision == receipt.revision)
        #expect(
            try entries(whole) == [
                1: .shut, 2: .shut, 3: .shut, 4: .deleted, 5: .shut, 6: .shut, 8: .deleted,
            ])
        var sum = SetDigest()
        for entry in whole.entries { sum.insert(entry) }
        #expect(sum.bytes == whole.digest)
        let next = Holding(whole)
        let nothing = try await desired(agent, next)
        #expect(!nothing.isWhole && !nothing.wantsSet && nothing.entries.isEmpty)
        server = try await store.server(agent.server)
        #expect(!server.wantsSet && server.recoveringSince != 0)
        #expect(server.reopened.map(\.client) == [1])
        // The same set again, as after a lost answer, changes nothing.
        #expect(try await store.adopt(held.set, from: agent.call, now: 9) == receipt)
        // Who was revoked is shut as a client, too; who was deleted is one no more.
        let clients = try await store.clients(ClientQuery())
        #expect(clients.flatMap { $0.credentials.map(\.id) } == [1, 2, 3, 5, 6])
        #expect(clients.allSatisfy { $0.isShut })
        // What the agent tells of its keys finds the credentials that it holds.
        let ids = try await agent.tell((6...9).map(publicKey), names: ["six", "seven"])
        #expect(ids == [6, 9, 8, 10])
        #expect(try await store.clients(ClientQuery()).map(\.name).contains("six"))
    }

    @Test func anOpeningWaitsUntilTheUsageIsCaughtUp() async throws {
        var (_, agent, held) = try await lost()
        let store = agent.store
        _ = try await store.adopt(held.set, from: agent.call, now: Fixture.noon)
        let before = try await store.server(agent.server).revision
        let receipt = try await store.restore(client: 2, now: Fixture.noon)
        #expect(receipt.servers.isEmpty && receipt.credentials == [2])
        var credential = try #require(try await store.credentials(ids: [2]).first)
        #expect(credential.isPostponed && credential.isPending && credential.desired == .open)
        #expect(try await store.server(agent.server).revision == before)
        var query = ClientQuery()
        query.status = .init(isShut: false, isPending: true)
        #expect(try await store.clients(query).map(\.id) == [2])
        // One that is taken back while it waits is not opened.
        _ = try await store.restore(client: 5, now: Fixture.noon)
        #expect(try await store.revoke(client: 5, now: Fixture.noon).servers.isEmpty)
        // A revoke does not wait.
        #expect(try await store.revoke(client: 2, now: Fixture.noon).servers.isEmpty)
        _ = try await store.restore(client: 2, now: Fixture.noon)
        let caughtUp = try await catchUp(&agent)
        #expect(caughtUp.hasOpened && caughtUp.revision == before + 1)
        credential = try #require(try await store.credentials(ids: [2]).first)
        #expect(!credential.isPostponed && credential.desired == .open)
        let open = try entries(try await desired(agent, held)).filter { $0.value == .open }
        #expect(open.map(\.key) == [2])
        let server = try await store.server(agent.server)
        #expect(server.recoveringSince == 0 && !server.hasGap)
        #expect(server.reopened.map(\.client) == [1])
        #expect(server.uplink == 700)
        #expect(try await store.restore(client: 3, now: Fixture.noon).servers == [agent.server])
    }

    @Test(arguments: [true, false])
    func whatWasOpenedSinceIsListedUntilAnOperatorDecides(isRestored: Bool) async throws {
        var (_, agent, held) = try await lost()
        let store = agent.store
        _ = try await store.adopt(held.set, from: agent.call, now: Fixture.noon)
        _ = try await catchUp(&agent)
        #expect(try await store.credentials(ids: [1]).map(\.isReopened) == [true])
        if isRestored {
            #expect(try await store.restore(client: 1, now: 5).servers == [agent.server])
        } else {
            _ = try await store.revoke(client: 1, now: 5)
        }
        #expect(try await store.server(agent.server).reopened.isEmpty)
        let held1 = try await store.credentials(ids: [1])
        #expect(held1.map(\.isReopened) == [false])
        #expect(held1.map(\.desired) == [isRestored ? .open : .shut])
    }

    @Test func aControllerWithoutAGapOpensAtOnce() async throws {
        var (fixture, agent, _) = try await lost()
        // Nothing was counted since: what the agent made last is what this store has.
        agent.store = try await Store.open(path: try fixture.backup())
        let state = try await agent.store.desired(server: agent.server, after: 0, digest: [])
        var held = Holding(state)
        held.set.revision += 50
        _ = try await agent.store.adopt(held.set, from: agent.call, now: 1)
        #expect(try await agent.store.server(agent.server).recoveringSince == 0)
        #expect(
            try await agent.store.restore(client: 2, now: 5).servers == [agent.server])
    }

    @Test func anOpeningMadeBeforeTheAgentCalledYieldsToANewerShutAndWaitsForTheRest() async throws
    {
        var (_, agent, held) = try await lost()
        let store = agent.store
        // 3 is open here and shut there; 2 and 5 are shut in both, and let in here since.
        for client in [2, 5] as [Int64] { _ = try await store.restore(client: client, now: 5) }
        // However far this store's revisions have come by themselves.
        for _ in 1...10 {
            _ = try await store.revoke(client: 5, now: 5)
            _ = try await store.restore(client: 5, now: 6)
        }
        #expect(try await desired(agent, held).wantsSet)
        _ = try await store.adopt(held.set, from: agent.call, now: Fixture.noon)
        let whole = try await desired(agent, held)
        #expect(try entries(whole).values.allSatisfy { $0 != .open })
        #expect(whole.revision > held.revision && whole.revision > 25)
        let opened = try await catchUp(&agent)
        #expect(opened.hasOpened)
        let open = try entries(try await desired(agent, held)).filter { $0.value == .open }
        #expect(open.keys.sorted() == [2, 5])
    }

    @Test func aSetThatContradictsItselfIsRefusedAndChangesNothing() async throws {
        let (_, agent, held) = try await lost()
        let spoilers: [(inout WireDesiredSet) -> Void] = [
            { $0.digest = .init([UInt8](repeating: 1, count: 32)) },
            { $0.digest = .init([UInt8]()) },
            { $0.entries.removeLast() }, { $0.entries.append($0.entries[0]) },
            { $0.entries[0] = .init([0xff, 0xff]) }, { $0.entries[0] = .init([UInt8]()) },
            { $0.revision = 1 << 62 },
            { set in
                var entry = WireDesiredEntry()
                entry.credential = 1
                entry.revision = .max
                set = Self.set([entry])
            },
            { $0.entries = .init(repeating: $0.entries[0], count: 50_001) },
        ]
        for (index, spoil) in spoilers.enumerated() {
            var set = held.set
            spoil(&set)
            let error = await #expect(throws: StoreError.self, "\(index)") {
                try await agent.store.adopt(set, from: agent.call, now: 1)
            }
            #expect(error?.code == .invalid, "\(index)")
        }
        #expect(try await agent.store.server(agent.server).revision == 3)
    }

    private static func set(_ entries: [WireDesiredEntry], revision: UInt64 = 90) -> WireDesiredSet
    {
        var sum = SetDigest()
        var set = WireDesiredSet()
        for entry in entries {
            guard let bytes: [UInt8] = try? entry.serializedBytes() else { continue }
            sum.insert(bytes)
            set.entries.append(.init(bytes))
        }
        set.revision = revision
        set.digest = .init(sum.bytes)
        return set
    }

    @Test func anEntryOfAnotherServersCredentialShutsItsOwnKeyAlone() async throws {
        let (fixture, agent, _) = try await lost()
        let store = fixture.store
        let other = try await fixture.join("vpn2")
        let foreign = try await other.tell([publicKey(50)])[0]
        let names = [publicKey(51), publicKey(3), "no key", publicKey(52)]
        let set = Self.set(
            names.enumerated().map { index, key in
                .with {
                    $0.credential = UInt64(foreign) + UInt64(index * 40)
                    $0.meter = index == 3 ? "nonsense" : "wireguard/wg0"
                    $0.key = key
                    $0.revision = 80
                    $0.access = .shut
                }
            })
        var caller = agent
        caller.store = store
        _ = try await store.adopt(set, from: caller.call, now: 1)
        let credentials = try await store.credentials(limit: 99)
        #expect(credentials.first { $0.id == foreign }?.desired == .open)
        let made = try #require(credentials.first { $0.key == publicKey(51) })
        #expect(made.id != foreign && made.server == agent.server && made.desired == .shut)
        #expect(!made.isPresent && made.clientName == String(publicKey(51).prefix(8)))
        // A key that is known under another id is shut under its own.
        #expect(credentials.filter { $0.key == publicKey(3) }.map(\.desired) == [.shut])
        #expect(try await store.client(made.client).isShut)
    }

    @Test func aKnownPairEndsTheQuestion() async throws {
        let (fixture, agent, held) = try await lost()
        let store = fixture.store
        var caller = agent
        caller.store = store
        try await store.beginRecovery(of: agent.server, now: 7)
        #expect(try await store.restore(client: 2, now: 8).servers.isEmpty)
        let known = try await desired(caller, held)
        #expect(!known.wantsSet)
        #expect(try await store.endQuestion(caller.call, now: 9))
        let server = try await store.server(agent.server)
        #expect(server.recoveringSince == 0 && !server.wantsSet)
        #expect(try await store.credentials(ids: [2]).map(\.desired) == [.open])
    }

    @Test func aJoinEndsTheWait() async throws {
        let (fixture, agent, held) = try await lost()
        let store = fixture.store
        try await store.beginRecovery(of: agent.server, now: 7)
        _ = try await store.restore(client: 2, now: 8)
        _ = try await fixture.rejoin(agent.server)
        #expect(try await store.server(agent.server).recoveringSince == 0)
        #expect(try await store.credentials(ids: [2]).map(\.isPostponed) == [false])
        let error = await #expect(throws: StoreError.self) {
            try await store.adopt(held.set, from: agent.call, now: 9)
        }
        #expect(error?.reason == "ledger_closed")
    }

    @Test func aTombstoneIsNotOpenedWithItsClient() async throws {
        let fixture = try await Fixture()
        let agents = [try await fixture.join(), try await fixture.join("vpn2")]
        for agent in agents { _ = try await agent.tell([publicKey(1)]) }
        let entry = WireDesiredEntry.with {
            $0.credential = 1
            $0.meter = "wireguard/wg0"
            $0.key = publicKey(1)
            $0.revision = 5
            $0.access = .deleted
        }
        _ = try await fixture.store.adopt(Self.set([entry]), from: agents[0].call, now: 1)
        _ = try await fixture.store.revoke(client: 1, now: 2)
        #expect(try await fixture.store.restore(client: 1, now: 3).servers == [agents[1].server])
        let credentials = try await fixture.store.credentials(limit: 9)
        #expect(credentials.map(\.desired) == [.deleted, .open])
    }
}
