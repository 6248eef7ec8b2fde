import Accounting
import Meters
import Testing

@testable import Agent
@testable import Ledger

@Suite struct EnforcementPlanTests {
    static let key = Key.text("a")
    static let address = AddressRange("10.0.0.2/32")
    static let peer = PeerSettings(key: key, addresses: [address].compactMap { $0 })
    static let blocked = PeerSettings(key: key)

    func wish(_ access: Access) -> DesiredAccess {
        DesiredAccess(
            credential: 1, meter: MeterName(kind: .wireguard, device: "wg0"), key: Self.key,
            revision: 1, access: access)
    }

    func plan(
        _ access: Access, present: PeerSettings?, kept: KeptOut? = nil, blocksInPlace: Bool = true,
        now: UInt64 = 10_000_000_000, wasCounted: Bool = true, configured: PeerSettings? = nil,
        observing: Bool = false
    ) -> EnforcementPlan {
        let view = MeterView(
            present: present.map { [Self.key: $0] } ?? [:],
            kept: kept.map { [Self.key: $0] } ?? [:],
            blocksInPlace: blocksInPlace, now: now, wasCounted: { _ in wasCounted },
            configured: { _ in configured })
        return EnforcementPlan(for: [wish(access)], in: view, observing: observing)
    }

    @Test(arguments: [Access.shut, .deleted])
    func anOpenPeerIsSavedAndBlocked(_ access: Access) {
        let plan = plan(access, present: Self.peer)
        #expect(plan.save == [Self.peer])
        #expect(plan.block == [Self.key])
        #expect(plan.remove.isEmpty)
        #expect(plan.fulfilled.isEmpty)
    }

    @Test func aPeerOfAUserspaceDeviceIsSavedAndRemoved() {
        let plan = plan(.shut, present: Self.peer, blocksInPlace: false)
        #expect(plan.save == [Self.peer])
        #expect(plan.block.isEmpty)
        #expect(plan.remove == [Self.key])
    }

    @Test func aBlockedPeerIsRemovedOnlyAfterItSettled() {
        var kept = KeptOut(settings: Self.peer, isRemoved: false, blockedAt: 9_500_000_000)
        #expect(plan(.shut, present: Self.blocked, kept: kept).remove.isEmpty)
        kept.blockedAt = 9_000_000_000
        let plan = plan(.shut, present: Self.blocked, kept: kept)
        #expect(plan.remove == [Self.key])
        #expect(plan.save.isEmpty)
        #expect(plan.fulfilled.count == 1)
    }

    @Test func whatTheLedgerDoesNotHaveYetIsSavedAndNotRemoved() {
        let kept = KeptOut(settings: Self.peer, isRemoved: false, isSaved: false, blockedAt: 0)
        let plan = plan(.shut, present: Self.blocked, kept: kept)
        #expect(plan.save == [Self.peer])
        #expect(plan.remove.isEmpty)
        #expect(plan.block.isEmpty)
    }

    @Test func whatWasNotBookedIsBlockedButNeitherRemovedNorOpened() {
        var shut = plan(.shut, present: Self.peer)
        shut.holdRemovals(of: [wish(.shut)], in: [Self.key: Self.peer], because: "no room")
        #expect(shut.block == [Self.key])
        #expect(shut.exceptions.isEmpty)
        var userspace = plan(.shut, present: Self.peer, blocksInPlace: false)
        userspace.holdRemovals(of: [wish(.shut)], in: [Self.key: Self.peer], because: "no room")
        #expect(userspace.remove.isEmpty)
        #expect(userspace.block == [Self.key])
        #expect(userspace.exceptions.isEmpty)
        let kept = KeptOut(settings: Self.peer, isRemoved: false, blockedAt: 0)
        var settled = plan(.shut, present: Self.blocked, kept: kept)
        settled.holdRemovals(of: [wish(.shut)], in: [Self.key: Self.blocked], because: "no room")
        #expect(settled.remove.isEmpty)
        #expect(settled.exceptions.isEmpty)
        let removed = KeptOut(settings: Self.peer, isRemoved: true, blockedAt: nil)
        var open = plan(.open, present: nil, kept: removed)
        open.holdRemovals(of: [wish(.open)], in: [:], because: "no room")
        #expect(open.restore.isEmpty)
        #expect(open.exceptions.count == 1)
    }

    @Test func aPeerOfAUserspaceDeviceThatWasEmptiedUnsavedIsSavedAsItWasBeforeItIsRemoved() {
        let unsaved = KeptOut(settings: Self.peer, isRemoved: false, isSaved: false)
        let plan = plan(.shut, present: Self.blocked, kept: unsaved, blocksInPlace: false)
        #expect(plan.save == [Self.peer])
        #expect(plan.remove == [Self.key])
        var held = plan
        held.holdRemovals(of: [wish(.shut)], in: [Self.key: Self.blocked], because: "no room")
        #expect(held.block.isEmpty && held.remove.isEmpty)
        #expect(held.fulfilled.count == 1)
        // The agent was started anew meanwhile: what it knew of the peer is in the file.
        let forgotten = self.plan(
            .shut, present: Self.blocked, blocksInPlace: false, configured: Self.peer)
        #expect(forgotten.save == [Self.peer])
    }

    @Test func aPeerThatSomebodyElseBlockedIsLeftAlone() {
        let plan = plan(.shut, present: Self.blocked)
        #expect(!plan.hasWork)
        #expect(plan.fulfilled.count == 1)
    }

    @Test func settingsAreNeverSavedFromAPeerThatWasEmptied() {
        let kept = KeptOut(settings: Self.peer, isRemoved: false, blockedAt: 0)
        #expect(plan(.shut, present: Self.blocked, kept: kept).save.isEmpty)
    }

    @Test func aPeerThatCameBackIsBlockedAgain() {
        let kept = KeptOut(settings: Self.peer, isRemoved: true, blockedAt: nil)
        #expect(plan(.shut, present: Self.peer, kept: kept).block == [Self.key])
    }

    @Test func whatIsNotThereIsShut() {
        let plan = plan(.shut, present: nil)
        #expect(!plan.hasWork)
        #expect(plan.fulfilled.count == 1)
    }

    @Test func anObservedHostIsNotTouched() {
        let shut = plan(.shut, present: Self.peer, observing: true)
        #expect(!shut.hasWork)
        #expect(shut.exceptions.map(\.code) == [.observe])
        let kept = KeptOut(settings: Self.peer, isRemoved: true, blockedAt: nil)
        let open = plan(.open, present: nil, kept: kept, observing: true)
        #expect(!open.hasWork)
        #expect(open.exceptions.map(\.code) == [.observe])
    }

    @Test func whatTheAgentRemovedIsPutBackAsItWas() {
        let kept = KeptOut(settings: Self.peer, isRemoved: true, blockedAt: nil)
        #expect(plan(.open, present: nil, kept: kept).restore == [Self.peer])
        let blocked = KeptOut(settings: Self.peer, isRemoved: false, blockedAt: 1)
        #expect(plan(.open, present: Self.blocked, kept: blocked).restore == [Self.peer])
    }

    @Test func whatSomebodyElseRemovedIsNotMadeAgain() {
        #expect(plan(.open, present: nil).exceptions.map(\.code) == [.gone])
        let blocked = KeptOut(settings: Self.peer, isRemoved: false, blockedAt: 1)
        let plan = plan(.open, present: nil, kept: blocked)
        #expect(plan.restore.isEmpty)
        #expect(plan.exceptions.map(\.code) == [.gone])
    }

    @Test func afterALostLedgerTheConfigurationFileRestores() {
        let plan = plan(.open, present: nil, wasCounted: false, configured: Self.peer)
        #expect(plan.restore == [Self.peer])
    }

    @Test func afterALostLedgerWithoutAFileANewKeyIsNeeded() {
        let plan = plan(.open, present: nil, wasCounted: false)
        #expect(plan.restore.isEmpty)
        #expect(plan.exceptions.map(\.code) == [.needsNewKey])
    }

    /// An agent on a full disk blocks, and remembers what it blocked only as long as it runs.
    @Test func aPeerThatIsEmptyAndNobodyRemembersIsNotToldToBeOpen() {
        let restored = plan(.open, present: Self.blocked, configured: Self.peer)
        #expect(restored.restore == [Self.peer])
        let lost = plan(.open, present: Self.blocked)
        #expect(!lost.hasWork && lost.fulfilled.isEmpty)
        #expect(lost.exceptions.map(\.code) == [.needsNewKey])
        let empty = plan(.open, present: Self.blocked, configured: Self.blocked)
        #expect(!empty.hasWork && empty.exceptions.isEmpty)
        #expect(empty.fulfilled.count == 1)
    }

    @Test func anOpenPeerThatIsOpenIsDoneAndForgotten() {
        let kept = KeptOut(settings: Self.peer, isRemoved: true, blockedAt: nil)
        let plan = plan(.open, present: Self.peer, kept: kept)
        #expect(!plan.hasWork)
        #expect(plan.forget == [Self.key])
        #expect(plan.fulfilled.count == 1)
    }
}
