import Foundation
import Testing

@testable import Controller

@Suite struct PortCommandTests {
    static func port(
        _ id: Int, _ key: String, client: String?, group: String? = nil, input: Int,
        state: String = "open"
    ) -> String {
        let clientID = client == nil ? "null" : "\(id / 10)"
        let words = { (text: String?) in text.map { "\"\($0)\"" } ?? "null" }
        return """
            {"id": \(id), "server_id": 1, "server": "vpn-1", "port": "\(key)",
            "meter": "ports/inet", "source": "own", "client_id": \(clientID),
            "client": \(words(client)), "group": \(words(group)), "state": "\(state)",
            "desired": "open", "detail": null, "configured": false, "present": true,
            "input_bytes": \(input), "output_bytes": 1024, "input_packets": 3,
            "output_packets": 4, "last_traffic_at": null}
            """
    }

    static func change(_ status: Int, _ state: String, _ word: String) -> (Int, String) {
        (
            status,
            """
            {"success": true, "message": "Port \(word)", "enforcement": {"state": "\(state)",
            "latency_ms": null, "servers": [{"server_id": 1, "server": "vpn-1",
            "state": "\(state)", "latency_ms": null, "detail": null}]},
            "ports": [\(port(10, "tcp/8443", client: "w\\u001beb", input: 0))]}
            """
        )
    }

    static let traffic = """
        {"input_bytes": 1610612736, "output_bytes": 2048, "input_packets": 5, "output_packets": 6}
        """

    static let answers: [String: (Int, String)] = [
        "GET /api/servers?limit=1000": CommandTests.servers,
        "GET /api/stats/iptables": (
            200,
            """
            {"success": true, "ports": {"8443": \(traffic), "80": \(traffic)}, "total": \(traffic)}
            """
        ),
        "GET /api/stats/iptables?server_id=1&family=ipv6&port=8443": (
            200, "{\"success\": true, \"ports\": {\"8443\": \(traffic)}, \"total\": \(traffic)}"
        ),
        "GET /api/stats/iptables?port=81": (
            200, "{\"success\": true, \"ports\": {}, \"total\": \(traffic)}"
        ),
        "GET /api/ports?limit=1000": (
            200,
            """
            {"success": true, "ports": [\(port(10, "tcp/1", client: "bob", input: 0)),
            \(port(20, "tcp/2", client: "alice", group: "web", input: 2048)),
            \(port(21, "tcp/3", client: "alice", group: "web", input: 1024)),
            \(port(30, "tcp/4", client: nil, input: 9999))], "next_cursor": null}
            """
        ),
        "GET /api/ports?port=8443&limit=1000": (
            200,
            """
            {"success": true, "ports": [\(port(10, "tcp/8443", client: "bob", input: 0))],
            "next_cursor": null}
            """
        ),
        "GET /api/ports?port=81&limit=1000": (
            200, "{\"success\": true, \"ports\": [], \"next_cursor\": null}"
        ),
        "POST /api/servers/1/ports?wait=10": change(201, "enforced", "counted"),
        "PATCH /api/servers/1/ports/tcp-8443?wait=10": change(200, "enforced", "changed"),
        "DELETE /api/servers/1/ports/8443?wait=10": change(200, "enforced", "cleaned"),
        "DELETE /api/servers/1/ports/ip-10.8.1.0%2F24?wait=0": change(202, "pending", "cleaned"),
        "POST /api/servers/1/ports/tcp-8443/open?wait=10": change(202, "failed", "opened"),
        "POST /api/servers/1/ports/tcp-22/shut?wait=10": (
            409,
            """
            {"success": false, "error": {"code": "protected", "message": "it is ssh's"},
            "message": "it is ssh's"}
            """
        ),
        "DELETE /api/servers/1/ports/81?wait=10": (
            404,
            """
            {"success": false, "error": {"code": "not_found", "message": "not counted"},
            "message": "not counted"}
            """
        ),
    ]

    static let shared = Task { try await CannedController(answers) }

    private func run(
        _ arguments: String
    ) async throws -> (status: Int32, output: String, errors: String) {
        let controller = try await Self.shared.value
        let script = Script(environment: ["STATE_DIRECTORY": controller.directory])
        let status = try await script.run(arguments.split(separator: " ").map(String.init))
        return (status, script.output, script.errors)
    }

    @Test(arguments: [
        "ports port 80 81", "ports --family ipv5", "ports --interval 1ms --watch",
        "ports --times 2", "ports --watch --times 0", "ports total extra", "ports clean",
        "ports count --server vpn-1", "ports set tcp/80 --server vpn-1",
        "ports count tcp/80 --server vpn-1 --client key:abc",
        "ports count tcp/80 --server vpn-1 --client id:x", "ports shut --force",
        "ports clean 80 --server vpn-1 --wait 1h", "iptables --family 4",
    ])
    func aUsageErrorEndsWith64(_ arguments: String) async throws {
        let (status, output, errors) = try await run(arguments)
        #expect(status == 64, "\(arguments)")
        #expect(output.isEmpty && !errors.isEmpty)
    }

    @Test(arguments: ["ports", "ports port", "iptables", "iptables port"])
    func portsAreListedByNumberWithTheirSum(_ arguments: String) async throws {
        let (status, output, _) = try await run(arguments)
        #expect(status == 0)
        let lines = output.split(separator: "\n").map {
            $0.split(separator: " ").joined(separator: " ")
        }
        #expect(
            lines == [
                "PORT INPUT OUTPUT PACKETS IN PACKETS OUT", "80 1.5 GB 2.0 KB 5 6",
                "8443 1.5 GB 2.0 KB 5 6", "total 1.5 GB 2.0 KB 5 6",
            ])
    }

    @Test func onePortOfAServerAndFamilyIsAskedFor() async throws {
        let (status, output, _) = try await run(
            "ports port 8443 --server vpn-1 --family ipv6 --bytes")
        #expect(status == 0 && output.contains("1610612736"))
        let none = try await run("ports port 81")
        #expect(none.status == 2 && none.errors.contains("port 81 is not counted"))
    }

    @Test func clientsStandWithTheirPortsAndGroupsTheBusiestFirst() async throws {
        let (status, output, _) = try await run("ports user")
        #expect(status == 0)
        let lines = output.split(separator: "\n").map {
            $0.split(separator: " ").joined(separator: " ")
        }
        #expect(
            lines == [
                "CLIENT GROUPS PORTS INPUT OUTPUT TOTAL",
                "alice web tcp/2, tcp/3 3.0 KB 2.0 KB 5.0 KB", "bob - tcp/1 0 B 1.0 KB 1.0 KB",
            ])
        let list = try await run("ports list")
        #expect(list.output.split(separator: "\n").count == 5)
    }

    @Test func watchingShowsItAgain() async throws {
        let (status, output, _) = try await run(
            "ports total --watch --times 3 --interval 100ms")
        #expect(status == 0)
        #expect(output.split(separator: "\n").filter { $0.hasPrefix("Input:") }.count == 3)
    }

    @Test func jsonIsTheApisOwnAnswer() async throws {
        for (arguments, call) in [
            ("ports --json", "GET /api/stats/iptables"),
            ("ports total --json", "GET /api/stats/iptables"),
            ("ports user --json", "GET /api/ports?limit=1000"),
            ("ports list --json", "GET /api/ports?limit=1000"),
        ] {
            let (_, output, _) = try await run(arguments)
            let expected = Data((Self.answers[call]?.1 ?? "").utf8)
            #expect(
                try JSONSerialization.jsonObject(with: Data(output.utf8)) as? NSDictionary
                    == JSONSerialization.jsonObject(with: expected) as? NSDictionary)
        }
    }

    @Test(
        arguments: [
            ("ports count 8443/tcp --server vpn-1 --client web", 0, "Port counted"),
            ("ports set tcp/8443 --server vpn-1 --group g", 0, "Port changed"),
            ("ports count 8443", 0, "Port counted"), ("ports clean 8443", 0, "Port cleaned"),
            ("ports clean 81", 2, ""),
            ("ports clean 8443 --server vpn-1", 0, "Port cleaned"),
            ("iptables clean ip/10.8.1.0/24 --server vpn-1 --no-wait", 3, "Port cleaned"),
            ("ports open tcp/8443 --server vpn-1", 1, "Port opened"),
            ("ports shut tcp/22 --server vpn-1", 1, ""), ("ports clean 81 --server vpn-1", 2, ""),
            ("ports clean 81 --server vpn-9", 2, ""),
        ] as [(String, Int32, String)])
    func changesEndWithWhatBecameOfThem(
        _ arguments: String, _ expected: Int32, _ words: String
    ) async throws {
        let (status, output, errors) = try await run(arguments)
        #expect(status == expected, "\(arguments): \(errors)")
        #expect(words.isEmpty ? !errors.isEmpty : output.contains(words))
        #expect(!output.contains("\u{1b}"))
    }
}
