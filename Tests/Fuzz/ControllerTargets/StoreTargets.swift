import Accounting
import AgentProtocol
import Foundation
import FuzzTargets
import SwiftProtobuf

@testable import Store

extension ControllerTargets {
    /// What agents send, as the store takes it.
    static let storeTargets = [
        FuzzTarget("push", push), FuzzTarget("inventory", inventory),
        FuzzTarget("outcomes", outcomes), FuzzTarget("join", join),
    ]

    /// An agent's life: batches that continue its ledger or do not, whole or damaged, under any
    /// clock. Nobody else's totals move, and nobody is booked more than was named.
    private static func push(_ bytes: [UInt8]) async throws {
        let bench = try await StoreBench.shared.value
        var agent = try await FuzzedAgent(bench)
        var choices = Choices(bytes)
        while !choices.isEmpty {
            let message = agent.push(&choices)
            try await bench.typed {
                let receipt = try await bench.store.push(
                    message, from: agent.call, receivedAt: bench.now)
                agent.note(receipt)
            }
        }
        try await agent.check()
    }

    private static func inventory(_ bytes: [UInt8]) async throws {
        let bench = try await StoreBench.shared.value
        let agent = try await FuzzedAgent(bench)
        guard let message = try? WireInventory(decoding: bytes) else { return }
        try await bench.typed {
            let receipt = try await bench.store.take(message, from: agent.call, now: bench.now)
            try FuzzFinding.unless(
                receipt.assignments.map(\.key) == message.keys.map(\.key),
                "the answer is not in the request's order")
        }
        try await agent.check()
    }

    private static func outcomes(_ bytes: [UInt8]) async throws {
        let bench = try await StoreBench.shared.value
        let agent = try await FuzzedAgent(bench)
        guard let message = try? WireOutcomes(decoding: bytes) else { return }
        try await bench.typed {
            let number = try await bench.store.apply(message, from: agent.call, now: bench.now)
            try FuzzFinding.unless(number >= 0, "the number \(number) is acknowledged")
        }
        try await agent.check()
    }

    private static func join(_ bytes: [UInt8]) async throws {
        let bench = try await StoreBench.shared.value
        guard let message = try? WireJoinRequest(decoding: bytes) else { return }
        let request = JoinRequest(
            tokenHash: Digest.sha256(Array(message.token.utf8)),
            secretHash: [UInt8](message.secretHash), ledger: [UInt8](message.ledger),
            host: message.host)
        try await bench.typed {
            _ = try await bench.store.join(request, now: bench.now)
            throw FuzzFinding("a host joined without a token")
        }
        let agent = try await FuzzedAgent(bench, host: message.host)
        try await agent.check()
    }
}
