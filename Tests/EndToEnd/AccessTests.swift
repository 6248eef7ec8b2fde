import API
import Foundation
import TestSupport
import Testing

extension EndToEnd {
    @Suite struct AccessTests {
        /// A tunnel with two clients, metered and joined, both clients known to the controller.
        func start(
            interval: String = "500ms", settings: [String: String] = [:]
        ) throws -> (Tunnel, Fleet) {
            try Fleet.metering(["alice", "bob"], interval: interval, settings: settings)
        }

        func peer(_ tunnel: Tunnel, _ name: String) throws -> String? {
            let key = try tunnel.client(name).keys.publicKey
            let dump = try tunnel.namespace.run("wg", "show", tunnel.interface, "dump")
            let line = dump.split(separator: "\n").first { $0.hasPrefix(key) }
            // Public key, preshared key, endpoint, allowed IPs.
            return line.map { line in
                let fields = line.split(separator: "\t")
                return "\(fields[0]) \(fields[1]) \(fields[3])"
            }
        }

        /// Whether a client's peer is kept out: the kernel's is blocked before it is removed.
        func isShut(_ tunnel: Tunnel, _ name: String) throws -> Bool {
            guard let peer = try peer(tunnel, name) else { return true }
            return tunnel.kind == .kernel && peer.hasSuffix(" (none)")
        }

        @Test func aRevokeStopsTheTrafficAndARestoreBringsBackTheVeryPeer() throws {
            let (tunnel, fleet) = try start(interval: "60s")
            let alice = try tunnel.client("alice")
            let before = try peer(tunnel, "alice")
            #expect(try alice.reachesServer())
            let revoked = try fleet.tollkeeper("client", "revoke", "alice")
            #expect(revoked.contains("enforced"))
            #expect(try isShut(tunnel, "alice"))
            #expect(try !alice.reachesServer())
            #expect(try tunnel.client("bob").reachesServer())
            #expect(try fleet.clients()["alice"]?.status == .disabled)

            let restored = try fleet.tollkeeper("client", "restore", "alice")
            #expect(restored.contains("enforced"))
            #expect(try peer(tunnel, "alice") == before)
            #expect(try eventually(within: 40) { try alice.reachesServer() })
            #expect(try fleet.clients()["alice"]?.status == .active)
        }

        @Test func theLastBytesBeforeARevokeAreCounted() throws {
            let (tunnel, fleet) = try start(interval: "60s")
            let alice = try tunnel.client("alice")
            try fleet.tollkeeper("server", "sync", "host")
            try alice.ping(count: 50, size: 1000)
            let truth = try #require(try tunnel.transfer()[alice.keys.publicKey])
            try fleet.tollkeeper("client", "revoke", "alice")
            let isWhole = try eventually {
                let credential = try fleet.credentials().first { $0.key == alice.keys.publicKey }
                guard let credential else { return false }
                return credential.bytesSent + credential.baselineSent >= Int64(truth.received)
            }
            #expect(isWhole)
        }

        @Test func aRevokedPeerStaysOutWhateverBringsItBack() throws {
            let (tunnel, fleet) = try start()
            let alice = try tunnel.client("alice")
            try fleet.tollkeeper("client", "revoke", "alice")
            try tunnel.synchronise()
            #expect(try eventually { try peer(tunnel, "alice") == nil })
            try tunnel.restart()
            #expect(try eventually { try peer(tunnel, "alice") == nil })
            #expect(try peer(tunnel, "bob") != nil)

            // The controller is away, the agent starts anew, and somebody brings the peer back.
            fleet.killController()
            fleet.killAgent()
            try tunnel.synchronise()
            #expect(try peer(tunnel, "alice") != nil)
            try fleet.startAgent()
            #expect(try eventually { try peer(tunnel, "alice") == nil })
            #expect(try !alice.reachesServer())
            try fleet.startController()
            #expect(try eventually { try fleet.clients()["alice"]?.status == .disabled })
        }

        @Test func aRevokeWhileTheAgentIsAwayIsSavedAndEnforcedLater() throws {
            let (tunnel, fleet) = try start()
            fleet.killAgent()
            let revoke = try fleet.attempt("client", "revoke", "alice", "--wait", "1s")
            #expect(revoke.status == 3)
            #expect(try fleet.clients()["alice"]?.status == .revoking)
            #expect(try peer(tunnel, "alice") != nil)
            try fleet.startAgent()
            #expect(try eventually { try peer(tunnel, "alice") == nil })
            #expect(try eventually { try fleet.clients()["alice"]?.status == .disabled })
        }

        @Test func anAddressThatSomebodyElseHasNowIsNotTakenAway() throws {
            let (tunnel, fleet) = try start()
            let alice = try tunnel.client("alice")
            try fleet.tollkeeper("client", "revoke", "alice")
            let other = try KeyPair()
            try tunnel.namespace.run(
                "wg", "set", tunnel.interface, "peer", other.publicKey, "allowed-ips",
                "\(alice.address)/32")
            let restore = try fleet.attempt("client", "restore", "alice", "--wait", "2s")
            #expect(restore.status != 0)
            #expect((restore.output + restore.errors).contains(other.publicKey))
            let owner = try tunnel.namespace.run("wg", "show", tunnel.interface, "allowed-ips")
            #expect(owner.contains("\(other.publicKey)\t\(alice.address)/32"))
            try tunnel.namespace.run(
                "wg", "set", tunnel.interface, "peer", other.publicKey, "remove")
            #expect(try eventually { try fleet.clients()["alice"]?.status == .active })
        }

        @Test func aPeerThatSomebodyElseRemovedIsNotMadeAgain() throws {
            let (tunnel, fleet) = try start()
            let bob = try tunnel.client("bob")
            try tunnel.namespace.run(
                "wg", "set", tunnel.interface, "peer", bob.keys.publicKey, "remove")
            try fleet.tollkeeper("client", "revoke", "bob")
            let restore = try fleet.attempt("client", "restore", "bob", "--wait", "2s")
            #expect(restore.status != 0)
            #expect(try peer(tunnel, "bob") == nil)
        }

        @Test func aDeletedClientStaysOut() throws {
            let (tunnel, fleet) = try start()
            try fleet.tollkeeper("client", "delete", "alice", "--yes")
            #expect(try eventually { try peer(tunnel, "alice") == nil })
            try tunnel.synchronise()
            #expect(try eventually { try peer(tunnel, "alice") == nil })
            #expect(try fleet.clients()["alice"] == nil)
            #expect(try fleet.clients()["bob"] != nil)
        }

        @Test func anObservedHostIsNotTouched() throws {
            let (tunnel, fleet) = try start(settings: ["TOLLKEEPER_AGENT_MODE": "observe"])
            let before = try tunnel.namespace.run("wg", "showconf", tunnel.interface)
            let revoke = try fleet.attempt("client", "revoke", "alice", "--wait", "2s")
            #expect(revoke.status == 3)
            #expect((revoke.output + revoke.errors).contains("observe"))
            let after = try tunnel.namespace.run("wg", "showconf", tunnel.interface)
            #expect(after.split(separator: "\n").sorted() == before.split(separator: "\n").sorted())
        }

        @Test func whatTheAgentDoesNotLookAtIsNotCalledShut() throws {
            let (tunnel, fleet) = try start()
            fleet.killAgent()
            try fleet.startAgent(environment: ["TOLLKEEPER_AGENT_WIREGUARD": "other"])
            let revoke = try fleet.attempt("client", "revoke", "alice", "--wait", "3s")
            #expect(revoke.status != 0)
            #expect((revoke.output + revoke.errors).contains("settings leave"))
            #expect(try fleet.clients()["alice"]?.status == .revoking)
            #expect(try tunnel.client("alice").reachesServer())
        }

        @Test func outcomesOfALaterStartAreBooked() throws {
            let (tunnel, fleet) = try start()
            for _ in 0..<3 {
                try fleet.tollkeeper("client", "revoke", "alice")
                try fleet.tollkeeper("client", "restore", "alice")
            }
            fleet.killAgent()
            try fleet.startAgent()
            #expect(try fleet.attempt("client", "revoke", "bob").status == 0)
            #expect(try fleet.clients()["bob"]?.status == .disabled)
            #expect(try peer(tunnel, "bob") == nil)
        }

        @Test func aHostThatJoinsAgainRestoresWhomItShutBefore() throws {
            let (tunnel, fleet) = try start()
            let before = try peer(tunnel, "alice")
            try fleet.tollkeeper("client", "revoke", "alice")
            fleet.stopAgent()
            try fleet.join()
            try fleet.startAgent()
            #expect(try fleet.attempt("client", "restore", "alice", "--wait", "20s").status == 0)
            #expect(try peer(tunnel, "alice") == before)
            #expect(try fleet.clients().count == 2)
        }

        @Test func releaseOpensWhatWasShut() throws {
            let (tunnel, fleet) = try start()
            let before = try peer(tunnel, "alice")
            try fleet.tollkeeper("client", "revoke", "alice")
            let running = try fleet.tollkeeperAgent("release", "--reopen")
            #expect(running.status == 1)
            #expect(running.errors.contains("stop it first"))
            fleet.stopAgent()
            let listed = try fleet.tollkeeperAgent("release")
            #expect(listed.output.contains(try tunnel.client("alice").keys.publicKey))
            #expect(try isShut(tunnel, "alice"))
            #expect(try fleet.tollkeeperAgent("release", "--reopen").status == 0)
            #expect(try peer(tunnel, "alice") == before)
        }
    }
}
