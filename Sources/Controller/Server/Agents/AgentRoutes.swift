import HTTPTypes
import Logging
import AgentProtocol
import Hummingbird
import HummingbirdCore
import Store
import SwiftProtobuf

extension Backend {
    /// The push protocol's calls.
    var agentRoutes: [Route] {
        [
            Route(.post, "/agent/v1/join", .anybody) { request, _ in try await join(request) },
            Route(.post, "/agent/v1/inventory", .anybody) { request, _ in
                try await inventory(request)
            },
            Route(.post, "/agent/v1/batches", .anybody) { request, _ in
                try await batches(request)
            },
            Route(.post, "/agent/v1/outcomes", .anybody, isUrgent: true) { request, _ in
                try await outcomes(request)
            },
            Route(.get, "/agent/v1/desired", .anybody) { request, context in
                try await desired(request, context)
            },
            Route(.post, "/agent/v1/desired", .anybody) { request, _ in
                try await takeSet(request)
            },
            Route(.get, "/agent/v1/counters", .anybody) { request, _ in
                try await counters(request)
            },
        ]
    }

    private func join(_ request: Request) async throws -> Response {
        let message: WireJoinRequest = try await read(request)
        guard let token = JoinToken(message.token) else {
            throw Refusal(
                .forbidden, "token_malformed",
                "this is no join token: it begins with tk1. and comes from `tollkeeper server add`")
        }
        let server = try await store.join(
            JoinRequest(
                tokenHash: token.hash, secretHash: [UInt8](message.secretHash),
                ledger: [UInt8](message.ledger), host: message.host), now: now)
        links.note(server.id, at: now)
        logger.info("an agent joined", metadata: ["server": "\(server.name)"])
        var answer = WireJoinAnswer()
        answer.server = UInt64(server.id)
        answer.name = server.name
        return try .protobuf(answer)
    }

    private func inventory(_ request: Request) async throws -> Response {
        let call = try await AgentGate(backend: self).pass(request)
        let message: WireInventory = try await read(request, limit: Bodies.describingLimit)
        let receipt = try await store.take(message, from: call, now: now)
        if receipt.revision != nil { desired.notify(call.server) }
        var answer = WireInventoryAnswer()
        answer.assignments = receipt.assignments
        return try .protobuf(answer)
    }

    private func batches(_ request: Request) async throws -> Response {
        let call = try await AgentGate(backend: self).pass(request)
        let push: WirePush = try await read(request)
        let receipt = try await tellingClones(of: call.server) {
            try await store.push(push, from: call, receivedAt: now)
        }
        pushes.notify(call.server)
        if receipt.hasOpened { desired.notify(call.server) }
        var answer = WirePushAnswer()
        answer.applied = UInt64(receipt.applied)
        answer.appliedDigest = .init(receipt.appliedDigest)
        answer.wantsKeys = receipt.wantsKeys
        answer.revision = UInt64(receipt.revision)
        answer.now = now
        return try .protobuf(answer)
    }

    private func outcomes(_ request: Request) async throws -> Response {
        let call = try await AgentGate(backend: self).pass(request)
        let message: WireOutcomes = try await read(request, limit: Bodies.describingLimit)
        var answer = WireOutcomesAnswer()
        // What it verified of a desired state that it was not told here proves nothing: it holds
        // another one of that revision where this store was put back from an old backup.
        if Int64(clamping: message.revision) <= told.newest(call.server) {
            let number = try await tellingClones(of: call.server) {
                try await store.apply(message, from: call, now: now)
            }
            answer.acknowledged = UInt64(number)
            outcomes.notify(call.server)
        }
        return try .protobuf(answer)
    }

    func read<Wire: Message>(
        _ request: Request, limit: Int = Bodies.limit
    ) async throws -> Wire {
        let bytes = try await Bodies.message(request, limit: limit)
        do {
            return try Wire(serializedBytes: bytes)
        } catch {
            throw Refusal.invalid("the body is no message of this call")
        }
    }
}
