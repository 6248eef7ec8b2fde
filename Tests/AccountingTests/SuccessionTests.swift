import Accounting
import Testing

@Suite struct SuccessionTests {
    let boot: BootID
    let otherBoot: BootID
    let last: Instant
    let now: Instant
    let meter = MeterName(kind: .wireguard, device: "wg0")
    let key: Key

    init() throws {
        boot = try #require(BootID(String(repeating: "a", count: 32)))
        otherBoot = try #require(BootID(String(repeating: "b", count: 32)))
        last = Instant(wall: 1_000_000_000_000_000, boot: boot, boottime: 500_000_000_000)
        now = Instant(wall: 1_000_100_000_000_000, boot: boot, boottime: 600_000_000_000)
        key = .publicKey(try #require(PublicKey([UInt8](repeating: 1, count: 32))))
    }

    func kernel(_ boot: BootID, _ index: UInt32 = 5) -> Incarnation {
        .kernelDevice(boot: boot, namespaceCookie: 1, index: index)
    }

    func process(_ boot: BootID, ticks: UInt64) -> Incarnation {
        .process(boot: boot, pid: 9, startTicks: ticks, device: "wg0")
    }

    /// What one counter of 100 bytes is taken for, where the controller had `known` of it.
    func judge(
        _ incarnation: Incarnation, known: (Incarnation, UInt64)?, at now: Instant? = nil,
        since last: Instant?, fromZero: Bool = true
    ) -> (kind: Delta.Kind?, amount: UInt64?) {
        var baselines = MeterBaselines(isKnown: true)
        if let known {
            let value = Traffic(uplink: known.1, downlink: known.1)
            baselines.counters[known.0] = [CounterID(key: key): Baseline(value: value)]
        }
        let counter = Counter(
            key: key, incarnation: incarnation, value: Traffic(uplink: 100, downlink: 100))
        let reading = Reading(
            meter: meter, instant: now ?? self.now, counters: [counter], startsFromZero: fromZero)
        let difference = Succession.difference(
            from: baselines, to: reading, confirming: reading, since: last)
        #expect(difference.updates.map(\.baseline.value.uplink) == [100])
        #expect(difference.doubts.isEmpty && difference.gone.isEmpty)
        let old = known.map { [$0.0] } ?? []
        #expect(difference.removed.map(\.incarnation) == old.filter { $0 != incarnation })
        return (difference.deltas.first?.kind, difference.deltas.first?.amount.uplink)
    }

    @Test func aCounterThatWentOnIsChargedTheDifference() {
        #expect(judge(kernel(boot), known: (kernel(boot), 60), since: last) == (.gained, 40))
        #expect(judge(kernel(boot), known: (kernel(boot), 100), since: last) == (.gained, 0))
    }

    @Test func theLinkIsRememberedFromTheFirstReadingOn() {
        let counter = Counter(
            key: key, incarnation: kernel(boot), value: Traffic(uplink: 100, downlink: 100))
        let carried = Traffic(uplink: 150, downlink: 150)
        let link = LinkReading(
            incarnation: kernel(boot), before: carried, after: carried, wall: 1)
        let reading = Reading(
            meter: meter, instant: now, counters: [counter], startsFromZero: true, link: link)
        let difference = Succession.difference(
            from: MeterBaselines(isKnown: true), to: reading, since: last)
        #expect(difference.link == .replaced(link))
    }

    @Test func aLowerValueIsABaseline() {
        #expect(judge(kernel(boot), known: (kernel(boot), 101), since: last) == (.baseline, 100))
    }

    @Test func anotherBootIsChargedWhole() {
        let later = Instant(
            wall: now.wall, boot: otherBoot, boottime: 50_000_000_000)
        let incarnation = kernel(otherBoot)
        #expect(
            judge(incarnation, known: (kernel(boot), 60), at: later, since: last)
                == (.gained, 100))
        #expect(judge(incarnation, known: nil, at: later, since: last) == (.gained, 100))
        #expect(
            judge(incarnation, known: nil, at: later, since: last, fromZero: false)
                == (.uncertain, 100))
    }

    @Test func aMachineThatWasUpBeforeTheLastReadingIsAnother() {
        let older = Instant(
            wall: now.wall, boot: otherBoot, boottime: 86_400_000_000_000)
        #expect(
            judge(kernel(otherBoot), known: nil, at: older, since: last) == (.baseline, 100))
    }

    @Test func aProcessOfTheSameBootTellsWhenItBegan() {
        #expect(judge(process(boot, ticks: 50_001), known: nil, since: last) == (.gained, 100))
        #expect(judge(process(boot, ticks: 50_000), known: nil, since: last) == (.baseline, 100))
        #expect(
            judge(
                process(boot, ticks: 50_001), known: (process(boot, ticks: 1), 60), since: last)
                == (.gained, 100))
        #expect(
            judge(process(boot, ticks: .max), known: nil, since: last) == (.baseline, 100))
    }

    @Test func anotherKernelDeviceOfTheSameBootProvesNothing() {
        #expect(
            judge(kernel(boot, 6), known: (kernel(boot, 5), 60), since: last) == (.baseline, 100))
    }

    @Test(arguments: ["", "x", "kernel", "process:zz:1:2:wg0", "process:::"])
    func aTokenOfAnotherKindProvesNothing(_ token: String) {
        #expect(
            judge(Incarnation(token: token), known: nil, since: last) == (.baseline, 100))
    }

    @Test func withoutALastReadingNothingIsProven() {
        let later = Instant(wall: now.wall, boot: otherBoot, boottime: 1)
        #expect(
            judge(kernel(otherBoot), known: nil, at: later, since: nil) == (.baseline, 100))
        #expect(judge(kernel(boot), known: (kernel(boot), 60), since: nil) == (.gained, 40))
    }

    @Test func aCounterIsForgottenOnceTwoReadingsLackIt() {
        let (id, incarnation) = (CounterID(key: key), kernel(boot))
        var baselines = MeterBaselines(isKnown: true)
        baselines.counters[incarnation] = [
            id: Baseline(value: Traffic(uplink: 60, downlink: 60))
        ]
        let counter = Counter(
            key: key, incarnation: incarnation, value: Traffic(uplink: 100, downlink: 100))
        let without = Reading(meter: meter, instant: now, counters: [], startsFromZero: true)
        let with = Reading(
            meter: meter, instant: now, counters: [counter], startsFromZero: true)

        let first = Succession.difference(from: baselines, to: without, since: last)
        #expect(first.doubts == [.missing(id)] && first.removed.isEmpty && first.gone.isEmpty)
        let second = Succession.difference(
            from: baselines, to: without, confirming: without, since: last)
        #expect(second.doubts.isEmpty && second.gone == [key])
        #expect(second.removed == [BaselineName(incarnation: incarnation, id: id)])
        // A listing that missed it for once proves nothing.
        let back = Succession.difference(
            from: baselines, to: with, confirming: without, since: last)
        #expect(back.doubts.isEmpty && back.removed.isEmpty && back.gone.isEmpty)
        #expect(back.deltas.map(\.amount.uplink) == [40])
    }

    @Test func aKeysCountersAreTakenEachForItself() {
        var baselines = MeterBaselines(isKnown: true)
        baselines.counters[kernel(boot)] = [
            CounterID(key: key, part: "a"): Baseline(value: Traffic(uplink: 10, downlink: 10))
        ]
        let value = Traffic(uplink: 15, downlink: 15)
        let counters = ["a", "b"].map { part in
            Counter(key: key, part: part, incarnation: kernel(boot), value: value)
        }
        let reading = Reading(
            meter: meter, instant: now, counters: counters, startsFromZero: true)
        let difference = Succession.difference(from: baselines, to: reading, since: last)
        #expect(difference.deltas.map(\.kind) == [.gained, .baseline])
        #expect(difference.deltas.map(\.amount.uplink) == [5, 15])
        #expect(difference.updates.count == 2)
    }
}
