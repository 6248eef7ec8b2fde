import API
import Foundation
import TestSupport
import Testing

extension EndToEnd {
    /// `kill -9` at random moments. `make kills KILLS=500` runs more of them.
    @Suite struct KillTests {
        /// How many kills there are: in `make test` few, in the guest fewer.
        static let kills = Chance.count("TEST_KILLS", usual: Guest.isHere ? 5 : 20)

        @Test func totalsStayExactOverRandomKillsUnderTraffic() throws {
            try #require(geteuid() == 0, "namespaces need root")
            let seed = Chance.seed(of: "kills")
            let tunnel = try Tunnel(clients: ["alice", "bob", "mallory"])
            let fleet = try Fleet(tunnel, interval: "200ms")
            try fleet.join()
            try fleet.startAgent()
            #expect(try eventually { try fleet.clients().count == 3 })
            let traffic = try tunnel.clients.flatMap { client in
                [try client.pingSteadily(), try client.isPingedSteadily()]
            }
            try fleet.tollkeeper("client", "revoke", "mallory")

            var storm = try KillStorm(tunnel, fleet, revoked: "mallory", seed: seed)
            try storm.run(kills: Self.kills)
            print("kills: \(Self.kills) kills, \(storm.looks) looks")
            #expect(storm.looks > Self.kills / 5)

            traffic.forEach { $0.stop() }
            let isExact = try eventually(within: 60) {
                let (booked, truth) = (try fleet.totals(), try tunnel.truth())
                return try ["alice", "bob"].allSatisfy { name in
                    let key = try tunnel.client(name).keys.publicKey
                    return booked[key] == truth[key]
                }
            }
            let (booked, truth) = (try fleet.totals(), try tunnel.truth())
            #expect(isExact, "\(booked) is not \(truth)")
            #expect(try storm.look())
            #expect(
                try eventually(within: 60) { try fleet.clients()["mallory"]?.status == .disabled })
            #expect(try !tunnel.client("mallory").reachesServer())
            #expect(try tunnel.client("alice").reachesServer())
        }
    }
}
