import API
import AgentProtocol
import Accounting
import Foundation
import HTTPClient
import SwiftProtobuf
import Testing

@testable import Server

@Suite struct PortRouteTests {
    /// Makes whatever is desired so, and answers readings with `totals`, until cancelled.
    private func serve(
        _ agent: TestAgent, refusing code: String? = nil,
        totals: @escaping @Sendable (WireDesired) -> [(UInt64, UInt64, UInt64)] = { _ in [] }
    ) -> Task<Void, Never> {
        Task {
            var (agent, held, number): (TestAgent, WireDesired, UInt64) = (agent, .init(), 0)
            while !Task.isCancelled {
                let desired = try? await agent.desired(
                    after: held.revision, digest: [UInt8](held.digest), ticket: held.ticket,
                    wait: 20)
                guard let desired else { continue }
                let entries = desired.entries.compactMap {
                    try? WireDesiredEntry(serializedBytes: [UInt8]($0))
                }
                let refused = entries.filter { $0.access == .shut && !$0.forced }
                number += 1
                let exceptions = code.map { code in refused.map { ($0.credential, code) } } ?? []
                try? await agent.report(
                    desired.revision, number: number, exceptions: exceptions)
                if desired.ticket > held.ticket {
                    let push = try? agent.push(totals(desired), ticket: desired.ticket)
                    guard let push else { continue }
                    _ = try? await agent.post("batches", push, as: WirePushAnswer.self)
                }
                held = desired
            }
        }
    }

    /// Tells of keys; returns their credentials.
    private func tell(
        _ agent: TestAgent, _ keys: [(meter: String, key: String)]
    ) async throws -> [UInt64] {
        let inventory = WireInventory.with {
            $0.now = agent.clock
            $0.meters = [.with { $0.name = "ports/inet" }]
            $0.keys = keys.map { meter, key in
                .with {
                    $0.meter = meter; $0.key = key; $0.present = true
                    $0.observed = meter != "ports/inet"
                }
            }
        }
        return try await agent.post("inventory", inventory, as: WireInventoryAnswer.self)
            .assignments.map(\.credential)
    }

    @Test(arguments: [
        "", "x", "0", "65536", "tcp/", "tcp/0", "/8443", "tcp/80-70", "icmp/8", "tcp/80;", "80,",
        "ip/10.8.1", "ip/10.8.1.0/33", "tcp/8443\u{0}", " 8443", "tcp/８４４３", "port/53",
        "comment/alice", "tcp/1-65535", "-1", "tcp/443/tcp",
    ])
    func whatIsNoPortIsRefusedByItsField(text: String) async throws {
        try await RunningController.run { controller in
            _ = try await TestAgent.join(controller)
            let body = try JSONEncoder().encode(NewPort(port: text))
            let response = try await controller.call(
                "POST", "/api/servers/1/ports?wait=0",
                json: String(decoding: body, as: UTF8.self))
            #expect(response.status == 400)
            #expect(response.failure?.message.hasPrefix("port: ") == true)
            let list = try await controller.call("GET", "/api/ports", as: PortPage.self)
            #expect(list.ports.isEmpty)
        }
    }

    @Test func badBodiesAndQueriesAreRefused() async throws {
        try await RunningController.run { controller in
            _ = try await TestAgent.join(controller)
            let ports = "/api/servers/1/ports"
            let bad: [(String, String, String?, Int)] = [
                ("POST", ports, nil, 400), ("POST", ports, "[]", 400),
                ("POST", ports, #"{"port": 8443}"#, 400),
                ("POST", ports, #"{"port": "8443", "colour": "red"}"#, 400),
                ("POST", ports, #"{"port": "8443", "client": "a", "client_id": 1}"#, 400),
                ("POST", ports, #"{"port": "8443", "client_id": 99}"#, 404),
                ("POST", ports, #"{"port": "8443", "client": ""}"#, 400),
                ("POST", "\(ports)?wait=61", #"{"port": "8443"}"#, 400),
                ("POST", "/api/servers/99/ports", #"{"port": "8443"}"#, 404),
                ("POST", "\(ports)/8443/shut?wait=0", #"{"force": "yes"}"#, 400),
                ("POST", "\(ports)/8443/shut?wait=0", nil, 404),
                ("POST", "\(ports)/8443/open?wait=0", nil, 404),
                ("POST", "\(ports)/nothing/open?wait=0", nil, 400),
                ("POST", "\(ports)/tcp%2/open?wait=0", nil, 400),
                ("PATCH", "\(ports)/8443?wait=0", #"{"group": 1}"#, 400),
                ("PATCH", "\(ports)/8443?wait=0", #"{"group": "web"}"#, 404),
                ("DELETE", "\(ports)/8443?wait=0", nil, 404),
                ("PUT", "\(ports)/8443", nil, 405), ("GET", "\(ports)/8443", nil, 405),
                ("GET", "/api/ports?family=ipv5", nil, 400),
                ("GET", "/api/ports?port=x", nil, 400), ("GET", "/api/ports?server_id=9", nil, 404),
                ("GET", "/api/ports?limit=0", nil, 400), ("GET", "/api/ports?cursor=x", nil, 400),
                ("GET", "/api/stats/iptables?port=tcp/80", nil, 400),
                ("GET", "/api/stats/iptables?server_id=9", nil, 404),
                ("GET", "/api/stats/iptables?limit=1", nil, 400),
            ]
            for (method, path, json, status) in bad {
                let response = try await controller.call(method, path, json: json)
                #expect(response.status == status, "\(method) \(path) \(json ?? "")")
                #expect(response.failure?.success == false)
            }
            let list = try await controller.call("GET", "/api/ports", as: PortPage.self)
            #expect(list.ports.isEmpty)
            let clients = try await controller.call("GET", "/api/clients", as: ClientList.self)
            #expect(clients.clients.isEmpty)
        }
    }

    @Test func aPortIsCountedShutOpenedAndCleaned() async throws {
        try await RunningController.run { controller in
            let agent = try await TestAgent.join(controller)
            let server = serve(agent) { _ in [(1, 7, 70)] }
            defer { server.cancel() }
            let ports = "/api/servers/1/ports"
            let counted = try await controller.call(
                "POST", ports, json: #"{"port": "8443/tcp", "client": "web", "group": "inbounds"}"#)
            #expect(counted.status == 201)
            let port = try counted.json(PortAnswer.self).ports[0]
            #expect(port.port == "tcp/8443" && port.client == "web" && port.group == "inbounds")
            #expect(port.state == .open && port.source == .own)
            let again = try await controller.call("POST", ports, json: #"{"port": "tcp/8443"}"#)
            #expect(again.status == 200)
            let steps: [(String, String, CredentialState)] = [
                ("8443/shut", "Port shut", .shut), ("tcp-8443/open", "Port opened", .open),
                ("tcp%2F8443/shut", "Port shut", .shut), ("8443%2Ftcp/open", "Port opened", .open),
            ]
            for (path, message, state) in steps {
                let response = try await controller.call("POST", "\(ports)/\(path)")
                #expect(response.status == 200, "\(path)")
                let answer = try response.json(PortAnswer.self)
                #expect(answer.message == message && answer.enforcement.state == .enforced)
                #expect(answer.ports.map(\.state) == [state])
            }
            let cleaned = try await controller.call("DELETE", "\(ports)/8443")
            #expect(cleaned.status == 200)
            let last = try cleaned.json(PortAnswer.self)
            #expect(last.message == "Port cleaned" && last.ports.map(\.state) == [.uncounted])
            // Its last reading is booked before the answer.
            #expect(last.ports.map(\.inputBytes) == [7] && last.ports[0].outputBytes == 70)
            let list = try await controller.call("GET", "/api/ports", as: PortPage.self)
            #expect(list.ports.isEmpty)
            let client = try await controller.call("GET", "/api/clients/1", as: ClientAnswer.self)
            #expect(client.client.bytesSent == 7 && client.client.credentials.isEmpty)
            #expect(try await controller.call("DELETE", "\(ports)/8443").status == 404)
        }
    }

    @Test func aProtectedPortIsShutOnlyByForce() async throws {
        try await RunningController.run { controller in
            let agent = try await TestAgent.join(controller)
            let server = serve(agent, refusing: "protected")
            defer { server.cancel() }
            let ports = "/api/servers/1/ports"
            _ = try await controller.call("POST", ports, json: #"{"port": "tcp/22"}"#)
            let refused = try await controller.call("POST", "\(ports)/tcp-22/shut")
            #expect(refused.status == 409 && refused.failure?.error.code == "protected")
            #expect(refused.failure?.message.contains("in a test") == true)
            // Nothing of it is left.
            let list = try await controller.call("GET", "/api/ports", as: PortPage.self)
            #expect(list.ports.map(\.desired) == [.open])
            let forced = try await controller.call(
                "POST", "\(ports)/tcp-22/shut", json: #"{"force": true}"#)
            #expect(forced.status == 200)
            #expect(try forced.json(PortAnswer.self).ports.map(\.state) == [.shut])
            // A shut port is not forgotten: it would be open then.
            let cleaned = try await controller.call("DELETE", "\(ports)/22")
            #expect(cleaned.status == 409 && cleaned.failure?.error.code == "shut")
        }
    }

    @Test func anAgentThatIsAwayLeavesAPortPending() async throws {
        try await RunningController.run { controller in
            let agent = try await TestAgent.join(controller)
            let ports = "/api/servers/1/ports"
            let counted = try await controller.call(
                "POST", "\(ports)?wait=0", json: #"{"port": "8443"}"#)
            #expect(counted.status == 202)
            let answer = try counted.json(PortAnswer.self)
            #expect(answer.ports.map(\.port) == ["tcp/8443", "udp/8443"])
            #expect(answer.ports.allSatisfy { $0.client == "8443" && $0.state == .opening })
            let cleaned = try await controller.call("DELETE", "\(ports)/udp-8443?wait=0")
            #expect(cleaned.status == 202)
            #expect(try cleaned.json(PortAnswer.self).ports.map(\.state) == [.uncounting])
            let entries = try #require(try await agent.desired()).entries.map {
                try WireDesiredEntry(serializedBytes: [UInt8]($0))
            }
            #expect(Set(entries.map(\.access)) == [.open, .uncounted])
            let client = try await controller.call("GET", "/api/clients/1", as: ClientAnswer.self)
            #expect(client.client.status == .restoring, "the agent has yet to count it")
        }
    }

    @Test func trafficIsShownByPortFamilyAndServer() async throws {
        try await RunningController.run { controller in
            for name in ["vpn1", "vpn2"] {
                var agent = try await TestAgent.join(controller, name)
                let ids = try await tell(
                    agent,
                    [
                        ("ports/inet", "tcp/443"), ("ports/inet", "udp/443"),
                        ("packets/inet", "tcp/443"), ("ports/inet-ipv6", "tcp/443"),
                        ("ports/host", "tcp/443"), ("ports/host", "tcp/80"),
                        ("ports/inet", "ip/10.9.0.1"),
                    ])
                let amounts: [(UInt64, UInt64)] = [
                    (10, 100), (1, 2), (3, 4), (4, 40), (999, 999), (5, 6), (77, 77),
                ]
                let totals = zip(ids, amounts).map { ($0, $1.0, $1.1) }
                _ = try await agent.post(
                    "batches", try agent.push(totals), as: WirePushAnswer.self)
            }
            let all = try await controller.call(
                "GET", "/api/stats/iptables", as: IptablesData.self)
            #expect(all.ports.keys.sorted() == ["443", "80"])
            #expect(
                all.ports["443"]
                    == IptablesTraffic(
                        inputBytes: 22, outputBytes: 204, inputPackets: 6, outputPackets: 8))
            #expect(all.total.inputBytes == 32 && all.total.outputBytes == 216)
            let one = try await controller.call(
                "GET", "/api/stats/iptables?server_id=2&family=ipv6&port=443",
                as: IptablesData.self)
            #expect(one.ports == ["443": IptablesTraffic(inputBytes: 4, outputBytes: 40)])
            let first = try await controller.call(
                "GET", "/api/ports?limit=3&family=ipv4", as: PortPage.self)
            #expect(first.ports.map(\.port) == ["tcp/443", "udp/443", "tcp/443"])
            #expect(first.ports.map(\.source) == [.own, .own, .host])
            #expect(first.ports.map(\.inputBytes) == [6, 1, 999])
            #expect(first.ports.map(\.client) == ["tcp/443", "udp/443", nil])
            let cursor = try #require(first.nextCursor)
            let rest = try await controller.call(
                "GET", "/api/ports?cursor=\(cursor)&limit=1000", as: PortPage.self)
            #expect(rest.ports.count == 7 && rest.nextCursor == nil)
            let some = try await controller.call(
                "GET", "/api/ports?port=443&server_id=1", as: PortPage.self)
            #expect(some.ports.count == 3)
            // Nobody's bytes are in no total.
            let stats = try await controller.call("GET", "/api/stats", as: StatsData.self)
            #expect(stats.systemTotal.uplink == 2 * 88)
        }
    }
}
