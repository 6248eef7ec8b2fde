import API
import AgentProtocol
import Foundation
import HTTPClient
import SwiftProtobuf
import Testing

@testable import Server

@Suite struct WaitingTests {
    @Test func aWaitingAgentIsAnsweredAtOnce() async throws {
        try await RunningController.run { controller in
            let agent = try await TestAgent.join(controller)
            let ids = try await agent.tell([publicKey(1)])
            async let answer = agent.desired(wait: 30)
            try await Task.sleep(for: .milliseconds(200))
            let clock = ContinuousClock()
            let asked = clock.now
            let revoked = try await controller.call("POST", "/api/clients/1/revoke?wait=0")
            #expect(revoked.status == 202)
            let desired = try #require(try await answer)
            #expect(clock.now - asked < .seconds(1))
            #expect(desired.revision == 1 && !desired.whole)
            let entry = try WireDesiredEntry(serializedBytes: desired.entries[0])
            #expect(entry.credential == ids[0] && entry.access == .shut)
            // What the agent holds now is nothing new.
            let again = try await agent.desired(after: 1, digest: [UInt8](desired.digest))
            #expect(again == nil)
        }
    }

    @Test func theTimeIsKept() async throws {
        try await RunningController.run { controller in
            let agent = try await TestAgent.join(controller)
            let asked = ContinuousClock.now
            let answer = try await agent.desired(wait: 1)
            let time = ContinuousClock.now - asked
            #expect(answer == nil)
            #expect((Duration.seconds(1)..<Duration.seconds(3)).contains(time))
        }
    }

    @Test(arguments: ["wait=51", "wait=-1", "after=-1", "digest=00", "digest=xy", "other=1"])
    func aBrokenQuestionIsRefusedByName(query: String) async throws {
        try await RunningController.run { controller in
            let agent = try await TestAgent.join(controller)
            let response = try await agent.send("GET", "desired?\(query)")
            #expect(response.status == 400)
            let name = String(query.prefix { $0 != "=" })
            #expect(response.failure?.message.hasPrefix(name) == true)
        }
    }

    @Test func aNewerRequestTakesTheOldersPlace() async throws {
        try await RunningController.run { controller in
            let agent = try await TestAgent.join(controller)
            async let older = agent.desired(wait: 30)
            try await Task.sleep(for: .milliseconds(200))
            async let newer = agent.desired(wait: 2)
            let asked = ContinuousClock.now
            let answer = try await older
            #expect(answer == nil)
            #expect(ContinuousClock.now - asked < .seconds(1))
            let last = try await newer
            #expect(last == nil)
        }
    }

    @Test func waitingRequestsDoNotHoldUpTheEnd() async throws {
        let folder = RunningController.temporaryFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let controller = try await RunningController({ _ in }, environment: [:], folder: folder)
        var waiting: [Task<Void, Never>] = []
        for number in 1...5 {
            let agent = try await TestAgent.join(controller, "vpn\(number)")
            _ = try await agent.tell([publicKey(UInt8(number))])
            waiting.append(Task { _ = try? await agent.desired(wait: 50) })
        }
        let revoke = Task {
            try await controller.call(
                "POST", "/api/clients/1/revoke?wait=60", timeout: .seconds(70))
        }
        try await Task.sleep(for: .milliseconds(300))
        let time = try await controller.stop()
        #expect(time < .seconds(2), "it took \(time)")
        let answer = try await revoke.value
        #expect(answer.status == 202)
        for task in waiting { await task.value }
    }

    @Test func aCallerThatHangsUpWaitsNoMore() async throws {
        try await RunningController.run { controller in
            let agent = try await TestAgent.join(controller)
            let task = Task { try await agent.desired(wait: 50) }
            try await eventually { Probe.connections(to: controller) == 1 }
            try await Task.sleep(for: .milliseconds(300))
            task.cancel()
            _ = try? await task.value
            try await eventually { Probe.connections(to: controller) == 0 }
        }
    }
}

/// Looks at this process' connections from outside the controller's own words.
enum Probe {
    /// Connections that the controller holds at its port, also those that the caller has left
    /// (ESTABLISHED and CLOSE_WAIT).
    static func connections(to controller: RunningController) -> Int {
        guard let port = controller.url.split(separator: ":").last.flatMap({ Int($0) }),
            let table = try? String(contentsOfFile: "/proc/net/tcp", encoding: .utf8)
        else { return -1 }
        let local = ":" + String(format: "%04X", port)
        return table.split(separator: "\n").filter { line in
            let fields = line.split(separator: " ")
            return fields.count > 3 && fields[1].hasSuffix(local)
                && (fields[3] == "01" || fields[3] == "08")
        }.count
    }
}
