import AgentProtocol
import SwiftProtobuf
import Testing

@testable import Store

/// What a device carried, beside what its clients were charged (A12).
@Suite struct DriftTests {
    private static let hour = 3600 * Fixture.second

    /// Tells of a device's own counter, as an agent does; returns its credential.
    private func observe(
        _ agent: SimulatedAgent, meter: String = "interface/wg0", key: String = "all",
        isMarked: Bool = true
    ) async throws -> Int64 {
        let inventory = WireInventory.with {
            $0.keys = [
                .with {
                    $0.meter = meter
                    $0.key = key
                    $0.present = true
                    $0.observed = isMarked
                }
            ]
        }
        let receipt = try await agent.store.take(inventory, from: agent.call, now: Fixture.noon)
        return try #require(receipt.assignments.first.map { Int64($0.credential) })
    }

    private func drift(_ agent: SimulatedAgent) async throws -> [DriftRecord] {
        let noon = Fixture.noon / Fixture.second
        return try await agent.store.drift(
            server: agent.server, from: noon - 86_400, to: noon + 86_400)
    }

    @Test(arguments: [true, false])
    func whatIsObservedIsNobodysClientAndInNoSum(isMarked: Bool) async throws {
        let fixture = try await Fixture()
        var agent = try await fixture.join()
        let alice = try await agent.tell([publicKey(1)])[0]
        let device = try await observe(agent, isMarked: isMarked)
        #expect(device != alice)
        try await agent.push([
            try agent.batch([
                WireRow(credential: alice, up: 100, down: 200),
                WireRow(credential: device, up: 111, down: 222),
            ])
        ])
        let store = agent.store
        #expect(try await store.clients(ClientQuery()).map(\.uplink) == [100])
        #expect(try await store.credentials(limit: 10).map(\.id) == [alice])
        let server = try await store.server(agent.server)
        #expect((server.clients, server.uplink, server.downlink) == (1, 100, 200))
        let total = try await store.fleetTotal(activeSince: 0)
        #expect((total.uplink, total.downlink, total.activeClients) == (100, 200, 1))
        #expect(try await store.countedClients(server: agent.server) == 1)
        #expect(
            try await fixture.integers("SELECT credential FROM usage_hours") == [[alice]])
    }

    @Test func hoursStandBesideEachOther() async throws {
        let fixture = try await Fixture()
        var agent = try await fixture.join()
        let clients = try await agent.tell([publicKey(1), publicKey(2)])
        let device = try await observe(agent)
        try await agent.push(
            [
                try agent.batch([
                    WireRow(credential: clients[0], up: 10, down: 1),
                    WireRow(credential: clients[1], up: 20, down: 2),
                    WireRow(credential: device, up: 30, down: 3),
                ]),
                try agent.batch(
                    [
                        WireRow(credential: clients[0], up: 15, down: 1),
                        WireRow(credential: device, up: 40, down: 3),
                    ], end: Fixture.noon + Self.hour),
            ], at: Fixture.noon + Self.hour + Fixture.second)
        let drift = try await drift(agent)
        let start = Fixture.noon / Self.hour * 3600
        #expect(
            drift == [
                DriftRecord(
                    hour: start, meter: "wireguard/wg0", uplink: 30, downlink: 3,
                    observed: .init(uplink: 30, downlink: 3)),
                DriftRecord(
                    hour: start + 3600, meter: "wireguard/wg0", uplink: 5, downlink: 0,
                    observed: .init(uplink: 10, downlink: 0)),
            ])
        let late = try await agent.store.drift(
            server: agent.server, from: start + 3600, to: start + 3601)
        #expect(late.map(\.hour) == [start + 3600])
    }

    @Test func aDeviceWithoutCountersOfItsOwnHasNothingBesideIt() async throws {
        let fixture = try await Fixture()
        var agent = try await fixture.join()
        let alice = try await agent.tell([publicKey(1)])[0]
        let elsewhere = try await observe(agent, meter: "interface/wg0@other")
        try await agent.push([
            try agent.batch([
                WireRow(credential: alice, up: 100, down: 200),
                WireRow(credential: elsewhere, up: 5, down: 6),
            ])
        ])
        let drift = try await drift(agent)
        #expect(drift.map(\.meter) == ["interface/wg0@other", "wireguard/wg0"])
        #expect(drift.map(\.observed) == [.init(uplink: 5, downlink: 6), nil])
        #expect(drift.map(\.uplink) == [0, 100])
    }

    @Test func sumsThatDoNotFitStayAtTheMostThatDoes() async throws {
        let fixture = try await Fixture()
        var agent = try await fixture.join()
        let clients = try await agent.tell([publicKey(1), publicKey(2)])
        let most = UInt64(Int64.max)
        try await agent.push([
            try agent.batch(clients.map { WireRow(credential: $0, up: most - 1, down: 0) }),
            try agent.batch(clients.map { WireRow(credential: $0, up: most, down: 1) }),
        ])
        #expect(try await drift(agent).map(\.uplink) == [.max])
        #expect(try await drift(agent).map(\.downlink) == [2])
        #expect(try await fixture.integers("SELECT uplink FROM totals") == [[.max], [.max]])
    }

    @Test func anUnknownServerIsRefused() async throws {
        let fixture = try await Fixture()
        let error = await #expect(throws: StoreError.self) {
            try await fixture.store.drift(server: 7, from: 0, to: 1)
        }
        #expect(error?.code == .notFound)
    }
}
