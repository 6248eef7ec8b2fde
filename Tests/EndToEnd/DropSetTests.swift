import Foundation
import TestSupport
import Testing

extension EndToEnd {
    /// The drop set, where the VPN's interface and the agent are in one namespace.
    @Suite struct DropSetTests {
        private func start() throws -> (Tunnel, Fleet) {
            let tunnel = try Tunnel(clients: ["alice", "bob"], on: .userspace)
            let fleet = try Fleet(tunnel, inside: tunnel.namespace)
            try fleet.join()
            try fleet.startAgent()
            #expect(try eventually { try fleet.clients().count == 2 })
            return (tunnel, fleet)
        }

        /// What stands in the agent's table; nil where there is none.
        private func table(in place: Namespace) throws -> String? {
            guard try place.run("nft", "list", "tables").contains("inet tollkeeper") else {
                return nil
            }
            // It may go just now.
            return try? place.run("nft", "list", "table", "inet", "tollkeeper")
        }

        @Test func aShutPeerThatSomebodyAddsAgainPassesNothing() throws {
            let (tunnel, fleet) = try start()
            let alice = try tunnel.client("alice")
            let bob = try tunnel.client("bob")
            #expect(try alice.reachesServer() && bob.reachesServer())
            #expect(try table(in: tunnel.namespace) == nil)
            #expect(try fleet.tollkeeper("client", "revoke", "alice").contains("enforced"))
            let dropped = try #require(try table(in: tunnel.namespace))
            #expect(dropped.contains("\"\(tunnel.interface)\" . \(alice.address) "))
            #expect(!dropped.contains(bob.address))
            let status = try fleet.tollkeeperAgent("status")
            #expect(status.output.contains("inet tollkeeper: 0 ports and addresses counted"))

            // Nobody is there to remove the peer again.
            fleet.killAgent()
            try tunnel.synchronise()
            #expect(
                try tunnel.namespace.run("wg", "show", tunnel.interface, "peers")
                    .contains(alice.keys.publicKey))
            #expect(try !alice.reachesServer(limit: 3))
            #expect(try !alice.isReachedByServer(limit: 3))
            #expect(try eventually { try bob.reachesServer() && bob.isReachedByServer() })

            try fleet.startAgent()
            #expect(
                try eventually {
                    try !tunnel.namespace.run("wg", "show", tunnel.interface, "peers")
                        .contains(alice.keys.publicKey)
                })
            #expect(try fleet.tollkeeper("client", "restore", "alice").contains("enforced"))
            #expect(try eventually(within: 40) { try alice.reachesServer() })
            #expect(try table(in: tunnel.namespace) == nil)
        }

        @Test func anOpenPeerHasTheAddressOfAShutOne() throws {
            let (tunnel, fleet) = try start()
            let alice = try tunnel.client("alice")
            let bob = try tunnel.client("bob")
            try fleet.tollkeeper("client", "revoke", "alice")
            #expect(try table(in: tunnel.namespace)?.contains(alice.address) == true)
            try tunnel.namespace.run(
                "wg", "set", tunnel.interface, "peer", bob.keys.publicKey, "allowed-ips",
                "\(bob.address)/32,\(alice.address)/32")
            #expect(try eventually { try table(in: tunnel.namespace) == nil })
            #expect(try eventually { try bob.reachesServer() })
        }

        @Test func theEarlyUnitDropsAndReleaseRemovesEverything() throws {
            let (tunnel, fleet) = try start()
            let alice = try tunnel.client("alice")
            try fleet.tollkeeper("client", "revoke", "alice")
            fleet.stopAgent()
            #expect(try table(in: tunnel.namespace) != nil)
            // As after a boot: nothing is there but the ledger.
            try tunnel.namespace.run("nft", "flush", "ruleset")
            #expect(try fleet.tollkeeperAgent("early").status == 0)
            let dropped = try #require(try table(in: tunnel.namespace))
            #expect(dropped.contains("\"\(tunnel.interface)\" . \(alice.address) "))
            try tunnel.synchronise()
            #expect(try !alice.reachesServer(limit: 3))
            #expect(try eventually { try tunnel.client("bob").reachesServer() })

            let observed = ["TOLLKEEPER_AGENT_MODE": "observe"]
            try tunnel.namespace.run("nft", "flush", "ruleset")
            #expect(try fleet.tollkeeperAgent("early", environment: observed).status == 0)
            #expect(try table(in: tunnel.namespace) == nil)

            #expect(try fleet.tollkeeperAgent("early").status == 0)
            let release = try fleet.tollkeeperAgent("release")
            #expect(release.output.contains("removed: the table inet tollkeeper"))
            #expect(try table(in: tunnel.namespace) == nil)
        }
    }
}
