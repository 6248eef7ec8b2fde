import Accounting
import Foundation
import Testing

@testable import Ledger

@Suite struct SpoolMergingTests {
    let folder = TestFolder()
    var ledger: Ledger
    var controller = TestController()
    static let hour: Int64 = 3_600
    static let day: Int64 = 86_400

    init() throws {
        ledger = try CatchUpTests.open(folder.path)
    }

    /// The buckets that wait, oldest first.
    func buckets() throws -> [Stretch] {
        var stretches: [Stretch] = []
        try ledger.database.query("SELECT \(Stretch.columns) FROM bucket ORDER BY id") { row in
            if let stretch = Stretch(row, from: 0) { stretches.append(stretch) }
        }
        return stretches
    }

    /// Merges as long as there is anything to merge.
    func mergeAll(now: Instant) throws {
        for _ in 0..<100 {
            ledger.measuredBucket = nil
            try ledger.makeRoom(limit: 0, now: now)
        }
    }

    @Test func underTheLimitNothingIsMerged() throws {
        for minute in 0..<10 { try ledger.count("alice", 1, at: .at(Int64(minute) * 60)) }
        try ledger.makeRoom(limit: 1 << 20, now: .at(600))
        #expect(try buckets().count == 10)
    }

    @Test mutating func mergingNeverCrossesAnHourNorWhenOlderADay() throws {
        // Instant.at(0) is 22:20 UTC; three days, every ten minutes.
        for step in 0..<(3 * 144) { try ledger.count("alice", 2, at: .at(Int64(step) * 600)) }
        let now = Instant.at(3 * Self.day)
        try mergeAll(now: now)
        let today = Timeline.unit(of: now.wall, .day)
        var days: [Int64: Int] = [:]
        for stretch in try buckets() {
            let day = Timeline.unit(of: stretch.last.wall, .day)
            #expect(Timeline.unit(of: stretch.first.wall, .day) == day)
            if day < today {
                days[day, default: 0] += 1
            } else {
                let hour = Timeline.unit(of: stretch.last.wall, .hour)
                #expect(Timeline.unit(of: stretch.first.wall, .hour) == hour)
            }
        }
        #expect(days.values.allSatisfy { $0 == 1 })
        #expect(days.count == 3)
        // Today's hours 0 to 22, of which the last has the bucket that is still open.
        #expect(try buckets().count == 3 + 23 + 1)
        try ledger.assign([(.wg0, .alice, 7)])
        try Ledger.exchange(&ledger, &controller)
        #expect(controller.totals[7]?.uplink == 864)
        #expect(controller.backwards == 0)
    }

    @Test mutating func kindsStayApart() throws {
        for minute in 0..<5 {
            try ledger.count("alice", 10, kind: .baseline, at: .at(Int64(minute) * 60))
            try ledger.count("alice", 1, at: .at(Int64(minute) * 60 + 10))
            try ledger.count("bob", 3, kind: .uncertain, at: .at(Int64(minute) * 60 + 20))
        }
        try mergeAll(now: .at(Self.hour))
        #expect(try ledger.depth().rows == 6)
        try ledger.assign([(.wg0, .alice, 7), (.wg0, .bob, 8)])
        try Ledger.exchange(&ledger, &controller)
        #expect(controller.totals[7]?.uplink == 5)
        #expect(controller.apart.mapValues(\.uplink) == [7: 50, 8: 15])
    }

    @Test mutating func aLongOutageKeepsTheDiskBoundedAndTheTotalsExact() throws {
        let keys = 1_000
        let limit: UInt64 = 4 << 20
        try ledger.countMany(0..<keys, 1, at: .at(0))
        try ledger.assign((0..<keys).map { (.wg0, .text("key\($0)"), UInt64($0 + 1)) })
        // Thirty days without a controller; all keys twice a day, some every ten minutes.
        for step in 1...(30 * 144) {
            let instant = Instant.at(Int64(step) * 600)
            try ledger.countMany(0..<(step.isMultiple(of: 72) ? keys : 3), 1, at: instant)
            try ledger.makeRoom(limit: limit, now: instant)
            #expect(try ledger.depth().rows <= Int(limit) / Ledger.bytesPerRow)
        }
        try ledger.database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        let size = try FileManager.default.attributesOfItem(
            atPath: "\(folder.path)/ledger.sqlite")[.size]
        // Hours of each account are kept besides what waits.
        #expect((size as? NSNumber)?.uint64Value ?? .max < 2 * limit)
        ledger = try CatchUpTests.open(folder.path)
        try Ledger.exchange(&ledger, &controller)
        #expect(controller.backwards == 0)
        for key in 0..<keys {
            #expect(controller.totals[UInt64(key + 1)]?.uplink == (key < 3 ? 4_321 : 61))
        }
    }

    /// Moments ten seconds apart on the boot clock, under a wall clock that jumps.
    static func jumping(_ step: Int, boot: BootID) -> Instant {
        let boottime = UInt64(step + 1) * 10_000_000_000
        let walls: [Int64] = [
            1_700_000_400_000_000_000, 0, 4_070_908_800_000_000_000, -9_000_000_000_000,
        ]
        return Instant(
            wall: walls[step % 4] + Int64(clamping: boottime), boot: boot, boottime: boottime)
    }

    @Test mutating func aClockThatJumpsAroundKeepsHoursAndRowsBounded() throws {
        let boot = try #require(BootID("00112233445566778899aabbccddeeff"))
        try ledger.count("alice", 1, at: Self.jumping(0, boot: boot))
        try ledger.assign([(.wg0, .alice, 7)])
        // Three hours of the boot clock.
        for step in 1..<1_080 {
            try ledger.count("alice", 1, at: Self.jumping(step, boot: boot))
        }
        #expect(ledger.hours.count <= Ledger.mostHours)
        try mergeAll(now: Self.jumping(1_080, boot: boot))
        #expect(try buckets().count <= 6)
        try Ledger.exchange(&ledger, &controller)
        #expect(controller.totals[7]?.uplink == 1_080)
        #expect(controller.backwards == 0)
        controller = TestController()
        _ = try ledger.take(applied: 0, digest: [], asked: ledger.askedAt)
        try Ledger.exchange(&ledger, &controller)
        #expect(controller.totals[7]?.uplink == 1_080)
        #expect(controller.backwards == 0)
    }

    @Test mutating func aRebootAndASuspendSplitNoHourAndLoseNothing() throws {
        let boots = try (0..<20).map {
            try #require(BootID("\(10 + $0)" + String(repeating: "0", count: 30)))
        }
        var wall: Int64 = 1_700_002_800_000_000_000
        for (index, boot) in boots.enumerated() {
            let instant = Instant(wall: wall, boot: boot, boottime: UInt64(index))
            try ledger.count("alice", 1, at: instant)
            wall += 120_000_000_000
        }
        // Asleep for two hours: the boot clock went on.
        wall += 7_200_000_000_000
        let awake = Instant(wall: wall, boot: boots[19], boottime: 7_320_000_000_000)
        try ledger.count("alice", 1, at: awake)
        #expect(ledger.hours.count == 2)
        try mergeAll(now: awake)
        #expect(try buckets().count == 2)
        try ledger.assign([(.wg0, .alice, 7)])
        try Ledger.exchange(&ledger, &controller)
        #expect(controller.hours[7]?.values.map(\.uplink).sorted() == [1, 20])
    }

    @Test func clocksOfManyBootsThatContradictEachOtherAreBounded() throws {
        let boots = try (0..<80).map {
            try #require(BootID("\(10 + $0)" + String(repeating: "0", count: 30)))
        }
        for (index, boot) in boots.enumerated() {
            let wall: Int64 = index.isMultiple(of: 2) ? 60_000_000_000 : 4_070_908_800_000_000_000
            try ledger.count("alice", 1, at: Instant(wall: wall, boot: boot, boottime: 1))
        }
        let now = Instant(
            wall: 1_700_000_400_000_000_000,
            boot: try #require(BootID(String(repeating: "f", count: 32))), boottime: 5)
        try mergeAll(now: now)
        #expect(try buckets().count <= 4)
        #expect(ledger.total(of: .alice, at: .wg0)?.uplink == 80)
    }
}
