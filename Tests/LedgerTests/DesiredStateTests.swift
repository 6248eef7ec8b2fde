import Accounting
import AgentProtocol
import FoundationEssentials
import Testing

@testable import Ledger

@Suite struct DesiredStateTests {
    let ledger: Ledger

    init() throws {
        ledger = try Ledger.open(
            path: ":memory:", id: LedgerTests.ledgerID, instance: LedgerTests.instance)
    }

    func entry(_ credential: UInt64, _ revision: UInt64, _ access: Access) throws -> [UInt8] {
        var entry = WireDesiredEntry()
        entry.credential = credential
        entry.meter = MeterName.wg0.description
        entry.key = "alice\(credential)"
        entry.revision = revision
        entry.access = WireAccess(access)
        return try entry.encoded()
    }

    func desired(
        _ revision: UInt64, whole: Bool = false, _ entries: [[UInt8]]
    ) -> WireDesired {
        var desired = WireDesired()
        desired.revision = revision
        desired.whole = whole
        desired.entries = entries.map { .init($0) }
        return desired
    }

    @Test func whatWasAdoptedIsHeldWithItsDigest() throws {
        let one = try entry(1, 3, .shut)
        let two = try entry(2, 4, .open)
        #expect(try ledger.adopt(desired(4, [one, two])))
        var digest = SetDigest()
        digest.insert(two)
        digest.insert(one)
        let position = ledger.desiredPosition()
        #expect(position.revision == 4)
        #expect(position.digest == digest.bytes)
        let held = try ledger.desired().sorted { $0.credential < $1.credential }
        #expect(held.map(\.access) == [.shut, .open])
    }

    @Test func anOlderSetChangesNothing() throws {
        _ = try ledger.adopt(desired(5, [try entry(1, 5, .shut)]))
        #expect(try ledger.adopt(desired(4, whole: true, [try entry(1, 4, .open)])) == false)
        #expect(try ledger.desired().map(\.access) == [.shut])
        #expect(ledger.desiredPosition().revision == 5)
    }

    @Test func anEntryOfALowerRevisionChangesNothing() throws {
        _ = try ledger.adopt(desired(5, [try entry(1, 5, .shut)]))
        #expect(try ledger.adopt(desired(6, [try entry(1, 4, .open)])) == false)
        #expect(try ledger.desired().map(\.access) == [.shut])
    }

    @Test func aWholeSetDropsWhatIsOpenAndKeepsWhatIsShut() throws {
        _ = try ledger.adopt(
            desired(3, [try entry(1, 1, .shut), try entry(2, 2, .shut), try entry(3, 3, .open)]))
        #expect(try ledger.adopt(desired(4, whole: true, [try entry(2, 4, .open)])))
        let held = try ledger.desired().sorted { $0.credential < $1.credential }
        #expect(held.map(\.credential) == [1, 2])
        #expect(held.map(\.access) == [.shut, .open])
    }

    @Test func anEqualRevisionOpensNobody() throws {
        _ = try ledger.adopt(desired(5, [try entry(1, 5, .shut), try entry(2, 5, .open)]))
        let other = desired(5, whole: true, [try entry(1, 5, .open), try entry(2, 5, .shut)])
        #expect(try ledger.adopt(other))
        let held = try ledger.desired().sorted { $0.credential < $1.credential }
        #expect(held.map(\.access) == [.shut, .shut])
    }

    @Test func whatIsUncountedIsNotShutAndLiftsNoShut() throws {
        _ = try ledger.adopt(desired(5, [try entry(1, 5, .shut), try entry(2, 5, .uncounted)]))
        #expect(try ledger.desired().map(\.access).filter(\.isShut) == [.shut])
        // The same revision may stand for something else after a controller was put back.
        let other = desired(5, whole: true, [try entry(1, 5, .uncounted), try entry(2, 5, .open)])
        #expect(try ledger.adopt(other))
        var held = try ledger.desired().sorted { $0.credential < $1.credential }
        #expect(held.map(\.access) == [.shut, .open])
        _ = try ledger.adopt(desired(6, [try entry(1, 6, .uncounted)]))
        held = try ledger.desired().sorted { $0.credential < $1.credential }
        #expect(held.map(\.access) == [.uncounted, .open])
        // Like what is open, it goes where a whole set lacks it.
        #expect(try ledger.adopt(desired(7, whole: true, [])))
        #expect(try ledger.desired().isEmpty)
    }

    @Test func whetherAShutIsForcedIsHeldAndOutlivesAStart() throws {
        let folder = TestFolder()
        let ledger = try CatchUpTests.open(folder.path)
        var forced = try WireDesiredEntry(decoding: try entry(1, 3, .shut))
        forced.forced = true
        let message = desired(3, [try forced.encoded(), try entry(2, 3, .shut)])
        #expect(try Ledger.wishes(in: message).map(\.isForced) == [true, false])
        _ = try ledger.adopt(message)
        let again = try CatchUpTests.open(folder.path)
        let held = try again.desired().sorted { $0.credential < $1.credential }
        #expect(held.map(\.isForced) == [true, false])
        _ = try again.adopt(desired(4, [try entry(1, 4, .shut)]))
        #expect(try again.desired().map(\.isForced) == [false, false])
    }

    @Test func theDigestFollowsEveryChangeAndOutlivesAStart() throws {
        let folder = TestFolder()
        let ledger = try CatchUpTests.open(folder.path)
        _ = try ledger.adopt(desired(5, [try entry(1, 4, .shut), try entry(2, 5, .open)]))
        _ = try ledger.adopt(desired(6, [try entry(1, 6, .open)]))
        _ = try ledger.adopt(desired(7, whole: true, [try entry(3, 7, .deleted)]))
        var digest = SetDigest()
        digest.insert(try entry(3, 7, .deleted))
        #expect(ledger.desiredPosition().digest == digest.bytes)
        let again = try CatchUpTests.open(folder.path)
        #expect(again.desiredPosition() == ledger.desiredPosition())
        let set = try again.desiredSet()
        #expect(set.revision == 7)
        #expect(Array(set.digest) == digest.bytes)
        #expect(set.entries.map { Array($0) } == [try entry(3, 7, .deleted)])
    }

    @Test func aShutDoesNotGoOverToAnotherKey() throws {
        _ = try ledger.adopt(desired(3, [try entry(1, 3, .shut), try entry(2, 3, .open)]))
        var other = try WireDesiredEntry(decoding: try entry(1, 4, .open))
        for key in ["bob", "", "alice1\u{0}"] {
            other.key = key
            _ = try ledger.adopt(desired(4, [try other.encoded(), try entry(2, 4, .shut)]))
            let held = try ledger.desired().sorted { $0.credential < $1.credential }
            #expect(held.map(\.access) == [.shut, .shut], "after an entry for \(key)")
            #expect(held.first?.key == Key("alice1", of: .v2ray))
        }
    }

    @Test func wishesAreReadWithoutTakingThemOver() throws {
        let message = desired(9, [try entry(1, 9, .shut), try entry(2, 9, .deleted)])
        #expect(try Ledger.wishes(in: message).map(\.access) == [.shut, .deleted])
        #expect(try ledger.desired().isEmpty)
    }

    @Test func brokenEntriesLeaveEverythingAsItWas() throws {
        _ = try ledger.adopt(desired(2, [try entry(1, 1, .shut)]))
        let broken = desired(3, [try entry(1, 3, .open), [0xff, 0xff, 0xff]])
        #expect(throws: LedgerError.self) { try ledger.adopt(broken) }
        #expect(try ledger.desired().map(\.access) == [.shut])
        #expect(ledger.desiredPosition().revision == 2)
    }

    @Test func keysThatAreKeptOutAreRememberedWithTheirSettings() throws {
        let key = KeptOutKey(meter: .wg0, key: .alice, isRemoved: false, settings: [1, 2, 3])
        try ledger.keepOut([key])
        try ledger.keepOut([
            KeptOutKey(meter: .wg0, key: .alice, isRemoved: true, settings: [1, 2, 3])
        ])
        let kept = try ledger.keptOut()
        #expect(kept.map(\.isRemoved) == [true])
        #expect(kept.map(\.settings) == [[1, 2, 3]])
        try ledger.letIn([.alice], at: .wg0)
        #expect(try ledger.keptOut().isEmpty)
    }
}
