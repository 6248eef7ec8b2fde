import API
import Foundation
import TestSupport
import Testing

extension EndToEnd {
    @Suite struct CountingTests {
        @Test func totalsEqualWireGuardsOverKillsOfBothPrograms() throws {
            let (tunnel, fleet) = try Fleet.joined(["alice", "bob", "carol"])
            let traffic = { (size: Int) in
                for client in tunnel.clients { try client.ping(count: 20, size: size) }
            }
            try traffic(100)
            try fleet.startAgent()
            #expect(try eventually { try fleet.totals() == tunnel.truth() })
            let baseline = try fleet.credentials().map(\.baselineSent)
            #expect(baseline.allSatisfy { $0 > 0 })

            for _ in 0..<(Guest.isHere ? 1 : 3) {
                try traffic(300)
                fleet.killAgent()
                try traffic(500)
                try fleet.startAgent()
                try traffic(200)
                fleet.killController()
                try traffic(900)
                try fleet.startController()
            }
            #expect(try eventually(within: 30) { try fleet.totals() == tunnel.truth() })
            #expect(try fleet.credentials().map(\.baselineSent) == baseline)
            let clients = try fleet.clients()
            #expect(Set(clients.keys) == ["alice", "bob", "carol"])
            #expect(clients["alice"]?.clientIPs.isEmpty == false)
        }

        @Test func aRestartOfTheDaemonLosesNothingThatWasReadAndStartsFromZero() throws {
            let (tunnel, fleet) = try Fleet.metering(["alice"])
            let alice = try tunnel.client("alice")
            let key = alice.keys.publicKey
            #expect(try eventually { try fleet.totals()[key] != nil })
            try alice.ping(count: 20)
            var before = try tunnel.truth()[key]
            #expect(try eventually { try fleet.totals()[key] == before })
            before = try fleet.totals()[key]
            try tunnel.restart()
            #expect(try eventually(within: 30) { try alice.reachesServer() })
            let sum = {
                guard let before, let now = try tunnel.truth()[key] else { return Total?.none }
                return Total(sent: before.sent + now.sent, received: before.received + now.received)
            }
            #expect(try eventually(within: 20) { try fleet.totals()[key] == sum() })
        }

        @Test func aSyncReadsNowAndSaysHowManyWereRead() throws {
            let (tunnel, fleet) = try Fleet.metering(["alice", "bob"], interval: "60s")
            try tunnel.client("alice").ping(count: 10)
            let answer = try fleet.tollkeeper("server", "sync", "host")
            #expect(answer.contains("\"synced\":2") || answer.contains("\"synced\" : 2"))
            #expect(try fleet.totals() == tunnel.truth())
            fleet.killAgent()
            let away = try fleet.attempt("server", "sync", "host")
            #expect(away.status != 0)
        }
    }
}
