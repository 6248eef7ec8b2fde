import Accounting
import Testing

@testable import Agent
@testable import Ledger

@Suite struct PersistenceTests {
    static let key = PublicKey((0..<32).map { _ in 7 }) ?? .zero

    func wish(_ access: Access, revision: UInt64 = 1) -> DesiredAccess {
        DesiredAccess(
            credential: revision, meter: MeterName(kind: .wireguard, device: "wg0"),
            key: .publicKey(Self.key), revision: revision, access: access)
    }

    func unmet(_ code: UnmetWish.Code) -> [UnmetWish] {
        [UnmetWish(credential: 1, code: code, detail: "")]
    }

    @Test(arguments: [
        (UnmetWish.Code.addressTaken, true), (.failed, true), (.unread, true), (.gone, false),
        (.needsNewKey, false), (.observe, false),
    ])
    func aPeerThatCannotBeLetInYetStaysCommentedOut(_ code: UnmetWish.Code, isHeld: Bool) {
        let wanted = Persistence.wanted([wish(.open)], unmet: unmet(code))
        #expect(wanted[Self.key] == (isHeld ? nil : .open))
    }

    @Test func aShutThatTheInterfaceRefusesIsKeptInTheFileAllTheSame() {
        #expect(Persistence.wanted([wish(.shut)], unmet: unmet(.failed)) == [Self.key: .shut])
    }

    @Test func theNewestWishForAKeyCounts() {
        let wishes = [wish(.open, revision: 9), wish(.deleted, revision: 4)]
        #expect(Persistence.wanted(wishes, unmet: []) == [Self.key: .open])
        #expect(Persistence.wanted(wishes.reversed(), unmet: []) == [Self.key: .open])
    }

    @Test func ofDevicesWithOneNameTheHostsOwnHasTheFile() throws {
        let host = try #require(MeterName("wireguard/wg0"))
        let other = try #require(MeterName("wireguard/wg0@office"))
        let third = try #require(MeterName("wireguard/wg1@office"))
        #expect(Persistence.owns(host, among: [host, other, third]))
        #expect(!Persistence.owns(other, among: [host, other, third]))
        #expect(Persistence.owns(other, among: [other, third]))
        #expect(Persistence.owns(third, among: [host, other, third]))
    }
}
