import API
import AgentProtocol
import Foundation
import HTTPClient
import SwiftProtobuf
import Testing

@testable import Server

/// A whole controller whose store is put back from an old backup, as an operator does it.
@Suite struct RecoveryRouteTests {
    private static func copy(_ folder: String, to other: String) throws {
        let manager = FileManager.default
        try manager.createDirectory(atPath: other, withIntermediateDirectories: true)
        for suffix in ["", "-wal", "-shm"] {
            let name = "store.sqlite\(suffix)"
            try? manager.removeItem(atPath: "\(other)/\(name)")
            guard manager.fileExists(atPath: "\(folder)/\(name)") else { continue }
            try manager.copyItem(atPath: "\(folder)/\(name)", toPath: "\(other)/\(name)")
        }
    }

    private static func post(
        _ held: WireDesired, _ agent: TestAgent
    ) async throws -> WireDesiredSetAnswer {
        let set = WireDesiredSet.with {
            $0.revision = held.revision
            $0.digest = held.digest
            $0.entries = held.entries
        }
        return try await agent.post("desired", set, as: WireDesiredSetAnswer.self)
    }

    @Test func aControllerFromAnOldBackupReopensNobodyAndEndsUpExact() async throws {
        let folder = RunningController.temporaryFolder()
        let backup = folder + "-backup"
        defer {
            for path in [folder, backup] { try? FileManager.default.removeItem(atPath: path) }
        }
        var joined: TestAgent?
        try await RunningController.run(folder: folder) { controller in
            var agent = try await TestAgent.join(controller)
            let ids = try await agent.tell([publicKey(1), publicKey(2)])
            let push = try agent.push(ids.map { ($0, 100, 10) })
            _ = try await agent.post("batches", push, as: WirePushAnswer.self)
            _ = try await controller.call("POST", "/api/clients/2/revoke?wait=0")
            joined = agent
        }
        var agent = try #require(joined)
        try Self.copy(folder, to: backup)
        var held = WireDesired()
        try await RunningController.run(folder: folder) { controller in
            agent.move(to: controller)
            _ = try await controller.call("POST", "/api/clients/1/revoke?wait=0")
            _ = try await controller.call("POST", "/api/clients/2/restore?wait=0")
            _ = try await controller.call("POST", "/api/clients/2/revoke?wait=0")
            let push = try agent.push([(1, 300, 30), (2, 100, 10)])
            _ = try await agent.post("batches", push, as: WirePushAnswer.self)
            held = try #require(try await agent.desired())
            #expect(held.revision == 4)
        }
        try Self.copy(backup, to: folder)
        try await RunningController.run(folder: folder) { controller in
            agent.move(to: controller)
            try await recover(controller, &agent, held)
        }
    }

    private func recover(
        _ controller: RunningController, _ agent: inout TestAgent, _ held: WireDesired
    ) async throws {
        // What it verified of the lost revisions proves nothing of this store's.
        for _ in 1...4 {
            _ = try await controller.call("POST", "/api/clients/2/restore?wait=0")
            _ = try await controller.call("POST", "/api/clients/2/revoke?wait=0")
        }
        let outcomes = WireOutcomes.with {
            $0.revision = held.revision
            $0.number = 3
        }
        let ignored = try await agent.post("outcomes", outcomes, as: WireOutcomesAnswer.self)
        #expect(ignored.acknowledged == 0)
        let digest = [UInt8](held.digest)
        let question = try #require(
            try await agent.desired(after: held.revision, digest: digest, wait: 20))
        #expect(question.wantsSet && question.entries.isEmpty && !question.whole)
        var server = try await controller.call(
            "GET", "/api/servers/1", as: ServerAnswer.self
        ).server
        #expect(server.recovery == .desiredSet && server.recoveringSince != nil)
        let answer = try await Self.post(held, agent)
        #expect(answer.applied == 1 && answer.appliedDigest.count == 32)
        #expect(answer.revision > held.revision)
        let whole = try #require(try await agent.desired(after: held.revision, digest: digest))
        #expect(whole.whole && whole.revision == answer.revision)
        let entries = try whole.entries.map { try WireDesiredEntry(serializedBytes: $0) }
        #expect(entries.map(\.access) == [.shut, .shut])
        // A restore waits for the usage, says so, and is made once that has come.
        let waiting = try await controller.call("POST", "/api/clients/1/restore?wait=0")
        #expect(waiting.status == 202)
        let enforcement = try waiting.json(EnforcementAnswer.self).enforcement
        #expect(enforcement.state == .pending)
        #expect(enforcement.servers[0].detail == "waits until the usage of vpn1 is caught up")
        let client = try await controller.call("GET", "/api/clients/1", as: ClientAnswer.self)
        #expect(client.client.status == .restoring)
        #expect(client.client.credentials.map(\.state) == [.opening])
        agent.digest = [UInt8](answer.appliedDigest)
        let catchUp = try agent.push([(1, 300, 30), (2, 100, 10)], catchesUp: true)
        let receipt = try await agent.post("batches", catchUp, as: WirePushAnswer.self)
        #expect(receipt.applied == agent.sequence && receipt.revision == whole.revision + 1)
        let opened = try #require(
            try await agent.desired(after: whole.revision, digest: [UInt8](whole.digest)))
        #expect(opened.entries.count == 1 && !opened.whole)
        try await agent.report(opened.revision, number: 4)
        server = try await controller.call(
            "GET", "/api/servers/1", as: ServerAnswer.self
        ).server
        #expect(server.recovery == nil && server.recoveringSince == nil)
        #expect(server.bytesSent == 400 && server.bytesReceived == 40)
        let list = try await controller.call("GET", "/api/clients", as: ClientList.self)
        #expect(list.clients.map(\.status) == [.active, .disabled])
    }

    @Test func setsOfTheWrongSizeOrKindAreRefused() async throws {
        try await RunningController.run { controller in
            let agent = try await TestAgent.join(controller)
            let limit = 16 * 1024 * 1024
            let cases: [([UInt8], Int)] = [
                ([0xff, 0xff], 400), ([UInt8](repeating: 0, count: limit + 1), 413),
            ]
            for (body, status) in cases {
                #expect(try await agent.send("POST", "desired", body).status == status)
            }
            let set = WireDesiredSet.with { $0.digest = .init([1, 2, 3]) }
            let response = try await agent.send("POST", "desired", try set.serializedBytes())
            #expect(response.status == 400)
            #expect(response.failure?.message.hasPrefix("digest: ") == true)
            var headers = agent.headers
            headers["Authorization"] = "Bearer 1.x"
            for (method, call) in [("POST", "desired"), ("GET", "counters")] {
                let body: [UInt8]? = method == "POST" ? [] : nil
                let refused = try await agent.send(method, call, body, headers: headers)
                #expect(refused.status == 401)
            }
        }
    }

    @Test func aGreatSetIsTakenOverAndTheGreatestFits() async throws {
        try await RunningController.run { controller in
            let agent = try await TestAgent.join(controller)
            var sum = SetDigest()
            var set = WireDesiredSet()
            for number in 1...4_000 as ClosedRange<UInt64> {
                let key = withUnsafeBytes(of: number.littleEndian) { Data($0) } + Data(count: 24)
                let entry = WireDesiredEntry.with {
                    $0.credential = number
                    $0.meter = "wireguard/wg0@some-container"
                    $0.key = key.base64EncodedString()
                    $0.revision = number
                    $0.access = .shut
                }
                let bytes: [UInt8] = try entry.serializedBytes()
                sum.insert(bytes)
                set.entries.append(.init(bytes))
            }
            set.revision = 4_000
            set.digest = .init(sum.bytes)
            let bytes: [UInt8] = try set.serializedBytes()
            #expect(bytes.count / 4_000 * 50_000 < Bodies.describingLimit)
            let response = try await agent.send("POST", "desired", bytes)
            let answer = try WireDesiredSetAnswer(serializedBytes: response.body)
            #expect(answer.revision == 4_001)
            let whole = try #require(
                try await agent.desired(after: 4_000, digest: sum.bytes))
            #expect(whole.whole && whole.entries.count == 4_000)
        }
    }

    @Test func aLedgerThatBeginsAnewHearsTheCounters() async throws {
        try await RunningController.run { controller in
            var agent = try await TestAgent.join(controller)
            let ids = try await agent.tell([publicKey(1), publicKey(2)])
            let push = try agent.push([(ids[0], 100, 10), (ids[1], 7, 8)])
            _ = try await agent.post("batches", push, as: WirePushAnswer.self)
            let token = try await controller.call(
                "POST", "/api/servers/\(agent.server)/token", as: ServerJoin.self
            ).token
            let anew = TestAgent(
                controller: controller, transport: controller.remote, server: agent.server,
                token: token)
            #expect(try await anew.join().status == 200)
            let pages: [(UInt64, [UInt64])] = [(0, [100, 7]), (ids[0], [7]), (99, [])]
            for (after, expected) in pages {
                let response = try await anew.send("GET", "counters?after=\(after)")
                let known = try WireKnownCounters(serializedBytes: response.body)
                #expect(known.counters.map(\.uplink) == expected)
                #expect(known.meters == ["wireguard/wg0"] && known.hasLastReading)
            }
            #expect(try await anew.send("GET", "counters?after=x").status == 400)
        }
    }
}
