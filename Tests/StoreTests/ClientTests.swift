import Testing

@testable import Store

@Suite struct ClientTests {
    @Test func pagesMeetWithoutGapOrRepeat() async throws {
        let fixture = try await Fixture()
        let agent = try await fixture.join()
        let names = (1...25).map { "client\($0 % 5)" }
        _ = try await agent.tell((1...25).map(publicKey), names: names)
        for order in ClientQuery.Order.allCases {
            for isDescending in [false, true] {
                var query = ClientQuery()
                (query.order, query.isDescending, query.limit) = (order, isDescending, 4)
                var seen: [ClientRecord] = []
                while true {
                    let page = try await fixture.store.clients(query)
                    seen += page
                    guard let last = page.last else { break }
                    query.after = ClientQuery.Position(id: last.id, name: last.name)
                }
                #expect(Set(seen.map(\.id)).count == 25 && seen.count == 25)
                let sorted = seen.sorted {
                    let isBefore =
                        order == .id ? $0.id < $1.id : ($0.name, $0.id) < ($1.name, $1.id)
                    return isDescending ? !isBefore && $0.id != $1.id : isBefore
                }
                #expect(seen.map(\.id) == sorted.map(\.id))
            }
        }
    }

    @Test func filtersSelect() async throws {
        let fixture = try await Fixture()
        let first = try await fixture.join()
        let second = try await fixture.join("vpn2")
        _ = try await first.tell([publicKey(1), publicKey(2)], names: ["a", "b"])
        _ = try await second.tell([publicKey(2), publicKey(3)], names: ["b", "c"])
        let all = try await fixture.store.clients(ClientQuery())
        _ = try await fixture.store.revoke(client: all[1].id, now: 1)
        func names(_ change: (inout ClientQuery) -> Void) async throws -> [String] {
            var query = ClientQuery()
            change(&query)
            return try await fixture.store.clients(query).map(\.name)
        }
        #expect(try await names { $0.name = "b" } == ["b"])
        #expect(try await names { $0.name = "B" } == [])
        #expect(try await names { $0.server = first.server } == ["a", "b"])
        #expect(try await names { $0.key = publicKey(3) } == ["c"])
        #expect(try await names { $0.key = "' OR 1 = 1 --" } == [])
        #expect(
            try await names { $0.status = .init(isShut: true, isPending: true) } == ["b"])
        #expect(
            try await names { $0.status = .init(isShut: false, isPending: false) } == ["a", "c"])
    }

    @Test func aServersListHasThatServersShare() async throws {
        let fixture = try await Fixture()
        var first = try await fixture.join()
        var second = try await fixture.join("vpn2")
        let one = try await first.tell([publicKey(1)])[0]
        let two = try await second.tell([publicKey(1)])[0]
        try await first.push([try first.batch([WireRow(credential: one, up: 10, down: 1)])])
        try await second.push([try second.batch([WireRow(credential: two, up: 5, down: 2)])])
        var query = ClientQuery()
        #expect(try await fixture.store.clients(query).map(\.uplink) == [15])
        query.server = second.server
        #expect(try await fixture.store.clients(query).map(\.uplink) == [5])
        let total = try await fixture.store.fleetTotal(activeSince: 0)
        #expect(total == FleetTotal(uplink: 15, downlink: 3, activeClients: 1))
        let later = try await fixture.store.fleetTotal(activeSince: Fixture.noon + 1)
        #expect(later.activeClients == 0)
    }

    @Test(arguments: ["", "a\nb", "\u{7f}", String(repeating: "x", count: 256)])
    func whatIsNoNameForAClientIsRefused(name: String) async throws {
        let fixture = try await Fixture()
        let agent = try await fixture.join()
        _ = try await agent.tell([publicKey(1)], names: ["alice"])
        let client = try #require(try await fixture.store.clients(ClientQuery()).first)
        let error = await #expect(throws: StoreError.self) {
            try await fixture.store.change(client: client.id, name: name, note: "n")
        }
        #expect(error?.code == .invalid)
        #expect(try await fixture.store.client(client.id) == client)
    }

    @Test func anOperatorsNameStands() async throws {
        let fixture = try await Fixture()
        let agent = try await fixture.join()
        _ = try await agent.tell([publicKey(1)])
        let id = try #require(try await fixture.store.clients(ClientQuery()).first?.id)
        try await fixture.store.change(client: id, name: "bob", note: "phone")
        _ = try await agent.tell([publicKey(1)], names: ["alice"])
        let client = try await fixture.store.client(id)
        #expect(client.name == "bob" && client.note == "phone")
    }

    @Test func aTokenIsFoundByItsHashUntilItIsRemoved() async throws {
        let fixture = try await Fixture()
        let hash = [UInt8](repeating: 1, count: 32)
        let token = try await fixture.store.addToken(
            hash: hash, name: "bot", scope: "read", now: 5)
        #expect(try await fixture.store.token(hash: hash) == token)
        try await fixture.store.noteUse(ofToken: token.id, now: 9)
        #expect(try await fixture.store.tokens().map(\.lastUsedAt) == [9])
        try await fixture.store.removeToken(token.id)
        #expect(try await fixture.store.token(hash: hash) == nil)
    }
}
