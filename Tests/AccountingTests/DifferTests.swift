import Accounting
import Testing

@Suite struct DifferTests {
    @Test func aRisingCounterGivesTheDifference() throws {
        var baselines = Fixture.known(["a": (100, 200)])
        let difference = Differ.difference(
            from: baselines, to: Fixture.reading([("a", 150, 260)]))
        #expect(difference.amounts == ["a": Traffic(uplink: 50, downlink: 60)])
        #expect(!difference.isDoubtful)
        baselines.apply(difference)
        let again = Differ.difference(from: baselines, to: Fixture.reading([("a", 150, 260)]))
        #expect(again.deltas.isEmpty)
        #expect(again.updates.isEmpty)
    }

    @Test func theFirstReadingOfAnUnknownMeterIsABaseline() {
        let difference = Differ.difference(
            from: MeterBaselines(), to: Fixture.reading([("a", 5_000, 7_000)]))
        #expect(difference.deltas.map(\.kind) == [.baseline])
        #expect(difference.deltas.first?.amount == Traffic(uplink: 5_000, downlink: 7_000))
        #expect(difference.updates.count == 1)
    }

    @Test func aMeterThatBeganAfterTheLastDiscoveryIsChargedFromZero() {
        let difference = Differ.difference(
            from: MeterBaselines(), to: Fixture.reading([("a", 5_000, 7_000)]),
            beganAfterDiscovery: true)
        #expect(difference.deltas.map(\.kind) == [.gained])
        #expect(difference.amounts == ["a": Traffic(uplink: 5_000, downlink: 7_000)])
    }

    @Test func aNewKeyOfAKnownMeterIsChargedFromZero() {
        let difference = Differ.difference(
            from: Fixture.known(["a": (1, 1)]),
            to: Fixture.reading([("a", 1, 1), ("b", 30, 40)]))
        #expect(difference.amounts == ["b": Traffic(uplink: 30, downlink: 40)])
    }

    @Test func aFirstValueThatMayHoldOldCountsIsUncertain() {
        let difference = Differ.difference(
            from: Fixture.known(["a": (1, 1)]),
            to: Fixture.reading([("a", 1, 1), ("b", 30, 40)], startsFromZero: false))
        #expect(difference.deltas.map(\.kind) == [.uncertain])
    }

    @Test func aKeysGainAndItsUncertainFirstValueAreToldApart() {
        let old = Counter(
            key: .text("tcp/80"), part: "old", incarnation: Fixture.one,
            value: Traffic(uplink: 100, downlink: 100))
        var known = Fixture.known([:])
        known.apply(
            Differ.difference(from: MeterBaselines(), to: Fixture.reading([old])))
        var grown = old
        grown.value = Traffic(uplink: 130, downlink: 140)
        let fresh = Counter(
            key: .text("tcp/80"), part: "new", incarnation: Fixture.one,
            value: Traffic(uplink: 7_000, downlink: 8_000))
        for counters in [[grown, fresh], [fresh, grown]] {
            let difference = Differ.difference(
                from: known, to: Fixture.reading(counters, startsFromZero: false))
            let amounts = Dictionary(
                uniqueKeysWithValues: difference.deltas.map { ($0.kind, $0.amount) })
            #expect(
                amounts == [
                    .gained: Traffic(uplink: 30, downlink: 40),
                    .uncertain: Traffic(uplink: 7_000, downlink: 8_000),
                ])
        }
    }

    @Test func aLowerValueWaitsForASecondReading() {
        let known = Fixture.known(["a": (1_000, 1_000)])
        let low = Fixture.reading([("a", 300, 400)])
        let first = Differ.difference(from: known, to: low)
        #expect(first.isDoubtful)
        #expect(first.deltas.isEmpty)
        #expect(first.updates.isEmpty)
        let second = Differ.difference(
            from: known, to: Fixture.reading([("a", 310, 410)]), confirming: low)
        #expect(!second.isDoubtful)
        #expect(second.amounts == ["a": Traffic(uplink: 310, downlink: 410)])
        #expect(second.restarts.count == 1)
    }

    @Test func aDipThatIsGoneInTheSecondReadingNeverHappened() {
        let known = Fixture.known(["a": (1_000, 1_000)])
        let second = Differ.difference(
            from: known, to: Fixture.reading([("a", 1_010, 1_020)]),
            confirming: Fixture.reading([("a", 0, 0)]))
        #expect(second.amounts == ["a": Traffic(uplink: 10, downlink: 20)])
        #expect(second.restarts.isEmpty)
    }

    @Test func oneLowerDirectionIsEnoughForARestart() {
        let known = Fixture.known(["a": (1_000, 10)])
        let low = Fixture.reading([("a", 300, 400)])
        let second = Differ.difference(from: known, to: low, confirming: low)
        #expect(second.amounts == ["a": Traffic(uplink: 300, downlink: 400)])
    }

    @Test func aMissingKeyIsGoneOnlyWhenSeenMissingTwice() {
        let known = Fixture.known(["a": (5, 5), "b": (6, 6)])
        let without = Fixture.reading([("a", 5, 5)])
        let first = Differ.difference(from: known, to: without)
        #expect(first.isDoubtful)
        #expect(first.gone.isEmpty)
        let back = Differ.difference(
            from: known, to: Fixture.reading([("a", 5, 5), ("b", 7, 7)]), confirming: without)
        #expect(back.gone.isEmpty)
        #expect(back.amounts == ["b": Traffic(uplink: 1, downlink: 1)])
        let confirmed = Differ.difference(from: known, to: without, confirming: without)
        #expect(confirmed.gone == [Fixture.key("b")])
        #expect(confirmed.removed.count == 1)
    }

    @Test func aNewIncarnationOfAKnownMeterStartsFromZero() {
        var known = Fixture.known(["a": (1_000, 1_000), "b": (5, 5)])
        let reborn = Fixture.reading([("a", 2_000, 3_000)], incarnation: "two")
        let first = Differ.difference(from: known, to: reborn)
        #expect(first.amounts == ["a": Traffic(uplink: 2_000, downlink: 3_000)])
        #expect(first.doubts == [.missing(CounterID(key: Fixture.key("b")))])
        let second = Differ.difference(from: known, to: reborn, confirming: reborn)
        #expect(second.gone == [Fixture.key("b")])
        known.apply(second)
        #expect(known.counters.keys.map(\.token) == ["two"])
    }

    @Test func aRestartThatOvertookTheOldValueShowsByItsPlace() {
        let known = Fixture.known(["a": (100, 100), "b": (10, 10), "c": (10, 10)], ordered: true)
        // a was removed, added again, and passed 100 before anybody looked.
        let reading = Fixture.reading(
            [("b", 10, 10), ("c", 12, 12), ("a", 150, 160)], ordered: true)
        let difference = Differ.difference(from: known, to: reading, confirming: reading)
        #expect(
            difference.amounts == [
                "a": Traffic(uplink: 150, downlink: 160), "c": Traffic(uplink: 2, downlink: 2),
            ])
        #expect(difference.restarts == [CounterID(key: Fixture.key("a"))])
    }

    @Test func survivorsKeepTheirOrderWhenOthersGoAndNewcomersFollow() {
        var known = Fixture.known(["a": (1, 1), "b": (1, 1), "c": (1, 1)], ordered: true)
        let step = Fixture.reading([("c", 2, 2), ("d", 3, 3)], ordered: true)
        known.apply(Differ.difference(from: known, to: step, confirming: step))
        let next = Differ.difference(
            from: known, to: Fixture.reading([("c", 3, 3), ("d", 4, 4)], ordered: true))
        #expect(!next.isDoubtful)
        #expect(
            next.amounts == [
                "c": Traffic(uplink: 1, downlink: 1), "d": Traffic(uplink: 1, downlink: 1),
            ])
    }

    @Test func aHandshakeBackAtZeroIsARestart() {
        var known = Fixture.known(["a": (100, 100)])
        let shaken = Fixture.reading([("a", 110, 110)], handshake: 1_700_000_000)
        known.apply(Differ.difference(from: known, to: shaken))
        let reborn = Fixture.reading([("a", 120, 120)], handshake: 0)
        let difference = Differ.difference(from: known, to: reborn, confirming: reborn)
        #expect(difference.amounts == ["a": Traffic(uplink: 120, downlink: 120)])
    }

    @Test func aHandshakeThatMerelyGoesBackIsAClockStep() {
        var known = Fixture.known(["a": (100, 100)])
        let shaken = Fixture.reading([("a", 110, 110)], handshake: 1_700_000_000)
        known.apply(Differ.difference(from: known, to: shaken))
        let stepped = Fixture.reading([("a", 120, 120)], handshake: 1_600_000_000)
        let difference = Differ.difference(from: known, to: stepped)
        #expect(!difference.isDoubtful)
        #expect(difference.amounts == ["a": Traffic(uplink: 10, downlink: 10)])
    }

    @Test func aKeysDeltaIsTheSumOverItsCounters() {
        var known = MeterBaselines(isKnown: true)
        let parts = ["in", "out"].map { part in
            Counter(
                key: .text("tcp/80"), part: part, incarnation: Incarnation(token: part),
                value: Traffic(uplink: 10, downlink: 0))
        }
        known.apply(Differ.difference(from: known, to: Fixture.reading(parts)))
        var later = parts
        later[0].value.uplink = 25
        later[1].value.downlink = 7
        let difference = Differ.difference(from: known, to: Fixture.reading(later))
        #expect(difference.deltas.count == 1)
        #expect(difference.deltas.first?.amount == Traffic(uplink: 15, downlink: 7))
        #expect(difference.deltas.first?.counters.count == 2)
    }

    @Test func aSumThatDoesNotFitIsHeldAndTheOthersGoOn() {
        let known = MeterBaselines(isKnown: true)
        let counters = [
            Counter(
                key: .text("x"), part: "1", incarnation: Fixture.one,
                value: Traffic(uplink: .max, downlink: 0)),
            Counter(
                key: .text("x"), part: "2", incarnation: Fixture.one,
                value: Traffic(uplink: 1, downlink: 0)),
            Counter(
                key: .text("y"), incarnation: Fixture.one, value: Traffic(uplink: 2, downlink: 0)),
        ]
        let difference = Differ.difference(from: known, to: Fixture.reading(counters))
        #expect(difference.doubts == [.overflow(CounterID(key: .text("x"), part: "2"))])
        #expect(difference.deltas.first { $0.key == .text("y") }?.amount.uplink == 2)
    }
}

enum Fixture {
    static let one = Incarnation(token: "one")
    static let instant = Instant(
        wall: 1_700_000_000_000_000_000,
        boot: BootID("00112233445566778899aabbccddeeff") ?? missing(), boottime: 1)

    private static func missing() -> BootID { preconditionFailure("a valid boot id") }

    static func key(_ name: String) -> Key { .text(name) }

    static func known(
        _ values: KeyValuePairs<String, (UInt64, UInt64)>, ordered: Bool = false
    ) -> MeterBaselines {
        var counters: [CounterID: Baseline] = [:]
        for (index, entry) in values.enumerated() {
            let value = Traffic(uplink: entry.value.0, downlink: entry.value.1)
            counters[CounterID(key: key(entry.key))] = Baseline(
                value: value, order: ordered ? index : nil)
        }
        return MeterBaselines(isKnown: true, counters: [one: counters])
    }

    static func reading(
        _ values: [(String, UInt64, UInt64)], incarnation: String = "one",
        startsFromZero: Bool = true, ordered: Bool = false, handshake: Int64? = nil
    ) -> Reading {
        let counters = values.enumerated().map { index, value in
            Counter(
                key: key(value.0), incarnation: Incarnation(token: incarnation),
                value: Traffic(uplink: value.1, downlink: value.2), lastHandshake: handshake,
                place: ordered ? index : nil)
        }
        return reading(counters, startsFromZero: startsFromZero)
    }

    static func reading(_ counters: [Counter], startsFromZero: Bool = true) -> Reading {
        Reading(
            meter: MeterName(kind: .wireguard, device: "wg0"), instant: instant,
            counters: counters, startsFromZero: startsFromZero)
    }
}

extension Difference {
    var amounts: [String: Traffic] {
        Dictionary(uniqueKeysWithValues: deltas.map { ($0.key.description, $0.amount) })
    }
}
