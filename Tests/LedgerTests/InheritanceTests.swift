import Accounting
import Foundation
import Testing

@testable import Ledger

@Suite struct InheritanceTests {
    let folder = TestFolder()
    var ledger: Ledger

    init() throws {
        ledger = try CatchUpTests.open(folder.path)
    }

    var predecessor: Predecessor {
        var predecessor = Predecessor()
        predecessor.counters = [
            .init(
                credential: 7, meter: .wg0, id: CounterID(key: .alice), incarnation: .one,
                value: Traffic(uplink: 100, downlink: 200))
        ]
        predecessor.lastReading = .at(50)
        predecessor.meters = [.wg0, MeterName(kind: .v2ray, device: "other")]
        return predecessor
    }

    @Test mutating func whatTheControllerKnowsIsThereAfterAStart() throws {
        #expect(ledger.awaitsCounters)
        try ledger.begin(after: predecessor)
        ledger = try CatchUpTests.open(folder.path)
        #expect(!ledger.awaitsCounters)
        #expect(ledger.credential(of: .alice, at: .wg0) == 7)
        #expect(ledger.total(of: .alice, at: .wg0) == .zero)
        #expect(ledger.inheritance(of: .wg0)?.lastReading == .at(50))
        let baseline = ledger.baselines(of: .wg0).counters[.one]?[CounterID(key: .alice)]
        #expect(baseline?.value == Traffic(uplink: 100, downlink: 200))
        #expect(ledger.baselines(of: MeterName(kind: .v2ray, device: "other")).isKnown)
        #expect(ledger.inheritance(of: MeterName(kind: .v2ray, device: "third")) == nil)
    }

    @Test mutating func theFirstReadingEndsTheInheritance() throws {
        try ledger.begin(after: predecessor)
        try ledger.record(.gained("alice", 5, 6, from: (100, 200)), of: .wg0, at: .at(60))
        #expect(ledger.inheritance(of: .wg0) == nil)
        ledger = try CatchUpTests.open(folder.path)
        #expect(ledger.inheritance(of: .wg0) == nil)
        #expect(ledger.inheritance(of: MeterName(kind: .v2ray, device: "other")) != nil)
        #expect(ledger.total(of: .alice, at: .wg0) == Traffic(uplink: 5, downlink: 6))
    }

    @Test mutating func aControllerThatKnowsNothingLeavesNothing() throws {
        try ledger.begin(after: Predecessor())
        ledger = try CatchUpTests.open(folder.path)
        #expect(!ledger.awaitsCounters)
        #expect(!ledger.baselines(of: .wg0).isKnown)
    }

    @Test func aLedgerThatHasBegunTakesNothingOver() throws {
        try ledger.begin(after: Predecessor())
        try ledger.begin(after: predecessor)
        #expect(ledger.credential(of: .alice, at: .wg0) == nil)
    }
}
