import API
import AgentProtocol
import HTTPClient
import Testing

@testable import Server

@Suite struct AccessRouteTests {
    /// Makes whatever is desired so, until cancelled.
    private func enforce(_ agent: TestAgent, exceptions: [(UInt64, String)] = []) -> Task<
        Void, Never
    > {
        Task {
            var (held, number): (WireDesired, UInt64) = (WireDesired(), 0)
            while !Task.isCancelled {
                let desired = try? await agent.desired(
                    after: held.revision, digest: [UInt8](held.digest), wait: 20)
                guard let desired else { continue }
                held = desired
                number += 1
                try? await agent.report(held.revision, number: number, exceptions: exceptions)
            }
        }
    }

    @Test func aRevokeWaitsUntilTheAgentHasVerifiedIt() async throws {
        try await RunningController.run { controller in
            let agent = try await TestAgent.join(controller)
            _ = try await agent.tell([publicKey(1)])
            let enforcer = enforce(agent)
            defer { enforcer.cancel() }
            for (verb, message, status, state) in [
                ("revoke", "Client revoked", ClientStatus.disabled, CredentialState.shut),
                ("restore", "Client restored", .active, .open),
                ("revoke", "Client revoked", .disabled, .shut),
            ] {
                let response = try await controller.call("POST", "/api/clients/1/\(verb)")
                #expect(response.status == 200)
                let answer = try response.json(EnforcementAnswer.self)
                #expect(answer.message == message)
                #expect(answer.enforcement.state == .enforced)
                #expect(answer.enforcement.latencyMs ?? 99_999 < 20_000)
                #expect(answer.enforcement.servers.map(\.server) == ["vpn1"])
                let client = try await controller.call(
                    "GET", "/api/clients/1", as: ClientAnswer.self
                ).client
                #expect(client.status == status)
                #expect(client.credentials.map(\.state) == [state])
            }
        }
    }

    @Test func anAgentThatIsAwayLeavesARevokePending() async throws {
        try await RunningController.run { controller in
            let agent = try await TestAgent.join(controller)
            _ = try await agent.tell([publicKey(1)])
            let response = try await controller.call("POST", "/api/clients/1/revoke?wait=1")
            #expect(response.status == 202)
            let answer = try response.json(EnforcementAnswer.self)
            #expect(answer.enforcement.state == .pending && answer.enforcement.latencyMs == nil)
            #expect(answer.message == "Client revoked, but not yet enforced on vpn1")
            let list = try await controller.call(
                "GET", "/api/clients?status=revoking", as: ClientList.self)
            #expect(list.clients.map(\.status) == [.revoking])
            #expect(list.clients[0].access == .disabled)
            #expect(list.clients[0].credentials.map(\.state) == [.shutting])
        }
    }

    @Test func whatCannotBeDoneIsSaid() async throws {
        try await RunningController.run { controller in
            let agent = try await TestAgent.join(controller)
            let ids = try await agent.tell([publicKey(1), publicKey(2)])
            let enforcer = enforce(agent, exceptions: [(ids[0], "failed"), (ids[1], "gone")])
            defer { enforcer.cancel() }
            let failed = try await controller.call("POST", "/api/clients/1/revoke")
            #expect(failed.status == 202)
            let enforcement = try failed.json(EnforcementAnswer.self).enforcement
            #expect(enforcement.state == .failed)
            #expect(enforcement.servers[0].detail == "failed: in a test")
            // A key that somebody else removed is out, which is all that was wanted.
            let gone = try await controller.call("POST", "/api/clients/2/revoke")
            #expect(gone.status == 200)
            let credentials = try await controller.call(
                "GET", "/api/credentials", as: CredentialList.self
            ).credentials
            #expect(credentials.map(\.state) == [.shutting, .gone])
            // But it is not let in again: nobody makes it anew.
            let restored = try await controller.call("POST", "/api/clients/2/restore")
            #expect(restored.status == 202)
            #expect(try restored.json(EnforcementAnswer.self).enforcement.state == .failed)
        }
    }

    @Test func aShutThatHoldsNoLongerIsShownAsSuch() async throws {
        try await RunningController.run { controller in
            let agent = try await TestAgent.join(controller)
            let id = try await agent.tell([publicKey(1)])[0]
            _ = try await controller.call("POST", "/api/clients/1/revoke?wait=0")
            _ = try await agent.desired()
            let steps: [(String, ClientStatus, CredentialState)] = [
                ("", .disabled, .shut), ("unread", .disabled, .shut),
                ("failed", .revoking, .shutting), ("unread", .revoking, .shutting),
                ("", .disabled, .shut),
            ]
            for (index, (code, status, state)) in steps.enumerated() {
                try await agent.report(
                    1, number: UInt64(index + 1), exceptions: code.isEmpty ? [] : [(id, code)])
                let list = try await controller.call(
                    "GET", "/api/clients?status=\(status.rawValue)", as: ClientList.self)
                #expect(list.clients.map(\.status) == [status], "step \(index)")
                let credential = try #require(list.clients.first?.credentials.first)
                #expect(credential.state == state)
                #expect(credential.detail == (code.isEmpty ? nil : "\(code): in a test"))
                let again = try await controller.call("POST", "/api/clients/1/revoke?wait=0")
                #expect(again.status == (state == .shut ? 200 : 202))
            }
        }
    }

    @Test func theUnwatchedTimeOfARemovalIsShown() async throws {
        try await RunningController.run { controller in
            let agent = try await TestAgent.join(controller)
            let id = try await agent.tell([publicKey(1), publicKey(2)])[0]
            for client in [1, 2] {
                _ = try await controller.call("POST", "/api/clients/\(client)/revoke?wait=0")
            }
            _ = try await agent.desired()
            try await agent.report(1, number: 1, windows: [(id, 350_000)])
            let credentials = try await controller.call(
                "GET", "/api/credentials", as: CredentialList.self
            ).credentials
            #expect(credentials.map(\.unwatchedNs) == [350_000, nil])
            let client = try await controller.call("GET", "/api/clients/1")
            #expect(
                String(decoding: client.body, as: UTF8.self).contains(#""unwatched_ns":350000"#))
        }
    }

    @Test func aMeterThatCannotBeReadLeavesARevokePending() async throws {
        try await RunningController.run { controller in
            let agent = try await TestAgent.join(controller)
            let id = try await agent.tell([publicKey(1)])[0]
            let enforcer = enforce(agent, exceptions: [(id, "unread")])
            defer { enforcer.cancel() }
            let response = try await controller.call("POST", "/api/clients/1/revoke?wait=6")
            #expect(response.status == 202)
            let enforcement = try response.json(EnforcementAnswer.self).enforcement
            #expect(enforcement.state == .pending)
            #expect(enforcement.servers.map(\.detail) == ["unread: in a test"])
        }
    }

    @Test func aHostThatOnlyObservesLeavesARevokePending() async throws {
        try await RunningController.run { controller in
            let agent = try await TestAgent.join(controller)
            let ids = try await agent.tell([publicKey(1)])
            let enforcer = enforce(agent, exceptions: [(ids[0], "observe")])
            defer { enforcer.cancel() }
            let asked = ContinuousClock.now
            let response = try await controller.call("POST", "/api/clients/1/revoke?wait=30")
            #expect(ContinuousClock.now - asked < .seconds(20))
            #expect(response.status == 202)
            let enforcement = try response.json(EnforcementAnswer.self).enforcement
            #expect(enforcement.state == .pending)
            #expect(enforcement.servers.map(\.detail) == ["observe: in a test"])
        }
    }

    @Test func oneServersShareCanBeShutAlone() async throws {
        try await RunningController.run { controller in
            let first = try await TestAgent.join(controller)
            let second = try await TestAgent.join(controller, "vpn2")
            for agent in [first, second] { _ = try await agent.tell([publicKey(1)]) }
            let enforcer = enforce(second)
            defer { enforcer.cancel() }
            let path = "/api/clients/1/revoke?server_id=\(second.server)"
            #expect(try await controller.call("POST", path).status == 200)
            let client = try await controller.call(
                "GET", "/api/clients/1", as: ClientAnswer.self
            ).client
            #expect(client.status == .active && client.access == .active)
            #expect(client.credentials.map(\.state) == [.open, .shut])
            enforcer.cancel()
            _ = try await controller.call(
                "POST", "/api/clients/1/restore?server_id=\(second.server)&wait=0")
            _ = try await controller.call("POST", "\(path)&wait=0")
            for status in ["active", "restoring"] {
                let list = try await controller.call(
                    "GET", "/api/clients?status=\(status)", as: ClientList.self)
                #expect(list.clients.count == (status == "active" ? 1 : 0), "\(status)")
            }
            let third = try await TestAgent.join(controller, "vpn3")
            let none = try await controller.call(
                "POST", "/api/clients/1/revoke?server_id=\(third.server)")
            #expect(none.status == 404)
        }
    }

    @Test func aDeletedClientIsGoneAndItsKeyStaysShut() async throws {
        try await RunningController.run { controller in
            let agent = try await TestAgent.join(controller)
            _ = try await agent.tell([publicKey(1)])
            let enforcer = enforce(agent)
            defer { enforcer.cancel() }
            let response = try await controller.call("DELETE", "/api/clients/1")
            #expect(response.status == 200)
            #expect(try response.json(EnforcementAnswer.self).message == "Client deleted")
            for verb in ["revoke", "restore"] {
                #expect(try await controller.call("POST", "/api/clients/1/\(verb)").status == 404)
            }
            let credentials = try await controller.call(
                "GET", "/api/credentials", as: CredentialList.self
            ).credentials
            #expect(credentials.map(\.state) == [.deleted])
            #expect(credentials[0].clientID == nil)
        }
    }

    @Test func aReadingIsAskedForAndCounted() async throws {
        try await RunningController.run { controller in
            let agent = try await TestAgent.join(controller)
            let ids = try await agent.tell([publicKey(1), publicKey(2)])
            let reader = Task {
                var agent = agent
                var held: UInt64 = 0
                while !Task.isCancelled {
                    guard let desired = try await agent.desired(ticket: held, wait: 20) else {
                        continue
                    }
                    held = desired.ticket
                    let push = try agent.push([(ids[0], held * 1024, 0)], ticket: held)
                    _ = try await agent.post("batches", push, as: WirePushAnswer.self)
                }
            }
            defer { reader.cancel() }
            for prefix in ["", "/api"] {
                let answer = try await controller.call(
                    "POST", "\(prefix)/servers/1/sync-stats", as: ServerSync.self)
                #expect(answer.synced == 2 && answer.message == nil && answer.lastSyncAt != nil)
            }
            let client = try await controller.call(
                "POST", "/clients/1/sync-stats", as: ClientSync.self)
            #expect(client.stats.sent == "3.0 KB" && client.stats.lastSeen == "Online")
            let total = try await controller.call("GET", "/api/stats", as: StatsData.self)
            #expect(total.systemTotal.uplink == 3072 && total.systemTotal.activeUsers == 1)
        }
    }

    @Test func aReadingOfAnAgentThatIsAwayIsSaidToBeMissing() async throws {
        try await RunningController.run { controller in
            _ = try await controller.call("POST", "/api/servers", json: #"{"name": "vpn1"}"#)
            let response = try await controller.call("POST", "/servers/1/sync-stats")
            #expect(response.status == 202)
            let answer = try response.json(ServerSync.self)
            #expect(answer.synced == 0 && answer.lastSyncAt == nil)
            #expect(answer.message == "the agent of vpn1 has not joined yet")
            let agent = try await TestAgent.join(controller, "vpn2")
            _ = try await agent.tell([publicKey(1)])
            let late = try await controller.call("POST", "/clients/1/sync-stats?wait=1")
            #expect(late.status == 202)
            #expect(try late.json(ClientSync.self).message?.contains("vpn2") == true)
        }
    }
}
