import AgentProtocol
import Synchronization
import Testing

@testable import Store

/// A store in which a shut waits all the time.
private struct HurriedDatabase: Database {
    let base: any Database

    var hasUrgentWrites: Bool { true }
    var dialect: Dialect { base.dialect }

    func read<Value: Sendable>(
        _ body: @escaping @Sendable (any Session) throws -> Value
    ) async throws -> Value {
        try await base.read(body)
    }

    func write<Value: Sendable>(
        _ body: @escaping @Sendable (any Session) throws -> Value
    ) async throws -> Value {
        try await base.write(body)
    }

    func writeUrgently<Value: Sendable>(
        _ body: @escaping @Sendable (any Session) throws -> Value
    ) async throws -> Value {
        try await base.writeUrgently(body)
    }
}

/// What ran, in its order, once it may.
private final class Tape: Sendable {
    let isOpen = Mutex(false)
    let order = Mutex<[Int]>([])
}

struct UrgencyTests {
    @Test func pushesMakeRoomForAShutAndAreAllBooked() async throws {
        let fixture = try await Fixture()
        let hurried = Store(
            database: HurriedDatabase(base: fixture.store.database), hours: fixture.store.hours)
        var pushes: [(SimulatedAgent, [UInt8])] = []
        for number in 1...20 {
            var agent = try await fixture.join("vpn\(number)")
            let id = try await agent.tell([publicKey(number)])[0]
            agent.store = hurried
            let row = WireRow(credential: id, up: UInt64(number), down: 0)
            pushes.append((agent, try agent.batch([row])))
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
        #expect(await hurried.ingest.commits == 20)
        #expect(try await fixture.integer("SELECT SUM(uplink) FROM totals") == 210)
    }

    @Test func nobodyIsUrgentOnceItsWriteIsOver() async throws {
        let fixture = try await Fixture()
        let database = fixture.store.database
        let during = try await database.writeUrgently { _ in database.hasUrgentWrites }
        #expect(during)
        await #expect(throws: StoreError.self) {
            try await database.writeUrgently { _ in throw StoreError(.invalid, "no") }
        }
        #expect(!database.hasUrgentWrites)
    }

    @Test func readsWaitForTheirTurnAndUrgentOnesGoFirst() async throws {
        let readers = Readers(limit: 1)
        let tape = Tape()
        // Detached: the tasks of a group are as urgent as who waits for them.
        var tasks = [
            Task.detached { try await readers.run { while !tape.isOpen.withLock({ $0 }) {} } }
        ]
        for number in 1...3 {
            try await queued(behind: number, readers)
            tasks.append(
                Task.detached(priority: number == 3 ? .high : .low) {
                    try await readers.run { tape.order.withLock { $0.append(number) } }
                })
        }
        try await queued(behind: 4, readers)
        tape.isOpen.withLock { $0 = true }
        for task in tasks { try await task.value }
        #expect(tape.order.withLock { $0 } == [3, 1, 2])
    }

    private func queued(behind count: Int, _ readers: Readers) async throws {
        while readers.count < count { try await Task.sleep(for: .milliseconds(1)) }
    }
}
