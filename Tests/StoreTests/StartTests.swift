import AgentProtocol
import SwiftProtobuf
import Testing

@testable import Store

/// Clones and rolled-back copies of a ledger, told apart by what they call with (A8).
@Suite struct StartTests {
    /// An agent whose third batch was applied, and its key's credential.
    private func running() async throws -> (Fixture, SimulatedAgent, Int64) {
        let fixture = try await Fixture()
        var agent = try await fixture.join()
        agent.tellsNewest = true
        agent.start = 5
        try await agent.accept()
        let id = try await agent.tell([publicKey(1)])[0]
        for up in 1...3 as ClosedRange<UInt64> {
            try await agent.push([try agent.batch([WireRow(credential: id, up: up, down: 0)])])
        }
        return (fixture, agent, id)
    }

    private func start(_ agent: SimulatedAgent, _ number: Int64) -> SimulatedAgent {
        var next = agent
        next.start = number
        next.instance = (0..<16).map { _ in UInt8.random(in: 0...255) }
        return next
    }

    private func expectCloned(_ body: () async throws -> Void) async throws {
        let error = await #expect(throws: StoreError.self) { try await body() }
        #expect(error?.code == .diverged && error?.reason == "ledger_cloned")
    }

    @Test(arguments: [0, 1, 2, 3] as [UInt64])
    func aRolledBackLedgerLocksNobodyOutHoweverOftenItStarts(sequence: UInt64) async throws {
        var (fixture, agent, id) = try await running()
        var clone = start(agent, 99)
        clone.sequence = sequence
        // At the same sequence it took another way.
        clone.digest = sequence == 0 ? [] : [UInt8](repeating: 1, count: 32)
        try await expectCloned { try await clone.accept() }
        #expect(try await fixture.integer("SELECT start_number FROM ledgers") == 5)
        #expect(try await agent.accept() == .current)
        let next = try agent.batch([WireRow(credential: id, up: 9, down: 0)])
        #expect(try await agent.push([next]).applied == 4)
    }

    @Test func aStartThatHoldsWhatWasAppliedGoesOn() async throws {
        let (_, agent, _) = try await running()
        let next = start(agent, 6)
        #expect(try await next.accept() == .current)
        #expect(try await next.accept() == .current)
        try await expectCloned { try await agent.accept() }
    }

    @Test func aStartWithBatchesToSendIsProvenByTheFirst() async throws {
        var (fixture, agent, id) = try await running()
        let batch = try agent.batch([WireRow(credential: id, up: 4, down: 0)])
        let next = start(agent, 6)
        #expect(try await next.accept() == .unproven)
        // Until then the one before goes on, and what the new one has verified is not believed.
        #expect(try await agent.accept() == .current)
        let outcomes = WireOutcomes.with { $0.number = 3 }
        #expect(try await fixture.store.apply(outcomes, from: next.call, now: 1) == 0)
        #expect(try await next.push([batch]).applied == 4)
        #expect(try await next.accept() == .current)
        #expect(try await fixture.store.apply(outcomes, from: next.call, now: 1) == 3)
        try await expectCloned { try await agent.accept() }
        try await expectCloned { try await agent.push([batch]) }
    }

    @Test func aCloneWhoseBatchesAnotherHasOvertakenIsRefusedForGood() async throws {
        var (fixture, agent, id) = try await running()
        var clone = start(agent, 6)
        var theirs: [[UInt8]] = []
        for up in [40, 50] as [UInt64] {
            theirs.append(try clone.batch([WireRow(credential: id, up: up, down: 0)]))
        }
        try await agent.push([try agent.batch([WireRow(credential: id, up: 4, down: 0)])])
        #expect(try await clone.accept() == .unproven)
        try await expectCloned { [clone, theirs] in try await clone.push(theirs) }
        try await expectCloned { try await clone.accept() }
        #expect(try await agent.accept() == .current)
        #expect(try await fixture.integers("SELECT uplink FROM totals") == [[4]])
        let server = try await fixture.store.server(agent.server)
        #expect(server.lastPush == Fixture.noon + Fixture.second)
        // The one that continues the chain does so still, over its own next start.
        let next = start(agent, 7)
        #expect(try await next.accept() == .current)
    }

    @Test func aStartBeyondAGapIsProvenByItsCatchUp() async throws {
        var (fixture, agent, id) = try await running()
        let applied = agent.digest
        for up in 4...9 as ClosedRange<UInt64> {
            _ = try agent.batch([WireRow(credential: id, up: up, down: 0)])
        }
        var next = start(agent, 8)
        #expect(try await next.accept() == .unproven)
        let beyond = try next.batch([WireRow(credential: id, up: 10, down: 0)])
        #expect(try await next.push([beyond]).applied == 3)
        #expect(try await next.accept() == .unproven)
        let rows = [(WireRow(credential: id, up: 10, down: 0), Fixture.noon)]
        let catchUp = try next.catchUp(after: applied, isComplete: true, rows: rows)
        #expect(try await next.push([catchUp]).applied == 11)
        #expect(try await next.accept() == .current)
        #expect(try await fixture.integers("SELECT uplink FROM totals") == [[10]])
    }

    @Test func anOlderAgentThatDoesNotSayGoesByItsStartAlone() async throws {
        var (_, agent, _) = try await running()
        agent.tellsNewest = false
        #expect(try await start(agent, 6).accept() == .current)
        try await expectCloned { try await agent.accept() }
    }

    @Test func theOperatorIsToldOfACloneUntilTheHostJoinsAnew() async throws {
        let (fixture, agent, _) = try await running()
        let store = fixture.store
        let minute = 60 * Fixture.second
        for (now, seen) in [(0, 0), (minute - 1, 0), (minute + 1, minute + 1)] {
            try await store.noteClone(server: agent.server, now: Fixture.noon + now)
            let told = try await store.server(agent.server).cloneSeenAt
            #expect(told == Fixture.noon + seen)
        }
        _ = try await fixture.rejoin(agent.server)
        #expect(try await store.server(agent.server).cloneSeenAt == 0)
    }

    @Test func aBatchOfTheOldLedgerIsNeverBookedAfterAJoin() async throws {
        var (fixture, agent, id) = try await running()
        let late = try agent.batch([WireRow(credential: id, up: 99, down: 99)])
        let anew = try await fixture.rejoin(agent.server)
        for call in [agent, anew] {
            let error = await #expect(throws: StoreError.self) { try await call.push([late]) }
            #expect(error?.code == .diverged && error?.reason == "ledger_closed")
        }
        #expect(try await fixture.integers("SELECT uplink FROM totals") == [[3]])
        #expect(try await fixture.integers("SELECT held_uplink FROM totals") == [[0]])
    }
}
