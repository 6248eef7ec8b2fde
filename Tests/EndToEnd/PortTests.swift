import API
import Foundation
import TestSupport
import Testing

extension EndToEnd {
    /// Ports of this host, counted by the agent's own table and shut in it, with a neighbour's real
    /// traffic.
    @Suite struct PortTests {
        let neighbour: Neighbour
        let service: PortService
        var tcp: String { "tcp/\(service.port)" }
        var udp: String { "udp/\(service.port)" }

        init() throws {
            neighbour = try Neighbour(number: 1)
            service = try PortService()
        }

        /// A fleet whose agent counts the service's port for the client `paul`.
        func start(settings: [String: String] = [:]) throws -> Fleet {
            let (_, fleet) = try Fleet.joined([])
            try fleet.startAgent(
                environment: [
                    "TOLLKEEPER_AGENT_PORTS": "\(service.port)",
                    "TOLLKEEPER_AGENT_PORT_CLIENTS": "\(service.port)=paul",
                ].merging(settings) { $1 })
            return fleet
        }

        /// What nftables itself says of the port: bytes in and out, of both families.
        func truth(_ transport: String) throws -> Total {
            try NftTable.total(of: "\(transport)/\(service.port)")
        }

        func booked(_ fleet: Fleet, _ key: String) throws -> Total? {
            let found = try fleet.credentials().first { $0.meter == "ports/inet" && $0.key == key }
            return found.map { Total(sent: $0.bytesSent, received: $0.bytesReceived) }
        }

        func talk(_ count: Int, over transport: String) throws {
            for address in neighbour.addresses {
                #expect(
                    try neighbour.exchange(
                        count, over: transport, with: address, port: service.port))
            }
        }

        @Test func everyByteOfAPortIsItsClientsOverKillsAndFlushes() throws {
            let fleet = try start()
            #expect(try eventually { try booked(fleet, tcp) != nil })
            try talk(200_000, over: "tcp")
            try talk(20_000, over: "udp")
            let first = try truth("tcp")
            #expect(first.sent > 400_000 && first.received > 400_000)
            #expect(try truth("udp").sent > 40_000)
            #expect(try eventually { try booked(fleet, tcp) == truth("tcp") })
            #expect(try eventually { try booked(fleet, udp) == truth("udp") })
            let paul = try #require(try fleet.clients()["paul"])
            #expect(paul.bytesSent == (try truth("tcp")).sent + (try truth("udp")).sent)

            fleet.killAgent()
            try talk(100_000, over: "tcp")
            try fleet.startAgent(
                environment: ["TOLLKEEPER_AGENT_PORTS": "\(service.port)"])
            #expect(try eventually { try booked(fleet, tcp) == truth("tcp") })

            // What was counted before somebody throws the table away is booked; then it begins anew.
            let before = try truth("tcp")
            try Command.run("nft", "delete", "table", "inet", "tollkeeper")
            #expect(eventually { (try? truth("tcp")) != nil })
            try talk(100_000, over: "tcp")
            #expect(try eventually { try booked(fleet, tcp) == before + truth("tcp") })
        }

        @Test func aShutPortLetsNothingThroughAndAnOpenedOneDoes() throws {
            let fleet = try start()
            #expect(try eventually { try booked(fleet, tcp) != nil })
            try talk(1_000, over: "tcp")
            let alive = try #require(
                try neighbour.connection(to: neighbour.addresses[0], port: service.port))
            #expect(try alive.answers())

            let revoked = try fleet.tollkeeper("client", "revoke", "paul")
            #expect(revoked.contains("enforced"))
            #expect(try !alive.answers())
            for address in neighbour.addresses {
                #expect(
                    try !neighbour.exchange(
                        1_000, over: "tcp", with: address, port: service.port, limit: 2))
                #expect(
                    try !neighbour.exchange(
                        1_000, over: "udp", with: address, port: service.port, limit: 2))
            }
            // It holds with the agent gone.
            fleet.killAgent()
            #expect(
                try !neighbour.exchange(
                    1_000, over: "tcp", with: neighbour.addresses[0], port: service.port, limit: 2))
            try fleet.startAgent()

            let restored = try fleet.tollkeeper("client", "restore", "paul")
            #expect(restored.contains("enforced"))
            try talk(1_000, over: "tcp")
        }

        @Test func releaseLeavesNoTrace() throws {
            let fleet = try start()
            #expect(try eventually { try booked(fleet, tcp) != nil })
            fleet.stopAgent()
            #expect(try Command.run("nft", "list", "tables").contains("tollkeeper"))
            #expect(try fleet.tollkeeperAgent("release").status == 0)
            #expect(try !Command.run("nft", "list", "tables").contains("tollkeeper"))
        }
    }
}
