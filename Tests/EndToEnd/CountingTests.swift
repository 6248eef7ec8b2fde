import API
import Foundation
import TestSupport
import Testing

extension EndToEnd {
    @Suite struct CountingTests {
        /// Bytes of a client as the controller has them, what was found at first included.
        struct Total: Hashable {
            var sent: Int64
            var received: Int64
        }

        func totals(_ fleet: Fleet) throws -> [String: Total] {
            var totals: [String: Total] = [:]
            for credential in try fleet.credentials() {
                totals[credential.key] = Total(
                    sent: credential.bytesSent + credential.baselineSent,
                    received: credential.bytesReceived + credential.baselineReceived)
            }
            return totals
        }

        func truth(_ tunnel: Tunnel) throws -> [String: Total] {
            try tunnel.transfer().mapValues { transfer in
                Total(sent: Int64(transfer.received), received: Int64(transfer.sent))
            }
        }

        @Test func totalsEqualWireGuardsOverKillsOfBothPrograms() throws {
            try #require(geteuid() == 0, "namespaces need root")
            let tunnel = try Tunnel(clients: ["alice", "bob", "carol"])
            let fleet = try Fleet(tunnel)
            try fleet.join()
            let traffic = { (size: Int) in
                for client in tunnel.clients { try client.ping(count: 20, size: size) }
            }
            try traffic(100)
            try fleet.startAgent()
            #expect(try eventually { try totals(fleet) == truth(tunnel) })
            let baseline = try fleet.credentials().map(\.baselineSent)
            #expect(baseline.allSatisfy { $0 > 0 })

            for _ in 0..<3 {
                try traffic(300)
                fleet.killAgent()
                try traffic(500)
                try fleet.startAgent()
                try traffic(200)
                fleet.killController()
                try traffic(900)
                try fleet.startController()
            }
            #expect(try eventually(within: 30) { try totals(fleet) == truth(tunnel) })
            #expect(try fleet.credentials().map(\.baselineSent) == baseline)
            let clients = try fleet.clients()
            #expect(Set(clients.keys) == ["alice", "bob", "carol"])
            #expect(clients["alice"]?.clientIPs.isEmpty == false)
        }

        @Test func aRestartOfTheDaemonLosesNothingThatWasReadAndStartsFromZero() throws {
            try #require(geteuid() == 0, "namespaces need root")
            let tunnel = try Tunnel(clients: ["alice"])
            let fleet = try Fleet(tunnel)
            try fleet.join()
            try fleet.startAgent()
            let alice = try tunnel.client("alice")
            let key = alice.keys.publicKey
            #expect(try eventually { try totals(fleet)[key] != nil })
            try alice.ping(count: 20)
            var before = try truth(tunnel)[key]
            #expect(try eventually { try totals(fleet)[key] == before })
            before = try totals(fleet)[key]
            try tunnel.restartDaemon()
            #expect(try eventually(within: 30) { try alice.reachesServer() })
            let sum = {
                guard let before, let now = try self.truth(tunnel)[key] else { return Total?.none }
                return Total(sent: before.sent + now.sent, received: before.received + now.received)
            }
            #expect(try eventually(within: 20) { try totals(fleet)[key] == sum() })
        }

        @Test func aSyncReadsNowAndSaysHowManyWereRead() throws {
            try #require(geteuid() == 0, "namespaces need root")
            let tunnel = try Tunnel(clients: ["alice", "bob"])
            let fleet = try Fleet(tunnel, interval: "60s")
            try fleet.join()
            try fleet.startAgent()
            #expect(try eventually { try fleet.clients().count == 2 })
            try tunnel.client("alice").ping(count: 10)
            let answer = try fleet.tollkeeper("server", "sync", "host")
            #expect(answer.contains("\"synced\":2") || answer.contains("\"synced\" : 2"))
            #expect(try totals(fleet) == truth(tunnel))
            fleet.killAgent()
            let away = try fleet.attempt("server", "sync", "host")
            #expect(away.status != 0)
        }
    }
}
