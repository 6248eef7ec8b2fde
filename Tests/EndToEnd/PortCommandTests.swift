import API
import Foundation
import TestSupport
import Testing

extension EndToEnd {
    /// Ports that an operator names, moves, shuts and cleans by command, with real traffic.
    @Suite struct PortCommandTests {
        let neighbour: Neighbour
        let service: PortService
        let fleet: Fleet

        init() throws {
            neighbour = try Neighbour(number: 2)
            service = try PortService()
            (_, fleet) = try Fleet.joined([])
            try fleet.startAgent()
        }

        private var port: String { "\(service.port)" }

        private func talk(_ count: Int, over transport: String = "tcp") throws {
            for address in neighbour.addresses {
                #expect(
                    try neighbour.exchange(
                        count, over: transport, with: address, port: service.port))
            }
        }

        private func change(_ words: String...) throws -> PortAnswer {
            let job = try Job(
                [Command.built("tollkeeper")] + words
                    + ["--state-dir", fleet.controllerFolder, "--json"])
            #expect(job.wait(limit: 60) == 0, "\(words): \(job.errors)")
            return try JSONDecoder().decode(PortAnswer.self, from: Data(job.output.utf8))
        }

        private func iptables(_ family: String = "all") throws -> IptablesTraffic? {
            let text = try fleet.tollkeeper("iptables", "port", "--family", family)
            return try JSONDecoder().decode(IptablesData.self, from: Data(text.utf8)).ports[port]
        }

        private func truth() throws -> Total {
            try NftTable.total(of: "tcp/\(port)") + NftTable.total(of: "udp/\(port)")
        }

        private func shown() throws -> Total? {
            try iptables().map { Total(sent: $0.inputBytes, received: $0.outputBytes) }
        }

        private func used(_ client: String) throws -> Total? {
            try fleet.clients()[client].map {
                Total(sent: $0.bytesSent, received: $0.bytesReceived)
            }
        }

        @Test func aNamedPortIsCountedMovedAndCleanedToTheByte() throws {
            let counted = try change(
                "ports", "count", port, "--server", "host", "--client", "paul", "--group", "web")
            #expect(counted.ports.map(\.port) == ["tcp/\(port)", "udp/\(port)"])
            #expect(counted.ports.allSatisfy { $0.client == "paul" && $0.state == .open })
            try talk(100_000)
            try talk(10_000, over: "udp")
            #expect(try eventually { try shown() == truth() })
            let first = try truth()
            #expect(first.sent > 220_000)
            let all = try #require(try iptables())
            let (four, six) = (try iptables("ipv4"), try iptables("ipv6"))
            #expect(four.flatMap { four in six.map(four.adding) } == all)
            #expect(six?.inputPackets ?? 0 > 0 && four?.inputPackets ?? 0 > 0)
            #expect(try used("paul") == first)

            // What was counted before is paul's, what comes later rita's, and no byte gets lost.
            _ = try change("ports", "set", port, "--client", "rita")
            #expect(try eventually { try fleet.clients()["rita"]?.credentials.count == 2 })
            try talk(50_000)
            #expect(
                try eventually {
                    let (paul, rita) = (try used("paul"), try used("rita"))
                    return try paul.flatMap { paul in rita.map { paul + $0 } } == truth()
                })
            #expect(try eventually { try used("rita")?.sent ?? 0 > 90_000 })

            let total = try truth()
            let cleaned = try change("ports", "clean", port)
            #expect(cleaned.ports.allSatisfy { $0.state == .uncounted && $0.client == "rita" })
            // With nothing left to count the table goes, too.
            let table = try? Command.run("nft", "list", "table", "inet", "tollkeeper")
            #expect(table?.contains(port) != true)
            #expect(
                try used("paul").flatMap { paul in try used("rita").map { paul + $0 } } == total)
            #expect(try shown() == nil)
            let none = try fleet.attempt("ports", "clean", port)
            #expect(none.status == 2)

            // Counted anew it begins anew.
            _ = try change("ports", "count", "tcp/\(port)", "--client", "rita")
            try talk(10_000)
            #expect(try eventually { try shown() == NftTable.total(of: "tcp/\(port)") })
            let anew = try NftTable.total(of: "tcp/\(port)")
            #expect(anew.sent > 20_000 && anew.sent < 100_000)
            #expect(
                try used("paul").flatMap { paul in try used("rita").map { paul + $0 } }
                    == total + anew)
        }

        @Test func aPortIsShutAndOpenedAndSshIsProtected() throws {
            _ = try change("ports", "count", "tcp/\(port)", "--client", "paul")
            try talk(1_000)
            let shut = try change("ports", "shut", "tcp/\(port)")
            #expect(shut.ports.map(\.state) == [.shut])
            for address in neighbour.addresses {
                #expect(
                    try !neighbour.exchange(
                        1_000, over: "tcp", with: address, port: service.port, limit: 2))
            }
            let refused = try fleet.attempt("ports", "clean", "tcp/\(port)")
            #expect(refused.status == 1 && refused.errors.contains("open it first"))
            let opened = try change("ports", "open", "tcp/\(port)")
            #expect(opened.ports.map(\.state) == [.open])
            try talk(1_000)

            _ = try change("ports", "count", "tcp/22")
            let ssh = try fleet.attempt("ports", "shut", "tcp/22")
            #expect(ssh.status == 1 && ssh.errors.contains("ssh"))
            let list = try fleet.tollkeeper("ports", "list")
            let ports = try JSONDecoder().decode(PortPage.self, from: Data(list.utf8)).ports
            #expect(ports.allSatisfy { $0.desired == .open })
        }
    }
}
