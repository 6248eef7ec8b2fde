import Accounting
import Testing

/// What the device's link tells of counters that restarted without a trace.
@Suite struct LinkAuditTests {
    private func start(_ names: [String] = ["a", "b", "c"]) -> (KernelModel, Books) {
        var kernel = KernelModel()
        for name in names {
            kernel.add(name)
            kernel.pass(name, up: 1_000, down: 5_000)
        }
        var books = Books()
        kernel.now += 10
        books.read(&kernel)
        kernel.now += 10
        return (kernel, books)
    }

    @Test func theLastPeerThatOvertookItsOldValueIsChargedWhole() {
        var (kernel, books) = start()
        kernel.remove("c")
        kernel.add("c")
        kernel.pass("c", up: 2_000, down: 9_000)
        kernel.pass("a", up: 7, down: 7)
        books.read(&kernel)
        #expect(books.charged == kernel.shown)
        #expect(books.charged["c"] == Traffic(uplink: 3_296, downlink: 14_184))
        #expect(books.held.isEmpty)
    }

    @Test func severalOfTheLastAreFoundTogether() {
        var (kernel, books) = start()
        kernel.replaceAll(with: ["a", "b", "c"])
        for name in ["a", "b", "c"] { kernel.pass(name, up: 3_000, down: 8_000) }
        books.read(&kernel)
        #expect(books.charged == kernel.shown)
        #expect(books.held.isEmpty)
    }

    @Test func whatFollowsARestartedPeerWasAddedAfterIt() {
        var (kernel, books) = start()
        kernel.replaceAll(with: ["a", "b", "c"])
        kernel.pass("a", up: 3_000, down: 8_000)
        kernel.pass("b", up: 10, down: 10)
        kernel.pass("c", up: 3_000, down: 8_000)
        books.read(&kernel)
        #expect(books.charged == kernel.shown)
    }

    @Test func whereAnotherExplanationFitsTheLowerBoundIsChargedAndTheRestHeld() {
        var (kernel, books) = start()
        kernel.pass("c", up: 500, down: 500)
        kernel.remove("c")
        kernel.add("c")
        kernel.pass("c", up: 2_000, down: 9_000)
        books.read(&kernel)
        let before = Traffic(uplink: 1_148, downlink: 5_092)
        #expect(books.charged["c"] == Traffic(uplink: 2_148, downlink: 9_092))
        #expect(books.held == ["c": before])
    }

    @Test func anOvertakingSmallerThanAReadingsTrafficIsHeldWhereOthersCertainlyRestarted() {
        var (kernel, books) = start()
        kernel.replaceAll(with: ["a", "b", "c"])
        kernel.pass("a", up: 3_000, down: 8_000)
        for name in ["b", "c"] { kernel.pass(name, up: 10, down: 10) }
        books.read(&kernel) { $0.pass("a", up: 5_000, down: 20_000) }
        let before = Traffic(uplink: 1_148, downlink: 5_092)
        #expect(books.held == ["a": before])
        #expect(books.charged["a"].map { KernelModel.sum($0, before) } == kernel.shown["a"])
        #expect(books.charged["b"] == kernel.shown["b"])
        #expect(books.charged["c"] == kernel.shown["c"])
    }

    @Test func aRestartThatOnlyTheSecondReadingProvesIsNotLeftForLater() {
        var (kernel, books) = start()
        kernel.replaceAll(with: ["a", "b", "c"])
        kernel.pass("a", up: 3_000, down: 8_000)
        for name in ["b", "c"] { kernel.pass(name, up: 10, down: 10) }
        let first = kernel.read { $0.pass("a", up: 5_000, down: 20_000) }
        #expect(Differ.difference(from: books.baselines, to: first).isDoubtful)
        let difference = Differ.difference(
            from: books.baselines, to: kernel.read(), confirming: first)
        #expect(!difference.isDoubtful)
        let held = difference.deltas.filter { $0.kind == .held }
        #expect(held.map(\.key) == [.text("a")])
        #expect(held.map(\.amount) == [Traffic(uplink: 1_148, downlink: 5_092)])
    }

    @Test func bytesOfAPeerThatCameAndWentAreNobodysAndProveNothing() {
        var (kernel, books) = start()
        kernel.add("guest")
        kernel.pass("guest", up: 900_000, down: 900_000)
        kernel.remove("guest")
        kernel.pass("c", up: 10, down: 10)
        books.read(&kernel)
        #expect(books.charged == kernel.shown)
        #expect(books.held.isEmpty, "c has made no handshake since: it cannot have restarted")
    }

    @Test func handshakesOfAPeerThatCameAndWentAreNotTakenForAnothersRestart() {
        var (kernel, books) = start()
        kernel.add("idle")
        kernel.pass("idle", up: 0, down: 0)
        books.read(&kernel)
        kernel.now += 10
        kernel.add("guest")
        kernel.pass("guest", up: 0, down: 0)
        kernel.remove("guest")
        kernel.pass("idle", up: 7_000, down: 3_000, rekeys: true)
        books.read(&kernel)
        #expect(books.charged == kernel.shown)
        #expect(books.held == ["idle": Traffic(uplink: 148, downlink: 92)])
    }

    @Test func withoutALinkTheDifferenceIsAllThereIs() {
        var (kernel, books) = start()
        books.baselines.link = nil
        kernel.remove("c")
        kernel.add("c")
        kernel.pass("c", up: 2_000, down: 9_000)
        books.read(&kernel)
        #expect(books.charged["c"] == Traffic(uplink: 2_148, downlink: 9_092))
        #expect(books.held.isEmpty)
    }

    @Test func aDeltaAboveWhatTheLinkCarriedIsHeldNotCharged() throws {
        let (kernel, books) = start()
        var later = kernel
        later.pass("a", up: 10, down: 10)
        var reading = later.read()
        reading.counters[1].value.uplink += 1 << 20
        reading.link?.after.uplink += 1 << 20
        reading.link?.before.uplink += 1 << 20
        let fine = Differ.difference(from: books.baselines, to: reading)
        #expect(!fine.isDoubtful)
        reading.link = later.read().link
        reading.link?.after.uplink += 900 << 10
        let first = Differ.difference(from: books.baselines, to: reading)
        #expect(first.doubts == [.excessive(CounterID(key: .text("b")))])
        #expect(first.amounts == ["a": Traffic(uplink: 10, downlink: 10)])
        let second = Differ.difference(from: books.baselines, to: reading, confirming: reading)
        #expect(second.deltas.map(\.kind) == [.gained, .held])
        #expect(second.deltas[1].amount == Traffic(uplink: 1 << 20, downlink: 0))
        #expect(second.updates.count == 2)
    }

    @Test func aLinkThatCountsLessThanItsPeersProvesNothing() {
        var (kernel, books) = start()
        kernel.pass("a", up: 10 << 20, down: 10)
        books.read(&kernel)
        var later = kernel
        later.pass("a", up: 10 << 20, down: 10)
        books.baselines.link?.before = Traffic(uplink: 4 << 20, downlink: 0)
        books.baselines.link?.after = Traffic(uplink: 4 << 20, downlink: 0)
        var reading = later.read()
        reading.link?.before = Traffic(uplink: 8 << 20, downlink: 0)
        reading.link?.after = Traffic(uplink: 8 << 20, downlink: 0)
        let difference = Differ.difference(from: books.baselines, to: reading)
        #expect(!difference.isDoubtful)
        #expect(difference.amounts == ["a": Traffic(uplink: 10 << 20, downlink: 10)])
    }

    @Test func aLinkThatFellBackProvesNothing() {
        let (kernel, books) = start()
        var later = kernel
        later.pass("a", up: 10, down: 10)
        var reading = later.read()
        reading.link?.before = .zero
        reading.link?.after = .zero
        let difference = Differ.difference(from: books.baselines, to: reading)
        #expect(!difference.isDoubtful)
        #expect(difference.link == reading.link.map { .replaced($0) })
    }

    @Test func anIdleDeviceChangesNothing() {
        var (kernel, books) = start()
        kernel.now += 100
        let difference = Differ.difference(from: books.baselines, to: kernel.read())
        #expect(difference.deltas.isEmpty && difference.updates.isEmpty)
        #expect(difference.link == .kept)
        books.baselines.apply(difference)
        #expect(books.baselines.link != nil)
    }

    @Test func whatIsStillInDoubtIsNotTakenFromTheLink() {
        let (kernel, books) = start()
        var later = kernel
        later.pass("a", up: 10, down: 10)
        var reading = later.read()
        reading.counters[2].value = .zero
        let difference = Differ.difference(from: books.baselines, to: reading)
        #expect(difference.isDoubtful)
        var baselines = books.baselines
        baselines.apply(difference)
        // What a gained is accounted for, what c did is not.
        let expected = books.baselines.link.map {
            KernelModel.sum($0.after, Traffic(uplink: 10, downlink: 10))
        }
        #expect(baselines.link?.after == expected)
        let next = Differ.difference(from: baselines, to: later.read())
        #expect(!next.isDoubtful)
        #expect(next.deltas.isEmpty)
    }

    @Test func amountsNearTheEndOf64BitsAreNoTrap() {
        var counters = (0..<3).map { (place: Int) in
            Counter(
                key: .text("peer\(place)"), incarnation: KernelModel.device,
                value: Traffic(uplink: .max - 5, downlink: .max), lastHandshake: 5, place: place)
        }
        let largest = Traffic(uplink: .max, downlink: .max)
        let link = LinkReading(
            incarnation: KernelModel.device, before: largest, after: largest, wall: 9)
        let known = MeterBaselines(
            isKnown: true,
            counters: [
                KernelModel.device: Dictionary(
                    uniqueKeysWithValues: counters.enumerated().map { place, counter in
                        (
                            CounterID(key: counter.key),
                            Baseline(value: .zero, lastHandshake: 5, order: place)
                        )
                    })
            ],
            link: LinkReading(
                incarnation: KernelModel.device, before: .zero, after: .zero, wall: 1))
        for count in [3, 2] {
            var reading = Fixture.reading(counters)
            reading.link = link
            let difference = Differ.difference(from: known, to: reading, confirming: reading)
            #expect(difference.deltas.count == count)
            counters[0].value = .zero
        }
    }
}
