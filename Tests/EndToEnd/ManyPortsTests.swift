import API
import Foundation
import TestSupport
import Testing

extension EndToEnd {
    /// A host with thousands of named ports, in a namespace of its own.
    @Suite struct ManyPortsTests {
        private let tunnel: Tunnel
        private let fleet: Fleet
        private let ports = Array(20_000..<22_000)

        init() throws {
            tunnel = try Tunnel(clients: ["alice"], on: .userspace)
            fleet = try Fleet(tunnel, interval: "2s", inside: tunnel.namespace)
            try fleet.join()
            try start()
        }

        private func start() throws {
            let named = ports.map { "udp/\($0)" }.joined(separator: ",")
            try fleet.startAgent(environment: ["TOLLKEEPER_AGENT_PORTS": named])
        }

        /// Sends a hundred bytes to every so many of them, on the host itself, where none gets lost.
        private func talk(every step: Int) throws {
            let script = """
                printf -v text %0100d 0
                for ((port = \(ports[0]); port < \(ports[0] + ports.count); port += \(step))); do
                    printf %s "$text" > "/dev/udp/127.0.0.1/$port"
                done
                """
            try tunnel.namespace.run("bash", "-c", script)
        }

        private func booked() throws -> [String: Total] {
            let text = try fleet.tollkeeper("ports", "list")
            let all = try JSONDecoder().decode(PortPage.self, from: Data(text.utf8)).ports
            return Dictionary(
                all.filter { $0.meter == "ports/inet" }
                    .map { ($0.port, Total(sent: $0.inputBytes, received: $0.outputBytes)) }
            ) { first, _ in first }
        }

        private func truth() throws -> [String: Total] {
            try NftTable.totals(in: tunnel.namespace)
        }

        /// Whether everything is booked to the byte; what was sent is at least `sum`.
        private func isExact(_ sum: Int64) throws -> Bool {
            let (booked, truth) = (try booked(), try truth())
            return truth.count == ports.count && booked == truth
                && truth.values.reduce(0) { $0 + $1.sent } == sum
        }

        @Test(.timeLimit(.minutes(10))) func allOfThemAreCountedToTheByteAndOneIsShut() throws {
            #expect(try eventually(within: 120) { try booked().count == ports.count })
            try talk(every: 10)
            #expect(try eventually(within: 120) { try isExact(200 * 128) })

            let before = try truth()
            let shut = try fleet.tollkeeper("ports", "shut", "udp/20010", "--wait", "60s")
            #expect(shut.contains("\"shut\""))
            try talk(every: 10)
            let after = try truth()
            #expect(after["udp/20010"] == before["udp/20010"])
            #expect(after["udp/20020"]?.sent == before["udp/20020"].map { $0.sent * 2 })

            fleet.killAgent()
            try talk(every: 7)
            try start()
            #expect(try eventually(within: 120) { try isExact((200 + 199 + 286) * 128) })
        }
    }
}
