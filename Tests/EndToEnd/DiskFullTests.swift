import API
import Foundation
import TestSupport
import Testing

extension EndToEnd {
    @Suite struct DiskFullTests {
        @Test func anAgentWithoutSpaceCountsOnAndShutsAndRecovers() throws {
            try #require(geteuid() == 0, "namespaces need root")
            let tunnel = try Tunnel(clients: ["alice", "bob"])
            let folder = try TemporaryFolder()
            let disk = try SmallDisk(on: "\(folder.path)/agent", kilobytes: 2048)
            let fleet = try Fleet(tunnel, interval: "200ms", in: folder)
            try fleet.join()
            try fleet.startAgent()
            #expect(try eventually { try fleet.clients().count == 2 })
            let (alice, bob) = (try tunnel.client("alice"), try tunnel.client("bob"))
            try alice.ping(count: 10)
            let before = try tunnel.truth()
            #expect(try eventually { try fleet.totals() == before })

            let known = try tunnel.configured(alice)
            disk.fill()
            try bob.ping(count: 40)
            #expect(eventually { fleet.agent?.errors.contains("full") == true })
            let counted = try #require(try tunnel.truth()[alice.keys.publicKey])
            // It is carried out, and not called enforced before it is saved.
            let revoke = try fleet.attempt("client", "revoke", "alice", "--wait", "2s")
            #expect(revoke.status == 3)
            #expect(try eventually { try !alice.reachesServer(limit: 1) })
            try bob.ping(count: 40)

            disk.free()
            let isShut = try eventually(within: 60) {
                try fleet.clients()["alice"]?.status == .disabled && tunnel.configured(alice) == nil
            }
            #expect(isShut, "\(fleet.agent?.errors ?? "")")
            let isExact = {
                let key = bob.keys.publicKey
                return try fleet.totals()[key] == tunnel.truth()[key]
            }
            #expect(try eventually(within: 60, isExact))
            let booked = try #require(try fleet.totals()[alice.keys.publicKey])
            // The handshakes that she tried since are counted, and on wireguard-go her packets.
            #expect(counted <= booked)
            #expect(try booked.sent <= alice.bytesSent())
            try fleet.tollkeeper("client", "restore", "alice")
            #expect(try tunnel.configured(alice) == known)
            #expect(fleet.agent?.isRunning == true)
        }

        @Test func aControllerWithoutSpaceSaysSoAndCatchesUp() throws {
            try #require(geteuid() == 0, "namespaces need root")
            let tunnel = try Tunnel(clients: ["alice", "bob"])
            let folder = try TemporaryFolder()
            let disk = try SmallDisk(on: "\(folder.path)/controller", kilobytes: 4096)
            let fleet = try Fleet(tunnel, interval: "200ms", in: folder)
            try fleet.join()
            try fleet.startAgent()
            #expect(try eventually { try fleet.clients().count == 2 })
            let (alice, bob) = (try tunnel.client("alice"), try tunnel.client("bob"))
            try bob.ping(count: 10)

            disk.fill()
            for _ in 0..<10 { try bob.ping(count: 10) }
            #expect(eventually(within: 30) { fleet.agent?.errors.contains("503") == true })
            #expect(fleet.controller.errors.contains("disk is full"))
            // What it cannot keep it refuses, and nothing of it is done.
            let revoke = try fleet.attempt("client", "revoke", "alice", "--wait", "5s")
            #expect(revoke.status == 1)
            #expect(revoke.errors.contains("store cannot be used now"))
            #expect(try alice.reachesServer())

            disk.free()
            #expect(try eventually(within: 60) { try fleet.totals() == tunnel.truth() })
            try fleet.tollkeeper("client", "revoke", "alice")
            #expect(try !alice.reachesServer())
            #expect(fleet.controller.isRunning)
        }
    }
}

extension Tunnel {
    /// A client's preshared key and allowed IPs at the server; nil where it has no such peer.
    fileprivate func configured(_ client: TunnelClient) throws -> String? {
        let dump = try namespace.run("wg", "show", interface, "dump").split(separator: "\n")
        return dump.first { $0.hasPrefix(client.keys.publicKey) }.map { line in
            let fields = line.split(separator: "\t")
            return "\(fields[1]) \(fields[3])"
        }
    }
}
