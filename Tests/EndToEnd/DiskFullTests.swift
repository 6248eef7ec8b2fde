import API
import Foundation
import TestSupport
import Testing

extension EndToEnd {
    @Suite struct DiskFullTests {
        @Test func anAgentWithoutSpaceCountsOnAndShutsAndRecovers() throws {
            let (disk, folder) = try SmallDisk.forAgent()
            let (tunnel, fleet) = try Fleet.metering(
                ["alice", "bob"], interval: "200ms", in: folder)
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

        @Test func anAgentThatStartsWithoutSpaceBlocksAndGoesOn() throws {
            try startWithoutSpace { $0.killAgent() }
        }

        @Test func anAgentThatStartsWithoutSpaceAfterAStopBlocksAndGoesOn() throws {
            // Then it has neither a WAL nor room to make one.
            try startWithoutSpace { $0.stopAgent() }
        }

        private func startWithoutSpace(after end: (Fleet) -> Void) throws {
            let (disk, folder) = try SmallDisk.forAgent()
            let (tunnel, fleet) = try Fleet.metering(
                ["alice", "bob"], interval: "200ms", in: folder)
            let (alice, bob) = (try tunnel.client("alice"), try tunnel.client("bob"))
            try bob.ping(count: 10)
            #expect(try eventually { try fleet.totals() == tunnel.truth() })
            let known = try tunnel.configured(alice)
            try fleet.tollkeeper("client", "revoke", "alice")
            end(fleet)

            disk.fill()
            try tunnel.synchronise()
            #expect(try tunnel.configured(alice) == known)
            try fleet.startAgent()
            #expect(eventually { fleet.agent?.errors.contains("its disk is full") == true })
            #expect(try eventually { try !alice.reachesServer(limit: 1) })
            #expect(try bob.reachesServer())
            let status = try fleet.tollkeeperAgent("status").output
            #expect(status.contains("its disk is full"), "\(status)")
            #expect(fleet.agent?.isRunning == true)
            let complaints = fleet.agent?.errors.split(separator: "\n").filter {
                $0.contains("error") && $0.contains("disk is full")
            }
            #expect((1...6).contains(complaints?.count ?? 0), "\(complaints ?? [])")

            disk.free()
            try bob.ping(count: 10)
            let isShut = try eventually(within: 60) { try tunnel.configured(alice) == nil }
            #expect(isShut, "\(fleet.agent?.errors ?? "")")
            let key = bob.keys.publicKey
            #expect(
                try eventually(within: 60) { try fleet.totals()[key] == tunnel.truth()[key] },
                "\(fleet.agent?.errors ?? "")")
            try fleet.tollkeeper("client", "restore", "alice")
            #expect(try tunnel.configured(alice) == known)
        }

        @Test func anAgentThatCannotEvenMakeItsLedgerEndsWithTheReason() throws {
            let (disk, folder) = try SmallDisk.forAgent()
            let (tunnel, fleet) = try Fleet.joined(["alice"], interval: "200ms", in: folder)
            disk.fill()
            try fleet.startAgent()
            #expect(fleet.agent?.wait(limit: 60) == 1)
            let errors = fleet.agent?.errors ?? ""
            let reason = "ledger.sqlite: its disk is full; free space there"
            #expect(errors.contains(reason), "\(errors)")

            disk.free()
            try fleet.startAgent()
            let key = try tunnel.client("alice").keys.publicKey
            #expect(try eventually { try fleet.credentials().map(\.key) == [key] })
        }

        @Test func aControllerWithoutSpaceShutsAllTheSameAndCatchesUp() throws {
            let (disk, folder) = try SmallDisk.forController()
            let (tunnel, fleet) = try Fleet.metering(
                ["alice", "bob"], interval: "200ms", in: folder)
            let (alice, bob) = (try tunnel.client("alice"), try tunnel.client("bob"))
            try bob.ping(count: 10)

            disk.fill()
            for _ in 0..<10 { try bob.ping(count: 10) }
            #expect(eventually(within: 30) { fleet.agent?.errors.contains("503") == true })
            #expect(fleet.controller.errors.contains("disk is full"))
            // What it cannot keep it refuses, once the last gap in its files is used.
            var refused: (status: Int32, output: String, errors: String)?
            for number in 0..<200 where refused == nil {
                let add = try fleet.attempt("server", "add", "another-\(number)")
                if add.status != 0 { refused = add }
            }
            #expect(refused?.status == 1)
            #expect(refused?.errors.contains("store cannot be used now") == true)
            // But a shut has room that is kept for it, again and again.
            for _ in 0..<10 {
                for verb in ["restore", "revoke"] {
                    let done = try fleet.attempt("client", verb, "alice", "--no-wait")
                    #expect(done.status == 0 || done.status == 3, "\(done)")
                }
            }
            #expect(try eventually { try !alice.reachesServer(limit: 1) })
            let isVerified = try eventually(within: 120) {
                try fleet.clients()["alice"]?.status == .disabled
            }
            #expect(isVerified, "\(fleet.agent?.errors ?? "") \(fleet.controller.errors)")
            // It starts on a full disk, too.
            fleet.killController()
            try fleet.startController()
            #expect(try fleet.clients()["alice"]?.access == .disabled)

            disk.free()
            let key = bob.keys.publicKey
            #expect(
                try eventually(within: 60) { try fleet.totals()[key] == tunnel.truth()[key] })
            #expect(fleet.controller.isRunning)
        }
    }
}

extension SmallDisk {
    /// One for the agent's state, and the folder of the fleet that it is in.
    fileprivate static func forAgent() throws -> (SmallDisk, TemporaryFolder) {
        let folder = try TemporaryFolder()
        return (try SmallDisk(named: "agent", in: folder, kilobytes: 2048), folder)
    }

    /// One for the controller's.
    fileprivate static func forController() throws -> (SmallDisk, TemporaryFolder) {
        let folder = try TemporaryFolder()
        return (try SmallDisk(named: "controller", in: folder, kilobytes: 8192), folder)
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
