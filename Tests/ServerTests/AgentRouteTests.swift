import API
import Accounting
import AgentProtocol
import HTTPClient
import SwiftProtobuf
import Testing

@testable import Server

@Suite struct AgentRouteTests {
    static let posts = ["inventory", "batches", "outcomes"]

    @Test func anAgentJoinsTellsPushesAndIsSeen() async throws {
        try await RunningController.run { controller in
            var agent = try await TestAgent.join(controller)
            let ids = try await agent.tell([publicKey(1)], names: ["alice"])
            let push = try agent.push([(ids[0], 1_610_612_736, 3_435_973_836)])
            let answer = try await agent.post("batches", push, as: WirePushAnswer.self)
            #expect(answer.applied == 1)
            #expect([UInt8](answer.appliedDigest) == agent.digest)
            let client = try await controller.call(
                "GET", "/api/clients/1", as: ClientAnswer.self
            ).client
            #expect(client.name == "alice" && client.clientIP == "10.8.1.2")
            #expect(client.stats.sent == "1.5 GB" && client.stats.total == "4.7 GB")
            #expect(client.stats.isOnline && client.lastSyncAt != nil)
            let server = try await controller.call(
                "GET", "/api/servers/\(agent.server)", as: ServerAnswer.self
            ).server
            #expect(server.state == .online && server.clients == 1)
            #expect(server.bytesSent == 1_610_612_736 && server.mode == "enforce")
        }
    }

    @Test func compressedBodiesAreTaken() async throws {
        try await RunningController.run { controller in
            var agent = try await TestAgent.join(controller)
            let push: [UInt8] = try agent.push([]).serializedBytes()
            var headers = agent.headers
            headers["Content-Encoding"] = "gzip"
            let response = try await agent.send(
                "POST", "batches", Gzip.deflate(push), headers: headers)
            #expect(response.status == 200)
            #expect(try WirePushAnswer(serializedBytes: response.body).applied == 1)
        }
    }

    @Test func noCallIsOpenToAnothersSecretOrNone() async throws {
        try await RunningController.run { controller in
            let agent = try await TestAgent.join(controller)
            let other = try await TestAgent.join(controller, "vpn2")
            let secret = Base64URL.encode(other.secret)
            let wrong = [
                "Bearer \(agent.server).\(secret)", "Bearer \(other.server)", "Bearer .", "",
                "Bearer \(agent.server).", "Basic abc", "Bearer 99.\(secret)",
                "Bearer -1.\(secret)", "Bearer \(agent.server).\(secret).x",
                "Bearer \(agent.server).\(secret)=",
            ]
            for call in Self.posts + ["desired"] {
                for authorization in wrong {
                    var headers = agent.headers
                    headers["Authorization"] = authorization
                    let response = try await agent.send(
                        call == "desired" ? "GET" : "POST", call, call == "desired" ? nil : [],
                        headers: headers)
                    #expect(response.status == 401, "\(call) with \(authorization)")
                    #expect(response.failure?.error.code == "unknown_agent")
                }
                // A server's own secret opens nothing of another's ledger.
                var headers = agent.headers
                headers["Tollkeeper-Ledger"] = Hexadecimal.encode(other.ledger)
                let response = try await agent.send(
                    call == "desired" ? "GET" : "POST", call, call == "desired" ? nil : [],
                    headers: headers)
                #expect(response.status == 409)
                #expect(response.failure?.error.code == "ledger_closed")
            }
        }
    }

    @Test func anotherServersLedgerInsideABatchIsRefused() async throws {
        try await RunningController.run { controller in
            let agent = try await TestAgent.join(controller)
            var other = try await TestAgent.join(controller, "vpn2")
            let push: [UInt8] = try other.push([]).serializedBytes()
            let response = try await agent.send("POST", "batches", push)
            #expect(response.status == 409)
        }
    }

    @Test(arguments: [
        ("Tollkeeper-Ledger", "-"), ("Tollkeeper-Ledger", "abc"), ("Tollkeeper-Start", "-"),
        ("Tollkeeper-Start", "-1"), ("Tollkeeper-Start", "one"), ("Tollkeeper-Instance", "zz"),
        ("Tollkeeper-Sequence", "1"), ("Tollkeeper-Sequence", "1."), ("Tollkeeper-Sequence", "-1."),
        ("Tollkeeper-Sequence", "0.00"),
    ])
    func aMissingOrBrokenHeaderIsNamed(name: String, value: String) async throws {
        try await RunningController.run { controller in
            let agent = try await TestAgent.join(controller)
            var headers = agent.headers
            headers[name] = value
            let response = try await agent.send("POST", "batches", [], headers: headers)
            #expect(response.status == 400)
            #expect(response.failure?.message.hasPrefix(name) == true)
        }
    }

    @Test func outcomesOfTenThousandExceptionsAreTaken() async throws {
        try await RunningController.run { controller in
            let agent = try await TestAgent.join(controller)
            let id = try await agent.tell([publicKey(1)])[0]
            _ = try await controller.call("POST", "/api/clients/1/revoke?wait=0")
            _ = try await agent.desired()
            let words = String(repeating: "w", count: 400)
            let outcomes = WireOutcomes.with {
                $0.revision = 1
                $0.number = 1
                $0.exceptions = (0..<10_000 as Range<UInt64>).map { index in
                    .with {
                        $0.credential = id + index; $0.code = "failed"; $0.detail = words
                    }
                }
            }
            let bytes: [UInt8] = try outcomes.serializedBytes()
            #expect(bytes.count > 4_000_000)
            var headers = agent.headers
            headers["Content-Encoding"] = "gzip"
            let packed = try Gzip.deflate(bytes)
            let response = try await agent.send("POST", "outcomes", packed, headers: headers)
            #expect(response.status == 200)
            let plain = try await agent.send("POST", "outcomes", bytes)
            #expect(plain.status == 200)
            let credentials = try await controller.call(
                "GET", "/api/credentials", as: CredentialList.self
            ).credentials
            #expect(credentials.map(\.detail) == ["failed: \(words)"])
        }
    }

    @Test func bodiesOfTheWrongKindOrSizeAreRefused() async throws {
        try await RunningController.run { controller in
            let agent = try await TestAgent.join(controller)
            for call in Self.posts {
                let limit = (call == "batches" ? 2 : 16) * 1024 * 1024
                let big = [UInt8](repeating: 0, count: limit + 1)
                let cases: [([String: String], [UInt8], Int, String)] = [
                    (["Content-Type": "application/json"], [0x7b], 415, "unsupported_type"),
                    (["Content-Type": "-"], [], 415, "unsupported_type"),
                    (["Content-Encoding": "br"], [1], 415, "unsupported_encoding"),
                    (["Content-Encoding": "gzip"], [1, 2, 3], 400, "invalid"),
                    (["Content-Encoding": "gzip"], try Gzip.deflate(big), 413, "too_large"),
                    ([:], big, 413, "too_large"),
                    (["Transfer-Encoding": "chunked"], big, 413, "too_large"),
                    ([:], [0xff, 0xff, 0xff], 400, "invalid"),
                ]
                for (changes, body, status, code) in cases {
                    let headers = agent.headers.merging(changes) { $1 }
                    let response = try await agent.send("POST", call, body, headers: headers)
                    #expect(response.status == status, "\(call) with \(changes)")
                    #expect(response.failure?.error.code == code)
                    guard status == 413 else { continue }
                    #expect(response.failure?.message.contains("\(limit) bytes") == true)
                }
                let wrongMethod = try await agent.send("GET", call)
                #expect(wrongMethod.status == 405)
                #expect(wrongMethod.header("Allow") == "POST")
            }
            #expect(try await agent.send("PUT", "desired", []).status == 405)
            #expect(try await agent.send("GET", "nothing").status == 404)
        }
    }

    @Test(arguments: [
        "", "tk1", "tk1.", "tk1.abc", "tk2.AAAA", "user@host", "tk1.\(Base64URL.encode([1, 2]))",
    ])
    func whatIsNoTokenIsRefusedClearly(token: String) async throws {
        try await RunningController.run { controller in
            let agent = TestAgent(
                controller: controller, transport: controller.remote, server: 1, token: token)
            let response = try await agent.join()
            #expect(response.status == 403)
            #expect(response.failure?.error.code == "token_malformed")
        }
    }

    @Test func aUsedTokenIsRefusedToAnotherSecret() async throws {
        try await RunningController.run { controller in
            let agent = try await TestAgent.join(controller)
            #expect(try await agent.join().status == 200)
            let thief = TestAgent(
                controller: controller, transport: controller.remote, server: agent.server,
                token: agent.token)
            let response = try await thief.join()
            #expect(response.status == 409)
            #expect(response.failure?.error.code == "token_used")
            let unknown = TestAgent(
                controller: controller, transport: controller.remote, server: agent.server,
                token: JoinToken(secret: Secret.random(), pin: []).text)
            #expect(try await unknown.join().status == 403)
        }
    }

    @Test func joiningAnewShutsTheOldSecretOut() async throws {
        try await RunningController.run { controller in
            var agent = try await TestAgent.join(controller)
            let ids = try await agent.tell([publicKey(1)])
            let first = try agent.push([(ids[0], 10, 20)])
            _ = try await agent.post("batches", first, as: WirePushAnswer.self)
            let token = try await controller.call(
                "POST", "/api/servers/\(agent.server)/token", as: ServerJoin.self
            ).token
            var anew = TestAgent(
                controller: controller, transport: controller.remote, server: agent.server,
                token: token)
            #expect(try await anew.join().status == 200)
            let late: [UInt8] = try agent.push([(ids[0], 99, 99)]).serializedBytes()
            #expect(try await agent.send("POST", "batches", late).status == 401)
            #expect(try await anew.tell([publicKey(1)]) == ids)
            let next = try anew.push([(ids[0], 5, 5)])
            _ = try await anew.post("batches", next, as: WirePushAnswer.self)
            let client = try await controller.call(
                "GET", "/api/clients/1", as: ClientAnswer.self
            ).client
            #expect(client.bytesSent == 15 && client.bytesReceived == 25)
        }
    }

    @Test func aCloneOrARollbackIsToldApart() async throws {
        try await RunningController.run { controller in
            var agent = try await TestAgent.join(controller)
            agent.start = 5
            #expect(try await agent.desired() == nil)
            var lower = agent
            lower.start = 4
            let rollback = try await lower.send("GET", "desired")
            #expect(rollback.status == 409)
            #expect(rollback.failure?.error.code == "ledger_cloned")
            var headers = agent.headers
            headers["Tollkeeper-Instance"] = String(repeating: "0", count: 32)
            let clone = try await agent.send("GET", "desired", headers: headers)
            #expect(clone.failure?.error.code == "ledger_cloned")
            headers["Tollkeeper-Start"] = "6"
            headers["Tollkeeper-Sequence"] = "0."
            let ids = try await agent.tell([publicKey(1)])
            let push = try agent.push([(ids[0], 1, 1)])
            _ = try await agent.post("batches", push, as: WirePushAnswer.self)
            let before = try await agent.send("GET", "desired", headers: headers)
            #expect(before.failure?.error.code == "ledger_cloned")
            let server = try await controller.call(
                "GET", "/api/servers/\(agent.server)", as: ServerAnswer.self
            ).server
            #expect(server.cloneSeenAt != nil)
            #expect(try await agent.desired() == nil)
        }
    }

    @Test func aRemovedServersAgentIsShutOut() async throws {
        try await RunningController.run { controller in
            let agent = try await TestAgent.join(controller)
            #expect(
                try await controller.call("DELETE", "/api/servers/\(agent.server)").status == 200)
            #expect(try await agent.send("GET", "desired").status == 401)
            #expect(try await controller.call("GET", "/api/servers/\(agent.server)").status == 404)
        }
    }
}
