import Accounting
import Ledger
import Testing

@testable import Agent

@Suite struct PortPlanTests {
    static func wish(
        _ key: String, _ access: Access, credential: UInt64 = 1, forced: Bool = false
    ) -> DesiredAccess {
        DesiredAccess(
            credential: credential, meter: MeterName(kind: .ports, device: "inet"),
            key: .text(key), revision: 1, access: access, isForced: forced)
    }

    func plan(
        _ wishes: [DesiredAccess], named: Set<String> = [], keeping: Set<String> = [],
        observing: Bool = false
    ) -> PortPlan {
        PortPlan(
            for: wishes, named: Set(named.compactMap { PortKey($0) }),
            keeping: Set(keeping.compactMap { PortKey($0) }), observing: observing
        ) { $0.description == "tcp/22" ? "it is ssh" : nil }
    }

    func keys(_ ports: Set<PortKey>) -> [String] { ports.map(\.description).sorted() }

    @Test func whatIsOpenOrShutIsCounted() {
        let plan = plan(
            [Self.wish("tcp/1", .open), Self.wish("tcp/2", .shut), Self.wish("tcp/3", .deleted)],
            named: ["udp/4"])
        #expect(keys(plan.counted) == ["tcp/1", "tcp/2", "tcp/3", "udp/4"])
        #expect(keys(plan.shut) == ["tcp/2", "tcp/3"])
        #expect(plan.fulfilled.count == 3)
        #expect(plan.unmet.isEmpty)
    }

    @Test func whatIsCleanedIsNotCountedAnyMore() {
        let plan = plan([Self.wish("udp/4", .uncounted)], named: ["udp/4", "udp/5"])
        #expect(keys(plan.counted) == ["udp/5"])
        #expect(plan.fulfilled.count == 1)
    }

    @Test func aKeyThatIsNamedAgainIsTheNewestCredentials() {
        let wishes = [
            Self.wish("tcp/1", .open, credential: 9), Self.wish("tcp/1", .uncounted, credential: 4),
        ]
        for order in [wishes, wishes.reversed()] {
            let plan = plan(order)
            #expect(keys(plan.counted) == ["tcp/1"])
            #expect(plan.fulfilled.count == 2)
        }
    }

    @Test func aByteIsCountedUnderOneKey() {
        let wishes = [
            Self.wish("tcp/80-90", .open, credential: 5), Self.wish("tcp/85", .shut, credential: 6),
            Self.wish("udp/85", .open, credential: 7), Self.wish("tcp/90-99", .open, credential: 8),
            Self.wish("ip/10.8.1.0/24", .open, credential: 9),
            Self.wish("ip/10.8.1.7", .open, credential: 10),
            Self.wish("ip/10.8.0.0/16", .open, credential: 11),
            Self.wish("ip/10.9.1.7", .open, credential: 12),
        ]
        let plan = plan(wishes, named: ["tcp/99"])
        #expect(
            keys(plan.counted) == [
                "ip/10.8.1.0/24", "ip/10.9.1.7", "tcp/80-90", "tcp/99", "udp/85",
            ])
        #expect(plan.unmet.map(\.credential) == [6, 8, 10, 11])
        #expect(plan.unmet.first?.detail.contains("tcp/80-90") == true)
        // It is shut all the same.
        #expect(keys(plan.shut) == ["tcp/85"])
    }

    @Test func whatIsNotBookedStaysCounted() {
        let plan = plan([Self.wish("udp/4", .uncounted)], keeping: ["udp/4"])
        #expect(keys(plan.counted) == ["udp/4"])
        #expect(plan.unmet.map(\.code) == [.failed])
    }

    @Test func sshIsShutOnlyByForce() {
        let refused = plan([Self.wish("tcp/22", .shut)])
        #expect(refused.shut.isEmpty)
        #expect(refused.unmet.map(\.code) == [.protected])
        #expect(refused.unmet.map(\.detail) == ["it is ssh"])
        #expect(keys(plan([Self.wish("tcp/22", .shut, forced: true)]).shut) == ["tcp/22"])
    }

    @Test func anObservedHostIsNotShut() {
        let plan = plan([Self.wish("tcp/1", .shut)], observing: true)
        #expect(plan.shut.isEmpty)
        #expect(keys(plan.counted) == ["tcp/1"])
        #expect(plan.unmet.map(\.code) == [.observe])
    }

    @Test func whatCannotBeCountedIsToldAndHoldsNobodyUp() {
        let plan = plan([Self.wish("comment/x", .shut), Self.wish("tcp/2", .shut, credential: 2)])
        #expect(keys(plan.shut) == ["tcp/2"])
        #expect(plan.unmet.map(\.credential) == [1])
    }
}
