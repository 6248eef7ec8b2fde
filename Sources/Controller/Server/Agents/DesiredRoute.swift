import Accounting
import AgentProtocol
import Hummingbird
import HummingbirdCore
import Logging
import Store
import SwiftProtobuf

/// What an agent holds when it asks for the desired state.
private struct DesiredQuestion {
    let after: Int64
    let digest: [UInt8]
    let ticket: Int64
    let wait: Duration

    init(_ request: Request) throws {
        let query = Query(ofAgent: request)
        after = try query.integer("after", in: 0...Int64.max) ?? 0
        ticket = try query.integer("ticket", in: 0...Int64.max) ?? 0
        wait = try query.wait(default: 0, atMost: 50)
        let text = query.text("digest") ?? ""
        guard let bytes = Hexadecimal.decode(text), bytes.isEmpty || bytes.count == 32 else {
            throw Refusal.invalid("digest: 64 hexadecimal digits are expected, or nothing")
        }
        digest = bytes
    }

    func isAnswered(by state: DesiredState) -> Bool {
        state.isWhole || state.wantsSet || state.revision != after || state.ticket > ticket
    }
}

extension Backend {
    /// Answers once there is something new, or with 204 when the time is up.
    func desired(_ request: Request, _ context: AppContext) async throws -> Response {
        let (call, standing) = try await AgentGate(backend: self).admit(request)
        let question = try DesiredQuestion(request)
        let state = try await departures.watch(context.channel) {
            try await news(for: call, standing, question)
        }
        links.note(call.server, at: now)
        guard let state else { return Response(status: .noContent) }
        var answer = WireDesired()
        answer.ticket = UInt64(state.ticket)
        answer.now = now
        answer.wantsSet = state.wantsSet
        guard !state.wantsSet else { return try .protobuf(answer) }
        answer.revision = UInt64(state.revision)
        answer.digest = .init(state.digest)
        answer.whole = state.isWhole
        answer.entries = state.entries.map { .init($0) }
        return try .protobuf(answer)
    }

    private func news(
        for call: AgentCall, _ standing: Standing, _ question: DesiredQuestion
    ) async throws -> DesiredState? {
        let server = call.server
        let deadline = ContinuousClock.now + question.wait
        while true {
            let known = desired.generations(of: [server])
            let answer = try await store.answer(
                call, standing, after: question.after, digest: question.digest, told: told,
                now: now)
            if answer.beginsRecovery { warn(of: call, question) }
            if answer.hasOpened { desired.notify(server) }
            let state = answer.state
            if question.isAnswered(by: state) { return state }
            let rest = deadline - .now
            guard rest > .zero else { return nil }
            let wake = await desired.wait(for: known, atMost: rest, exclusively: true)
            guard wake == .changed else { return nil }
        }
    }

    private func warn(of call: AgentCall, _ question: DesiredQuestion) {
        logger.warning(
            "an agent holds a desired state that this store does not know",
            metadata: ["server": "\(call.server)", "revision": "\(question.after)"])
    }

    /// Takes over the set that an agent holds, after a restore from an old backup.
    func takeSet(_ request: Request) async throws -> Response {
        let call = try await AgentGate(backend: self).pass(request)
        let set: WireDesiredSet = try await read(request, limit: Bodies.describingLimit)
        let receipt = try await tellingClones(of: call.server) {
            try await store.adopt(set, from: call, now: now)
        }
        desired.notify(call.server)
        var answer = WireDesiredSetAnswer()
        answer.revision = UInt64(receipt.revision)
        answer.applied = UInt64(receipt.applied.sequence)
        answer.appliedDigest = .init(receipt.applied.digest)
        return try .protobuf(answer)
    }

    /// Answers what was last heard of a server's counters.
    func counters(_ request: Request) async throws -> Response {
        let call = try await AgentGate(backend: self).pass(request)
        let after = try Query(ofAgent: request).integer("after", in: 0...Int64.max) ?? 0
        return try .protobuf(try await store.knownCounters(server: call.server, after: after))
    }
}
