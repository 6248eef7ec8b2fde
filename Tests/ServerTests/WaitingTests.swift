import API
import AgentProtocol
import Foundation
import Glibc
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
            #expect(clock.now - asked < .seconds(15))
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
            #expect((Duration.seconds(1)..<Duration.seconds(20)).contains(time))
        }
    }

    @Test(arguments: ["wait=51", "wait=-1", "after=-1", "digest=00", "digest=xy"])
    func aBrokenQuestionIsRefusedByName(query: String) async throws {
        try await RunningController.run { controller in
            let agent = try await TestAgent.join(controller)
            let response = try await agent.send("GET", "desired?\(query)")
            #expect(response.status == 400)
            let name = String(query.prefix { $0 != "=" })
            #expect(response.failure?.message.hasPrefix(name) == true)
        }
    }

    @Test func whatANewerAgentSaysBesidesIsPassedOver() async throws {
        try await RunningController.run { controller in
            let agent = try await TestAgent.join(controller)
            #expect(try await agent.send("GET", "desired?after=0&novelty=1").status == 204)
        }
    }

    @Test func aNewerRequestTakesTheOldersPlace() async throws {
        try await RunningController.run { controller in
            let agent = try await TestAgent.join(controller)
            // Which of them comes first is not known where the machine is busy.
            async let one = (agent.desired(wait: 10), ContinuousClock.now)
            async let other = (agent.desired(wait: 10), ContinuousClock.now)
            let answers = try await [one, other]
            #expect(answers.allSatisfy { $0.0 == nil })
            let between = answers[0].1.duration(to: answers[1].1)
            #expect(between < .seconds(-5) || between > .seconds(5), "both waited to the end")
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
        #expect(time < .seconds(20), "it took \(time)")
        let answer = try await revoke.value
        #expect(answer.status == 202)
        for task in waiting { await task.value }
    }

    @Test func aBodyThatDripsDoesNotHoldUpTheEnd() async throws {
        let folder = RunningController.temporaryFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let controller = try await RunningController({ _ in }, environment: [:], folder: folder)
        let token = try await controller.token(.admin)
        let connection = try RawConnection(to: controller.url)
        connection.send(
            "POST /api/servers HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer \(token)\r\n"
                + "Content-Type: application/json\r\nContent-Length: 50\r\n\r\n{")
        try await Task.sleep(for: .milliseconds(300))
        let time = try await controller.stop()
        #expect(time < .seconds(20), "it took \(time)")
        #expect(connection.received().hasPrefix("HTTP/1.1 503"))
    }

    /// Hangs up a waiting request, anew where this machine was too busy to send it in time.
    private func expectHangingUpIsNoticed(
        _ agent: TestAgent, _ controller: RunningController
    ) async throws {
        try await eventually {
            let task = Task { try await agent.desired(wait: 50) }
            try await Task.sleep(for: .milliseconds(300))
            task.cancel()
            _ = try? await task.value
            try await Task.sleep(for: .milliseconds(300))
            return Probe.connections(to: controller) == 0
        }
    }

    @Test func overTLSACallerThatHangsUpWaitsNoMore() async throws {
        let folder = RunningController.temporaryFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let pin = try TLSIdentity.own(in: StateDirectory(folder), host: "127.0.0.1").pin
        let trust = TrustPolicy.pins([try KeyPin(base64: Data(pin).base64EncodedString())])
        try await RunningController.run({ $0.tls = .auto }, folder: folder, trust: trust) {
            controller in
            let agent = try await TestAgent.join(controller)
            #expect(agent.token.hasSuffix(Base64URL.encode(pin)))
            try await expectHangingUpIsNoticed(agent, controller)
        }
    }

    @Test func aCallerThatHangsUpWaitsNoMore() async throws {
        try await RunningController.run { controller in
            let agent = try await TestAgent.join(controller)
            try await expectHangingUpIsNoticed(agent, controller)
        }
    }
}

/// Looks at this process' connections from outside the controller's own words.
enum Probe {
    /// Connections that the controller holds at its port, also those that the caller has left
    /// (ESTABLISHED and CLOSE_WAIT).
    static func connections(to controller: RunningController) -> Int {
        guard let port = controller.url.split(separator: ":").last.flatMap({ Int($0) }),
            let file = FileHandle(forReadingAtPath: "/proc/net/tcp")
        else { return -1 }
        // A file in /proc has no size: it is read until nothing more comes.
        var table = Data()
        while let piece = try? file.read(upToCount: 1 << 16), !piece.isEmpty { table += piece }
        let local = ":" + String(format: "%04X", port)
        return String(decoding: table, as: UTF8.self).split(separator: "\n").filter { line in
            let fields = line.split(separator: " ")
            return fields.count > 3 && fields[1].hasSuffix(local)
                && (fields[3] == "01" || fields[3] == "08")
        }.count
    }
}

/// A TCP connection that sends whatever it is told.
final class RawConnection {
    private let descriptor: CInt

    /// Connects to a URL's port on 127.0.0.1.
    init(to url: String) throws {
        let port = try #require(url.split(separator: ":").last.flatMap { UInt16($0) })
        descriptor = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        try #require(result == 0)
    }

    deinit { close(descriptor) }

    func send(_ text: String) {
        let bytes = Array(text.utf8)
        #expect(Glibc.send(descriptor, bytes, bytes.count, CInt(MSG_NOSIGNAL)) == bytes.count)
    }

    /// What has arrived so far.
    func received() -> String {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = recv(descriptor, &buffer, buffer.count, CInt(MSG_DONTWAIT))
        return String(decoding: buffer.prefix(max(0, count)), as: UTF8.self)
    }
}
