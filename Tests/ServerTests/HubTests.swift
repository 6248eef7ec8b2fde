import Testing

@testable import Server

@Suite struct HubTests {
    @Test func whatChangesBetweenLookingAndWaitingIsNotMissed() async {
        let hub = Hub()
        let known = hub.generations(of: [1])
        hub.notify(1)
        #expect(await hub.wait(for: known, atMost: .seconds(30)) == .changed)
    }

    @Test func anotherServersChangeWakesNobody() async {
        let hub = Hub()
        async let wake = hub.wait(for: hub.generations(of: [1]), atMost: .milliseconds(200))
        hub.notify(2)
        #expect(await wake == .timeout)
    }

    @Test func anyOfSeveralServersWakes() async throws {
        let hub = Hub()
        let task = Task {
            await hub.wait(for: hub.generations(of: [1, 2]), atMost: .seconds(30))
        }
        try await eventually { hub.isWaiting(2) }
        hub.notify(2)
        #expect(await task.value == .changed)
        #expect(!hub.isWaiting(1) && !hub.isWaiting(2))
    }

    @Test func onlyExclusiveWaitsReplaceEachOther() async throws {
        let hub = Hub()
        let shared = Task { await hub.wait(for: [1: 0], atMost: .seconds(30)) }
        try await eventually { hub.isWaiting(1) }
        let first = Task { await hub.wait(for: [1: 0], atMost: .seconds(30), exclusively: true) }
        try await Task.sleep(for: .milliseconds(100))
        let second = Task { await hub.wait(for: [1: 0], atMost: .seconds(30), exclusively: true) }
        #expect(await first.value == .replaced)
        hub.notify(1)
        #expect(await second.value == .changed)
        #expect(await shared.value == .changed)
    }

    @Test func aClosedHubHoldsNobody() async throws {
        let hub = Hub()
        let task = Task { await hub.wait(for: [1: 0], atMost: .seconds(30)) }
        try await eventually { hub.isWaiting(1) }
        hub.close()
        #expect(await task.value == .cancelled)
        #expect(await hub.wait(for: [1: 0], atMost: .seconds(30)) == .cancelled)
    }

    @Test func aCancelledTaskWaitsNoMore() async {
        let hub = Hub()
        let task = Task { await hub.wait(for: [1: 0], atMost: .seconds(30)) }
        task.cancel()
        #expect(await task.value == .cancelled)
    }

    @Test func thousandsOfWaitsEndOnceEach() async {
        let hub = Hub()
        let wakes = await withTaskGroup(of: Hub.Wake.self) { group in
            for number in 0..<2000 {
                group.addTask {
                    await hub.wait(
                        for: [Int64(number % 7): 0], atMost: .milliseconds(number % 50))
                }
            }
            for server in 0..<7 { hub.notify(Int64(server)) }
            return await group.reduce(into: [:]) { $0[$1, default: 0] += 1 }
        }
        #expect(wakes.values.reduce(0, +) == 2000)
        #expect(wakes[.cancelled] == nil && wakes[.replaced] == nil)
    }
}
