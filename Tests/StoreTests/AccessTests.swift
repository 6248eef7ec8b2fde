import Accounting
import AgentProtocol
import SwiftProtobuf
import Testing

@testable import Store

@Suite struct AccessTests {
    /// A server with clients, one for each key.
    private func fleet(_ keys: Int) async throws -> (Fixture, SimulatedAgent, [Int64]) {
        let fixture = try await Fixture()
        let agent = try await fixture.join()
        _ = try await agent.tell((1...keys).map(publicKey))
        return (fixture, agent, try await fixture.store.clients(ClientQuery()).map(\.id))
    }

    private func outcome(
        _ number: UInt64, revision: UInt64, exceptions: [(UInt64, String)] = []
    ) -> WireOutcomes {
        .with {
            $0.number = number
            $0.revision = revision
            $0.exceptions = exceptions.map { id, code in
                .with {
                    $0.credential = id; $0.code = code; $0.detail = "because"
                }
            }
        }
    }

    @Test func theDigestFollowsEveryChange() async throws {
        let (fixture, agent, clients) = try await fleet(5)
        let store = fixture.store
        var held: [UInt64: [UInt8]] = [:]
        var (after, digest): (Int64, [UInt8]) = (0, SetDigest().bytes)
        for step in 0..<30 {
            let client = clients[step * 7 % 5]
            if step % 3 == 0 {
                _ = try await store.restore(client: client, now: Fixture.noon)
            } else {
                _ = try await store.revoke(client: client, now: Fixture.noon)
            }
            guard step % 2 == 0 else { continue }
            let desired = try await store.desired(
                server: agent.server, after: after, digest: digest)
            #expect(!desired.isWhole)
            for bytes in desired.entries {
                let entry = try WireDesiredEntry(serializedBytes: bytes)
                #expect(entry.revision > UInt64(after))
                held[entry.credential] = bytes
            }
            var sum = SetDigest()
            for bytes in held.values { sum.insert(bytes) }
            #expect(sum.bytes == desired.digest)
            (after, digest) = (desired.revision, desired.digest)
        }
        #expect(after > 5)
    }

    @Test func anUnknownPairIsAskedForItsSetAndAForgottenOneGetsTheWhole() async throws {
        let (fixture, agent, clients) = try await fleet(3)
        for client in clients { _ = try await fixture.store.revoke(client: client, now: 1) }
        func desired(_ after: Int64, _ digest: [UInt8]) async throws -> DesiredState {
            try await fixture.store.desired(server: agent.server, after: after, digest: digest)
        }
        let other = [UInt8](repeating: 1, count: 32)
        for (after, digest) in [(2, other), (99, SetDigest().bytes), (4, other), (1, [])] {
            let state = try await desired(Int64(after), digest)
            #expect(state.wantsSet && state.entries.isEmpty, "\(after)")
        }
        try await fixture.store.database.write { session in
            _ = try session.execute("DELETE FROM desired_history WHERE revision < 3", [])
        }
        for (after, digest) in [(0, other), (-5, []), (1, other), (2, [])] {
            let state = try await desired(Int64(after), digest)
            #expect(state.isWhole && !state.wantsSet && state.entries.count == 3, "\(after)")
        }
        let fresh = try await fixture.store.desired(server: agent.server, after: 0, digest: [])
        #expect(!fresh.isWhole && fresh.entries.count == 3)
    }

    @Test func askingForWhatIsSoChangesNoRevision() async throws {
        let (fixture, agent, clients) = try await fleet(1)
        let restored = try await fixture.store.restore(client: clients[0], now: 1)
        #expect(restored.servers.isEmpty)
        _ = try await fixture.store.revoke(client: clients[0], now: 1)
        let again = try await fixture.store.revoke(client: clients[0], now: 2)
        #expect(again.servers.isEmpty && again.credentials.count == 1)
        #expect(try await fixture.store.server(agent.server).revision == 1)
    }

    @Test func aCredentialIsPendingUntilItsOutcome() async throws {
        let (fixture, agent, clients) = try await fleet(2)
        let receipt = try await fixture.store.revoke(client: clients[0], now: Fixture.noon)
        #expect(receipt.servers == [agent.server])
        var credential = try #require(
            try await fixture.store.credentials(ids: receipt.credentials).first)
        #expect(credential.isPending)
        let later = Fixture.noon + 1_500_000
        #expect(
            try await fixture.store.apply(outcome(1, revision: 1), from: agent.call, now: later)
                == 1)
        credential = try #require(
            try await fixture.store.credentials(ids: receipt.credentials).first)
        #expect(!credential.isPending)
        #expect(credential.latency == 1_500_000)
        #expect(try await fixture.store.server(agent.server).enforcedRevision == 1)
    }

    @Test func exceptionsStandUntilTheNextStateLeavesThemOut() async throws {
        let (fixture, agent, clients) = try await fleet(2)
        let store = fixture.store
        let ids = try await store.credentials(limit: 9).map(\.id)
        for client in clients { _ = try await store.revoke(client: client, now: Fixture.noon) }
        let excepted = outcome(
            1, revision: 2, exceptions: [(UInt64(ids[0]), "failed"), (UInt64(ids[1]), "gone")])
        _ = try await store.apply(excepted, from: agent.call, now: Fixture.noon + 1)
        var held = try await store.credentials(limit: 9)
        #expect(held.map(\.isPending) == [true, false])
        #expect(held.map(\.exceptionCode) == ["failed", "gone"])
        _ = try await store.apply(outcome(2, revision: 2), from: agent.call, now: Fixture.noon + 5)
        held = try await store.credentials(limit: 9)
        #expect(held.map(\.isPending) == [false, false])
        #expect(held.map(\.exceptionCode) == ["", ""])
    }

    @Test(arguments: [(true, "failed"), (true, "observe"), (false, "address_taken")])
    func whatHoldsNoLongerIsPendingAgain(isShut: Bool, code: String) async throws {
        let (fixture, agent, clients) = try await fleet(1)
        let store = fixture.store
        let receipt = try await store.revoke(client: clients[0], now: 1)
        if !isShut { _ = try await store.restore(client: clients[0], now: 2) }
        let revision: UInt64 = isShut ? 1 : 2
        var query = ClientQuery()
        query.status = .init(isShut: isShut, isPending: true)
        func check(_ isPending: Bool, _ code: String) async throws {
            let held = try await store.credentials(ids: receipt.credentials)
            #expect(held.map(\.isPending) == [isPending], "\(code)")
            #expect(held.map(\.exceptionCode) == [code])
            #expect(try await store.clients(query).count == (isPending ? 1 : 0))
        }
        let id = UInt64(receipt.credentials[0])
        let steps = [("", false), ("unread", false), (code, true), ("unread", true), ("", false)]
        for (index, (code, isPending)) in steps.enumerated() {
            let exceptions = code.isEmpty ? [] : [(id, code)]
            let state = outcome(UInt64(index + 1), revision: revision, exceptions: exceptions)
            _ = try await store.apply(state, from: agent.call, now: Int64(index * 100 + 100))
            try await check(isPending, code)
        }
        // It was asked for anew when it was found to hold no longer.
        #expect(try await store.credentials(ids: receipt.credentials).map(\.latency) == [200])
    }

    @Test func aShutKeyThatIsGoneIsOutThoughItCannotBeReadLater() async throws {
        let (fixture, agent, clients) = try await fleet(1)
        let store = fixture.store
        let id = UInt64(try await store.revoke(client: clients[0], now: 1).credentials[0])
        for (number, code) in [(1, "gone"), (2, "unread")] as [(UInt64, String)] {
            let state = outcome(number, revision: 1, exceptions: [(id, code)])
            _ = try await store.apply(state, from: agent.call, now: 5)
            #expect(try await store.credentials(limit: 9).map(\.isPending) == [false])
        }
    }

    @Test func aRemovalsUnwatchedTimeIsKeptUntilTheNextShut() async throws {
        let (fixture, agent, clients) = try await fleet(1)
        let store = fixture.store
        func report(_ number: UInt64, _ revision: UInt64, window: UInt64) async throws -> Int64? {
            var state = outcome(number, revision: revision)
            state.enforced = [
                .with {
                    $0.credential = 1; $0.revision = revision; $0.took = 5; $0.window = window
                }
            ]
            _ = try await store.apply(state, from: agent.call, now: 9)
            return try await store.credentials(limit: 9).first?.unwatched
        }
        _ = try await store.revoke(client: clients[0], now: 1)
        #expect(try await report(1, 1, window: 0) == 0)
        #expect(try await report(2, 1, window: 350_000) == 350_000)
        _ = try await store.restore(client: clients[0], now: 2)
        #expect(try await report(3, 2, window: 0) == 350_000)
        _ = try await store.revoke(client: clients[0], now: 3)
        // What is said of an older revision is of another shut.
        #expect(try await report(4, 2, window: 7) == 350_000)
        #expect(try await report(5, 3, window: 0) == 0)
        #expect(try await report(6, 3, window: .max) == .max)
    }

    @Test func anOlderRevisionsStateProvesNothingOfANewerWish() async throws {
        let (fixture, agent, clients) = try await fleet(1)
        let store = fixture.store
        let id = UInt64(try await store.revoke(client: clients[0], now: 1).credentials[0])
        let failed = outcome(1, revision: 1, exceptions: [(id, "failed")])
        _ = try await store.apply(failed, from: agent.call, now: 2)
        _ = try await store.apply(outcome(2, revision: 0), from: agent.call, now: 3)
        let held = try await store.credentials(limit: 9)
        #expect(held.map(\.exceptionCode) == ["failed"] && held.map(\.isPending) == [true])
    }

    @Test func anOlderOrForeignStateChangesNothing() async throws {
        let (fixture, agent, clients) = try await fleet(1)
        let store = fixture.store
        let stranger = try await fixture.join("vpn2")
        _ = try await store.apply(outcome(5, revision: 0), from: agent.call, now: 2)
        let receipt = try await store.revoke(client: clients[0], now: 3)
        #expect(try await store.apply(outcome(4, revision: 1), from: agent.call, now: 4) == 5)
        _ = try await store.apply(outcome(9, revision: 1), from: stranger.call, now: 4)
        // A revision that this controller never gave proves nothing.
        #expect(try await store.apply(outcome(6, revision: 7), from: agent.call, now: 4) == 6)
        let foreign = outcome(10, revision: 0, exceptions: [(UInt64(receipt.credentials[0]), "x")])
        _ = try await store.apply(foreign, from: stranger.call, now: 4)
        let held = try await store.credentials(ids: receipt.credentials)
        #expect(held.map(\.isPending) == [true])
        #expect(held.map(\.exceptionCode) == [""])
    }

    @Test func aNewStartNumbersItsOutcomesAnew() async throws {
        let (fixture, first, clients) = try await fleet(1)
        let store = fixture.store
        try await first.accept()
        for number in 1...5 as ClosedRange<UInt64> {
            _ = try await store.apply(outcome(number, revision: 0), from: first.call, now: 2)
        }
        let receipt = try await store.revoke(client: clients[0], now: 3)
        var second = first
        second.start = 2
        try await second.accept()
        #expect(try await store.apply(outcome(1, revision: 1), from: second.call, now: 4) == 1)
        #expect(try await store.credentials(ids: receipt.credentials).map(\.isPending) == [false])
        // The same start again begins nothing anew.
        try await second.accept()
        #expect(try await store.apply(outcome(1, revision: 0), from: second.call, now: 5) == 1)
        #expect(try await store.server(first.server).enforcedRevision == 1)
    }

    @Test func aStartThatHasEndedSpeaksNoMore() async throws {
        let (fixture, first, _) = try await fleet(1)
        var second = first
        second.start = 2
        try await first.accept()
        try await second.accept()
        let error = await #expect(throws: StoreError.self) {
            try await fixture.store.apply(outcome(5, revision: 0), from: first.call, now: 3)
        }
        #expect(error?.code == .diverged)
        #expect(
            try await fixture.store.apply(outcome(1, revision: 0), from: second.call, now: 4) == 1)
    }

    @Test func aNewAgentHasToVerifyAnew() async throws {
        let (fixture, agent, clients) = try await fleet(1)
        let store = fixture.store
        let receipt = try await store.revoke(client: clients[0], now: 1)
        _ = try await store.apply(outcome(7, revision: 1), from: agent.call, now: 2)
        let anew = try await fixture.rejoin(agent.server, at: 1000)
        var held = try await store.credentials(ids: receipt.credentials)
        #expect(held.map(\.isPending) == [true])
        let desired = try await store.desired(server: agent.server, after: 0, digest: [])
        #expect(desired.entries.count == 1 && !desired.isWhole)
        _ = try await store.apply(outcome(1, revision: 1), from: anew.call, now: 1500)
        held = try await store.credentials(ids: receipt.credentials)
        #expect(held.map(\.isPending) == [false] && held.map(\.latency) == [500])
    }

    @Test func anotherServersShareStaysAsItIs() async throws {
        let fixture = try await Fixture()
        let first = try await fixture.join()
        let second = try await fixture.join("vpn2")
        for agent in [first, second] { _ = try await agent.tell([publicKey(1)]) }
        let client = try #require(try await fixture.store.clients(ClientQuery()).first?.id)
        let receipt = try await fixture.store.revoke(client: client, server: second.server, now: 1)
        #expect(receipt.servers == [second.server])
        let held = try #require(try await fixture.store.clients(ClientQuery()).first)
        #expect(held.credentials.map(\.desired) == [.open, .shut])
        #expect(!held.isShut)
    }

    @Test func whoIsNotThereIsNotFound() async throws {
        let (fixture, agent, clients) = try await fleet(1)
        let store = fixture.store
        _ = try await store.delete(client: clients[0], now: 1)
        for body in [
            { _ = try await store.client(clients[0]) },
            { _ = try await store.restore(client: clients[0], now: 1) },
            { _ = try await store.revoke(client: 99, now: 1) },
            { _ = try await store.server(99) },
            { try await store.removeToken(99) },
        ] as [() async throws -> Void] {
            let error = await #expect(throws: StoreError.self) { try await body() }
            #expect(error?.code == .notFound)
        }
        #expect(try await store.server(agent.server).revision == 1)
    }
}
