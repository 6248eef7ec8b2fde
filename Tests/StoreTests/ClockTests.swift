import AgentProtocol
import SwiftProtobuf
import Testing

@testable import Store

@Suite struct ClockTests {
    static let noon = Fixture.noon
    static let second = Fixture.second

    private func clock(_ wall: Int64, boot: UInt8 = 7, boottime: Int64) -> WireClock {
        .with {
            $0.wall = wall
            $0.boot = .init([UInt8](repeating: boot, count: 16))
            $0.boottime = UInt64(boottime)
        }
    }

    @Test(arguments: [0, 4_102_444_800_000_000_000, -1, .min, .max] as [Int64])
    func withinABootTheWallClockCountsForNothing(wall: Int64) {
        let now = clock(wall, boottime: 1000 * Self.second)
        let correction = ClockCorrection(now: now, receivedAt: Self.noon)
        let moment = clock(12345, boottime: 990 * Self.second)
        #expect(correction.utc(moment, notBefore: 0) == Self.noon - 10 * Self.second)
    }

    @Test func overABootTheWallClockIsCorrectedByThePush() {
        let ahead = 3600 * Self.second
        let now = clock(Self.noon + ahead, boot: 8, boottime: 5)
        let correction = ClockCorrection(now: now, receivedAt: Self.noon)
        let moment = clock(Self.noon + ahead - 60 * Self.second, boottime: 999)
        #expect(correction.utc(moment, notBefore: 0) == Self.noon - 60 * Self.second)
    }

    @Test(arguments: [.min, -1, 0, .max] as [Int64])
    func nonsenseStaysBetweenTheLastBucketAndTheArrival(wall: Int64) {
        let earliest = Self.noon - 100 * Self.second
        for now in [clock(0, boottime: 0), clock(.max, boottime: 0), nil] {
            let correction = ClockCorrection(now: now, receivedAt: Self.noon)
            let moment = clock(wall, boot: 3, boottime: 77)
            let time = correction.utc(moment, notBefore: earliest)
            #expect((earliest...Self.noon).contains(time))
        }
    }

    @Test func aClockOf2099MovesNoTrafficOutOfItsHour() async throws {
        let fixture = try await Fixture()
        var agent = try await fixture.join()
        agent.ahead = 74 * 365 * 86400 * Self.second
        let id = try await agent.tell([publicKey(1)])[0]
        try await agent.push([try agent.batch([WireRow(credential: id, up: 1, down: 1)])])
        #expect(
            try await fixture.integer("SELECT hour FROM usage_hours")
                == Self.noon / 3600 / Self.second * 3600)
        let offset = try await fixture.store.server(agent.server).clockOffset
        #expect(offset == agent.ahead)
    }

    @Test func anHourIsOnlyEverLeftForwards() async throws {
        let fixture = try await Fixture()
        var agent = try await fixture.join()
        let id = try await agent.tell([publicKey(1)])[0]
        let first = try agent.batch([WireRow(credential: id, up: 1, down: 0)])
        try await agent.push([first])
        let old = Self.noon - 7200 * Self.second
        let second = try agent.batch([WireRow(credential: id, up: 3, down: 0)], end: old)
        try await agent.push([second])
        let hours = "SELECT hour, uplink FROM usage_hours"
        #expect(try await fixture.integers(hours) == [[Self.noon / 3600 / Self.second * 3600, 3]])
    }

    @Test func aFormerBootsMomentLiesBeforeThisOne() {
        let now = clock(0, boot: 8, boottime: 300 * Self.second)
        let correction = ClockCorrection(now: now, receivedAt: Self.noon)
        // Since that boot the clock went back to 1970, so that its moments seem to lie ahead.
        let moment = clock(Self.noon, boot: 7, boottime: 999_999 * Self.second)
        #expect(!correction.isBelievable(moment))
        #expect(correction.utc(moment, notBefore: 0) == Self.noon - 300 * Self.second)
        #expect(correction.utc(moment, notBefore: Self.noon - 1) == Self.noon - 1)
        #expect(correction.utc(moment, notBefore: .max) == Self.noon)
    }

    @Test func aBucketOf2099HoldsBackNoLaterOne() {
        let now = clock(Self.noon, boot: 8, boottime: 7200 * Self.second)
        let correction = ClockCorrection(now: now, receivedAt: Self.noon)
        let start = Self.noon - 9 * 3600 * Self.second
        var times = BucketTimes(correction: correction, last: start)
        let moments = [
            clock(start + 1, boottime: 1), clock(4_102_444_800 * Self.second, boottime: 2),
            clock(start + 7, boottime: 3), clock(-5, boottime: 4),
            clock(Self.noon + 99, boot: 8, boottime: 3600 * Self.second),
        ]
        let ends = moments.map { times.end($0) }
        let boot = Self.noon - 7200 * Self.second
        #expect(
            ends == [start + 1, boot, start + 7, start + 7, Self.noon - 3600 * Self.second])
        #expect(times.last == ends[4] && times.reading == moments[4])
    }

    /// However the host's clock jumps and whenever it starts anew between a bucket and the push,
    /// each bucket is booked within the hours that passed since the last one.
    @Test(arguments: [0, 4_102_444_800_000_000_000, -9, .min, .max] as [Int64], [true, false])
    func noTrafficLeavesTheTimeSinceTheLastBucket(wall: Int64, isRebooted: Bool) async throws {
        let fixture = try await Fixture()
        var agent = try await fixture.join(at: Self.noon - 8 * 3600 * Self.second)
        let id = try await agent.tell([publicKey(1)])[0]
        let before = Self.noon - 2 * 3600 * Self.second
        let first = try agent.batch([WireRow(credential: id, up: 1, down: 0)], end: before)
        try await agent.push([first], at: before)
        agent.sequence += 1
        var batch = agent.draft([WireRow(credential: id, up: 3, down: 0)])
        batch.buckets[0].last.wall = wall
        if isRebooted { batch.buckets[0].last.boot = .init([UInt8](repeating: 9, count: 16)) }
        let bytes: [UInt8] = try batch.serializedBytes()
        try await agent.push([bytes], at: Self.noon)
        let hours = try await fixture.integers("SELECT hour FROM usage_hours").map { $0[0] }
        let allowed = (before / 3600 / Self.second * 3600)...(Self.noon / Self.second)
        #expect(hours.allSatisfy(allowed.contains), "\(hours)")
        #expect(try await fixture.integer("SELECT SUM(uplink) FROM usage_hours") == 3)
        // And what comes next is placed by a clock that is right again.
        agent.digest = Digest.sha256(bytes)
        let last = Self.noon + 3600 * Self.second
        try await agent.push(
            [try agent.batch([WireRow(credential: id, up: 7, down: 0)], end: last)], at: last)
        let hour = last / 3600 / Self.second * 3600
        let newest = "SELECT uplink FROM usage_hours WHERE hour = \(hour)"
        #expect(try await fixture.integer(newest) == 4)
    }

    @Test func handshakesAreCorrectedAndNeverLieAhead() async throws {
        let fixture = try await Fixture()
        var agent = try await fixture.join()
        agent.ahead = 500 * Self.second
        let id = try await agent.tell([publicKey(1)])[0]
        let noon = Self.noon / Self.second
        for (handshake, expected) in [
            (noon + 490, noon - 10), (0, noon - 10), (-1, noon - 10), (noon + 9999, noon + 1),
        ] {
            let row = WireRow(credential: id, up: 0, down: 0, handshake: handshake)
            // The push arrives one second after noon by the controller's clock.
            try await agent.push([try agent.batch([row])])
            #expect(try await fixture.integer("SELECT last_handshake FROM totals") == expected)
        }
    }
}
