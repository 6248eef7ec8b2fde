import AgentProtocol
import Foundation
import Testing

@testable import Store

/// Usage is kept in hours of the store's zone, fixed when the store is made (A11).
@Suite struct ZoneTests {
    /// A folder of its own that ends with the test.
    private final class Folder {
        let path = "\(NSTemporaryDirectory())zone-\(UUID().uuidString)"
        var store: String { "\(path)/store.sqlite" }

        deinit { try? FileManager.default.removeItem(atPath: path) }
    }

    private func zone(_ name: String) throws -> TimeZone {
        try #require(TimeZone(identifier: name))
    }

    @Test(
        "hours begin where the zone's do",
        arguments: [
            ("UTC", "2025-11-06T12:15:00Z", "2025-11-06T12:00:00Z"),
            ("Europe/Berlin", "2025-11-06T12:15:00Z", "2025-11-06T12:00:00Z"),
            ("Asia/Kolkata", "2025-11-06T12:15:00Z", "2025-11-06T11:30:00Z"),
            ("Asia/Kolkata", "2025-11-06T12:30:00Z", "2025-11-06T12:30:00Z"),
            ("Asia/Kathmandu", "2025-11-06T12:14:59Z", "2025-11-06T11:15:00Z"),
            ("Asia/Kathmandu", "2025-11-06T12:15:00Z", "2025-11-06T12:15:00Z"),
            ("Australia/Lord_Howe", "2025-07-06T12:15:00Z", "2025-07-06T11:30:00Z"),
            ("Australia/Lord_Howe", "2025-12-06T12:15:00Z", "2025-12-06T12:00:00Z"),
            ("UTC", "1969-12-31T23:59:59Z", "1969-12-31T23:00:00Z"),
        ])
    func hours(name: String, moment: String, start: String) throws {
        let formatter = ISO8601DateFormatter()
        let date = try #require(formatter.date(from: moment))
        let grid = HourGrid(zone: try zone(name))
        let hour = grid.hour(of: Int64(date.timeIntervalSince1970) * 1_000_000_000)
        #expect(formatter.string(from: Date(timeIntervalSince1970: TimeInterval(hour))) == start)
    }

    @Test func trafficIsBookedInTheZonesHour() async throws {
        let folder = Folder()
        let store = try await Store.open(path: folder.store, zone: try zone("Asia/Kolkata"))
        let server = try await store.addServer(name: "vpn1", now: Fixture.noon)
        let token = Digest.sha256([1])
        _ = try await store.addJoinToken(
            JoinOffer(hash: token, isReusable: false, expiresAt: Fixture.noon + 10),
            server: server.id, now: Fixture.noon)
        var agent = SimulatedAgent(store: store, server: server.id)
        let early = Fixture.noon - 7200 * Fixture.second
        _ = try await store.join(agent.joinRequest(token: token), now: early)
        let id = try await agent.tell([publicKey(1)])[0]
        try await agent.push([try agent.batch([WireRow(credential: id, up: 1, down: 2)])])
        let hours = try await Fixture.integers("SELECT hour FROM usage_hours", of: store)
        #expect(hours == [[Fixture.noon / Fixture.second - 45 * 60]])
    }

    @Test func aStoreKeepsItsZone() async throws {
        let folder = Folder()
        _ = try await Store.open(path: folder.store, zone: try zone("Asia/Kolkata"))
        let again = try await Store.open(path: folder.store)
        #expect(again.hours.zone.identifier == "Asia/Kolkata")
        _ = try await Store.open(path: folder.store, zone: try zone("Asia/Kolkata"))
        let other = try zone("Europe/Berlin")
        let error = await #expect(throws: StoreError.self) {
            try await Store.open(path: folder.store, zone: other)
        }
        #expect(error?.code == .invalid)
        #expect(error?.description.contains("Asia/Kolkata") == true)
    }

    @Test func aZoneThatThisSystemDoesNotKnowIsToldAndChangesNothing() async throws {
        let folder = Folder()
        let store = try await Store.open(path: folder.store, zone: .gmt)
        _ = try await store.database.write { session in
            try session.execute("UPDATE facts SET value = 'Mars/Olympus' WHERE name = 'zone'", [])
        }
        let error = await #expect(throws: StoreError.self) {
            try await Store.open(path: folder.store)
        }
        #expect(error?.code == .damaged)
        #expect(error?.description.contains("Mars/Olympus") == true)
    }

    @Test func aNewStoreTakesThisSystemsZone() async throws {
        let folder = Folder()
        let store = try await Store.open(path: folder.store)
        #expect(store.hours.zone.identifier == TimeZone.current.identifier)
    }
}
