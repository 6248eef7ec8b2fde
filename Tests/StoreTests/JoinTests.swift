import AgentProtocol
import Testing

@testable import Store

@Suite struct JoinTests {
    private let token = [UInt8](repeating: 3, count: 32)

    private func waiting(reusable: Bool = false) async throws -> (Fixture, Int64) {
        let fixture = try await Fixture()
        let server = try await fixture.store.addServer(name: "vpn1", now: 1).id
        _ = try await fixture.store.addJoinToken(
            JoinOffer(hash: token, isReusable: reusable, expiresAt: 100), server: server, now: 1)
        return (fixture, server)
    }

    @Test func theSameTokenAndSecretGetTheSameAnswer() async throws {
        let (fixture, server) = try await waiting()
        let agent = SimulatedAgent(store: fixture.store, server: server)
        for now in [Int64(50), 5000] {
            let answer = try await fixture.store.join(agent.joinRequest(token: token), now: now)
            #expect(answer.id == server && answer.name == "vpn1")
        }
        #expect(try await fixture.integer("SELECT COUNT(*) FROM ledgers") == 1)
        #expect(try await fixture.store.agent(server: server)?.secretHash == agent.secretHash)
    }

    @Test func anotherSecretOnAUsedTokenIsRefused() async throws {
        let (fixture, server) = try await waiting()
        let agent = SimulatedAgent(store: fixture.store, server: server)
        _ = try await fixture.store.join(agent.joinRequest(token: token), now: 50)
        let thief = SimulatedAgent(store: fixture.store, server: server)
        let error = await #expect(throws: StoreError.self) {
            try await fixture.store.join(thief.joinRequest(token: token), now: 51)
        }
        #expect(error?.code == .conflict)
        #expect(try await fixture.store.agent(server: server)?.secretHash == agent.secretHash)
    }

    @Test func unknownAndOldTokensAreRefused() async throws {
        let (fixture, server) = try await waiting()
        let agent = SimulatedAgent(store: fixture.store, server: server)
        for (token, now, reason) in [
            ([UInt8](repeating: 4, count: 32), Int64(50), "token_unknown"),
            (token, 100, "token_expired"),
        ] {
            let error = await #expect(throws: StoreError.self) {
                try await fixture.store.join(agent.joinRequest(token: token), now: now)
            }
            #expect(error?.code == .forbidden && error?.reason == reason)
        }
        #expect(try await fixture.integer("SELECT COUNT(*) FROM ledgers") == 0)
    }

    @Test func aReusableTokenMakesAServerOfEachHost() async throws {
        let (fixture, server) = try await waiting(reusable: true)
        var names: [String] = []
        for _ in 0..<3 {
            let agent = SimulatedAgent(store: fixture.store, server: server)
            names.append(
                try await fixture.store.join(agent.joinRequest(token: token), now: 50).name)
        }
        #expect(names == ["vpn1", "vpn1-2", "vpn1-3"])
    }

    @Test func aLedgerJoinsOnce() async throws {
        let (fixture, server) = try await waiting()
        let agent = SimulatedAgent(store: fixture.store, server: server)
        var request = agent.joinRequest(token: token)
        _ = try await fixture.store.join(request, now: 50)
        let second = [UInt8](repeating: 5, count: 32)
        _ = try await fixture.store.addJoinToken(
            JoinOffer(hash: second, isReusable: false, expiresAt: 100), server: server, now: 1)
        request.tokenHash = second
        request.secretHash = [UInt8](repeating: 6, count: 32)
        let error = await #expect(throws: StoreError.self) {
            try await fixture.store.join(request, now: 60)
        }
        #expect(error?.reason == "ledger_cloned")
        #expect(try await fixture.store.agent(server: server)?.secretHash == agent.secretHash)
    }

    @Test func aStartGoesOnlyForwardAndHasOneInstance() async throws {
        let (fixture, server) = try await waiting()
        let agent = SimulatedAgent(store: fixture.store, server: server)
        _ = try await fixture.store.join(agent.joinRequest(token: token), now: 50)
        let (one, two) = ([UInt8](repeating: 1, count: 16), [UInt8](repeating: 2, count: 16))
        let calls: [(Int64, [UInt8], Bool)] = [
            (3, one, true), (3, one, true), (3, two, false), (2, one, false), (4, two, true),
            (3, one, false), (4, two, true),
        ]
        for (start, instance, isFine) in calls {
            let held = try #require(try await fixture.store.agent(server: server))
            let call = AgentCall(
                server: server, ledger: agent.ledger, start: start, instance: instance)
            let isAccepted = (try? await fixture.store.accept(call, held: held)) != nil
            #expect(isAccepted == isFine, "start \(start)")
        }
    }

    @Test(arguments: ["", "-a", ".a", "a b", "a/b", "ä", String(repeating: "a", count: 64)])
    func whatIsNoNameForAServerIsRefused(name: String) async throws {
        let fixture = try await Fixture()
        let error = await #expect(throws: StoreError.self) {
            try await fixture.store.addServer(name: name, now: 1)
        }
        #expect(error?.code == .invalid)
    }

    @Test func aRemovedServersNameIsFreeAndItsAgentIsShutOut() async throws {
        let fixture = try await Fixture()
        var agent = try await fixture.join()
        let id = try await agent.tell([publicKey(1)])[0]
        try await agent.push([try agent.batch([WireRow(credential: id, up: 5, down: 6)])])
        await #expect(throws: StoreError.self) { try await fixture.join() }
        try await fixture.store.removeServer(agent.server, now: Fixture.noon)
        #expect(try await fixture.store.agent(server: agent.server) == nil)
        let batch = try agent.batch([WireRow(credential: id, up: 9, down: 9)])
        await #expect(throws: StoreError.self) { try await agent.push([batch]) }
        let anew = try await fixture.join()
        #expect(anew.server != agent.server)
        // What was counted stays.
        let client = try #require(try await fixture.store.clients(ClientQuery()).first)
        #expect(client.uplink == 5)
        #expect(try await fixture.store.credentials(limit: 9).isEmpty)
    }
}
