import Foundation
import Testing

@testable import Controller

@Suite struct CommandTests {
    static func client(_ id: Int, _ name: String, status: String = "active") -> String {
        """
        {"id": \(id), "name": "\(name)", "server_id": 1, "client_ip": "10.8.0.\(id)",
        "client_ips": ["10.8.0.\(id)/32"], "status": "\(status)", "access": "active",
        "created_at": "2025-11-06T12:00:00Z", "stats": {"sent": "1.5 GB", "received": "0 B",
        "total": "1.5 GB", "last_seen": "Online", "is_online": true}, "bytes_sent": 1610612736,
        "bytes_received": 0, "last_handshake": null, "last_traffic_at": null,
        "last_sync_at": null, "traffic_limit": null, "expires_at": null, "note": "",
        "groups": [], "credentials": [{"id": 9, "server_id": 1, "meter": "wireguard/wg0",
        "key": "k\(id)", "state": "open", "detail": null, "bytes_sent": 1610612736,
        "bytes_received": 0, "held_sent": 2048, "held_received": 0, "unwatched_ns": 350000}]}
        """
    }

    static func list(_ clients: String..., next: String = "null") -> (Int, String) {
        let items = clients.joined(separator: ",")
        return (200, "{\"success\": true, \"clients\": [\(items)], \"next_cursor\": \(next)}")
    }

    static func enforcement(_ status: Int, _ state: String, detail: String = "null") -> (
        Int, String
    ) {
        let latency = state == "enforced" ? "35" : "null"
        return (
            status,
            """
            {"success": true, "message": "Client revoked", "enforcement": {"state": "\(state)",
            "latency_ms": \(latency), "servers": [{"server_id": 1, "server": "vpn-1",
            "state": "\(state)", "latency_ms": \(latency), "detail": \(detail)}]}}
            """
        )
    }

    static let servers = (
        200,
        """
        {"success": true, "next_cursor": null, "servers": [{"id": 1, "name": "vpn-1",
        "state": "online", "created_at": "2025-11-06T12:00:00Z", "revision": 1,
        "enforced_revision": 1, "clients": 2, "bytes_sent": 0, "bytes_received": 0,
        "quarantined": 0, "meters": [], "reopened_since_backup": []}]}
        """
    )

    static let answers: [String: (Int, String)] = [
        "GET /api/servers?limit=1000": servers,
        "GET /api/clients?limit=1000": list(
            client(1, "phone"), client(2, "phone"), client(3, "tab\\u001blet")),
        "GET /api/clients?name=phone&limit=1000": list(client(1, "phone"), client(2, "phone")),
        "GET /api/clients?name=tablet&limit=1000": list(client(3, "tablet")),
        "GET /api/clients?name=laptop&limit=1000": list(client(4, "laptop")),
        "GET /api/clients?name=15&limit=1000": list(),
        "GET /api/clients?name=my%20tv%20%26%20co&limit=1000": list(client(5, "my tv & co")),
        "GET /api/clients?key=k%2B1%3D&limit=1000": list(client(1, "phone")),
        "GET /api/clients?server_id=1&name=phone&limit=1000": list(client(1, "phone")),
        "GET /api/clients/1": (200, "{\"success\": true, \"client\": \(client(1, "phone"))}"),
        "GET /api/clients/2": (200, "{\"success\": true, \"client\": \(client(2, "phone"))}"),
        "POST /api/clients/1/revoke?wait=10": enforcement(200, "enforced"),
        "POST /api/clients/1/revoke?wait=10&server_id=1": enforcement(200, "enforced"),
        "POST /api/clients/2/revoke?wait=0": enforcement(202, "pending", detail: "\"away\""),
        "POST /api/clients/2/revoke?wait=10": enforcement(202, "pending", detail: "\"away\""),
        "POST /api/clients/3/revoke?wait=10": enforcement(200, "failed", detail: "\"denied\""),
        "POST /api/clients/4/revoke?wait=10": (500, "\"no such thing\""),
        "POST /api/clients/1/restore?wait=10": (
            409,
            """
            {"success": false, "error": {"code": "limited", "message": "over its quota"},
            "message": "over its quota"}
            """
        ),
        "DELETE /api/clients/1?wait=10": enforcement(200, "enforced"),
    ]

    /// One for all of these tests; it ends with this process.
    static let shared = Task { try await CannedController(answers) }

    /// Runs a command against the canned controller: exit status, output, errors.
    static func run(
        _ arguments: String, input: [String] = [], isTerminal: Bool = false
    ) async throws -> (status: Int32, output: String, errors: String) {
        let controller = try await shared.value
        let script = Script(
            input: input, environment: ["STATE_DIRECTORY": controller.directory],
            isTerminal: isTerminal)
        let words = arguments.split(separator: " ").map {
            String($0).replacing("_", with: " ")
        }
        let status = try await script.run(words)
        return (status, script.output, script.errors)
    }

    @Test(arguments: [
        "client lst", "client revoke", "client revoke phone --wait soon",
        "client revoke phone --wait 10", "client revoke phone --wait 1h",
        "client list --status odd",
        "client list --precision 7", "client list --precision x", "client list extra",
        "client show id:x", "server add", "server add vpn --ttl tomorrow",
        "token create --scope god",
        "client list --pin x", "client list --token-file x", "client revoke -",
        "client list --controller vpn.example", "client list --controller ftp://a",
        "client list --controller http://10.0.0.1:8440", "client list --controller https://a:b@c",
        "client list --controller https://vpn.example", "client delete phone_two extra --yes=no",
    ])
    func aUsageErrorEndsWith64(_ arguments: String) async throws {
        let (status, output, errors) = try await Self.run(arguments)
        #expect(status == 64)
        #expect(output.isEmpty)
        #expect(!errors.isEmpty)
    }

    @Test(arguments: [
        ("client revoke id:1", Int32(0)), ("client revoke key:k+1=", 0),
        ("client revoke phone --server vpn-1", 0),
        ("client revoke id:2", 3), ("client revoke id:2 --no-wait", 3),
        ("client revoke tablet", 1), ("client revoke laptop", 1), ("client restore id:1", 1),
        ("client revoke phone", 2), ("client revoke 15", 2), ("client revoke id:77", 2),
        ("client revoke id:1 id:2", 3), ("client revoke id:1 id:2 tablet", 1),
        ("client revoke id:1 phone", 2), ("client list --server nowhere", 2),
        ("client show my_tv_&_co", 0), ("client list", 0), ("client list --json", 0),
    ])
    func exitStatusesSayWhatBecameOfIt(_ arguments: String, _ status: Int32) async throws {
        let result = try await Self.run(arguments)
        #expect(result.status == status, "\(result)")
    }

    @Test func anAmbiguousNameListsItsCandidates() async throws {
        let result = try await Self.run("client revoke phone")
        #expect(
            result.errors == """
                tollkeeper: 2 clients are meant by "phone"; say which:
                  id:1  phone  10.8.0.1  active  wireguard/wg0 k1
                  id:2  phone  10.8.0.2  active  wireguard/wg0 k2

                """)
    }

    @Test func aNumberThatIsNoNameSaysHowToMeanAnID() async throws {
        let result = try await Self.run("client show 15")
        #expect(
            result.errors.contains("there is no client \"15\"; for a client's number write id:15"))
    }

    @Test func nothingIsDoneToTheFirstWhereTheLastIsUnknown() async throws {
        let controller = try await CannedController(Self.answers)
        let script = Script(environment: ["STATE_DIRECTORY": controller.directory])
        #expect(try await script.run(["client", "revoke", "id:1", "id:77"]) == 2)
        #expect(!controller.calls().contains { $0.hasPrefix("POST") })
    }

    @Test func revokingSaysHowLongItTookOrWhatItWaitsFor() async throws {
        let done = try await Self.run("client revoke id:1 id:1")
        #expect(done.output == "phone: Client revoked (enforced in 35 ms)\n")
        let pending = try await Self.run("client revoke id:2")
        #expect(pending.output == "phone: Client revoked\n  vpn-1: saved, not yet enforced: away\n")
        let refused = try await Self.run("client restore id:1")
        #expect(refused.errors == "tollkeeper: phone: over its quota\n")
    }

    @Test func jsonIsTheAPIsOwnAnswer() async throws {
        let result = try await Self.run("client revoke id:1 --json")
        let object = try JSONSerialization.jsonObject(with: Data(result.output.utf8))
        #expect((object as? [String: Any])?["message"] as? String == "Client revoked")
        let refused = try await Self.run("client restore id:1 --json")
        #expect(refused.output.contains("\"code\": \"limited\""))
        #expect(refused.status == 1)
    }

    @Test func deletingAsksOnATerminalAndElsewhereWantsYes() async throws {
        let unasked = try await Self.run("client delete id:1")
        #expect(unasked.status == 64)
        #expect(unasked.errors.contains("--yes"))
        for answer in ["n", "", "yess"] {
            let refused = try await Self.run(
                "client delete id:1", input: [answer], isTerminal: true)
            #expect(refused.status == 1)
            #expect(
                refused.errors == "delete phone (id:1)? [y/N] tollkeeper: nothing was changed\n")
        }
        let asked = try await Self.run("client delete id:1", input: ["y"], isTerminal: true)
        #expect(asked.status == 0)
        let told = try await Self.run("client delete id:1 --yes")
        #expect(told.status == 0 && told.output.hasPrefix("phone: "))
    }

    @Test func theListLinesUpAndIsSafe() async throws {
        let result = try await Self.run("client list")
        #expect(
            result.output == """
                ID  NAME        STATUS  ADDRESS     SENT  RECEIVED   TOTAL  LAST SEEN  SERVERS
                 1  phone       active  10.8.0.1  1.5 GB       0 B  1.5 GB  Online     vpn-1
                 2  phone       active  10.8.0.2  1.5 GB       0 B  1.5 GB  Online     vpn-1
                 3  tab\\x1blet  active  10.8.0.3  1.5 GB       0 B  1.5 GB  Online     vpn-1

                """)
        let exact = try await Self.run("client list --bytes")
        #expect(exact.output.contains(" 1610612736 "))
        let fine = try await Self.run("client list --precision 3")
        #expect(fine.output.contains(" 1.500 GB "))
    }

    @Test func aClientsDetailsSayHowLongARemovalWasUnwatched() async throws {
        let result = try await Self.run("client show tablet")
        #expect(result.status == 0)
        let lines = result.output.split(separator: "\n").suffix(2)
        #expect(lines.first?.hasSuffix("RECEIVED  UNWATCHED  DETAIL") == true)
        #expect(lines.last?.hasSuffix("     0 B   350.0 µs  -") == true)
    }

    @Test func listsOfSeveralPagesAreWhole() async throws {
        let controller = try await CannedController([
            "GET /api/clients?limit=1000": Self.list(Self.client(1, "a"), next: "\"p2\""),
            "GET /api/clients?limit=1000&cursor=p2": Self.list(Self.client(2, "b")),
            "GET /api/servers?limit=1000": Self.servers,
        ])
        let script = Script(environment: ["STATE_DIRECTORY": controller.directory])
        #expect(try await script.run(["client", "list", "--json"]) == 0)
        let object = try JSONSerialization.jsonObject(with: Data(script.output.utf8))
        let clients = (object as? [String: Any])?["clients"] as? [[String: Any]]
        #expect(clients?.compactMap { $0["name"] as? String } == ["a", "b"])
        #expect(try await script.run(["client", "list"]) == 0)
        #expect(script.output.contains("10.8.0.2"))
    }

    @Test func aControllerThatIsNotRunningIsSaidSo() async throws {
        let script = Script()
        let status = try await script.run(["client", "list", "--state-dir", "/tmp/tk-nowhere"])
        #expect(status == 1)
        #expect(
            script.errors == """
                tollkeeper: the controller is not running on this host (nothing answers at \
                /tmp/tk-nowhere/controller.sock); start it with `tollkeeper serve`, or name its \
                --state-dir or --controller URL

                """)
        let long = String(repeating: "a", count: 100)
        #expect(try await script.run(["client", "list", "--state-dir", "/tmp/" + long]) == 64)
    }

    @Test func aTokenFileThatOthersMayReadIsWarnedOf() async throws {
        let path = "/tmp/tk-token-\(UUID().uuidString.prefix(8))"
        defer { try? FileManager.default.removeItem(atPath: path) }
        try "tk-secret\n".write(toFile: path, atomically: false, encoding: .utf8)
        for (mode, isWarned) in [(0o600, false), (0o640, true), (0o604, true)] {
            try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
            let script = Script()
            let status = try await script.run([
                "client", "list", "--controller", "https://127.0.0.1:1", "--token-file", path,
            ])
            #expect(status == 1)
            #expect(script.errors.contains("warning") == isWarned)
            #expect(script.errors.contains("no controller answers at https://127.0.0.1:1"))
            #expect(!script.errors.contains("tk-secret"))
        }
        try "two words".write(toFile: path, atomically: false, encoding: .utf8)
        let script = Script()
        let remote = ["client", "list", "--controller", "https://127.0.0.1:1", "--token-file"]
        #expect(try await script.run(remote + [path]) == 64)
        #expect(try await script.run(remote + [path + ".absent"]) == 64)
    }
}
