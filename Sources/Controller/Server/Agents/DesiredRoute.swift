import Accounting
import AgentProtocol
import Hummingbird
import HummingbirdCore
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
        state.isWhole || state.revision != after || state.ticket > ticket
    }
}

extension Backend {
    /// Answers once there is something new, or with 204 when the time is up.
    func desired(_ request: Request, _ context: AppContext) async throws -> Response {
        let call = try await AgentGate(backend: self).pass(request)
        let question = try DesiredQuestion(request)
        let state = try await departures.watch(context.channel) {
            try await news(for: call.server, question)
        }
        links.note(call.server, at: now)
        guard let state else { return Response(status: .noContent) }
        var answer = WireDesired()
        answer.revision = UInt64(state.revision)
        answer.digest = .init(state.digest)
        answer.whole = state.isWhole
        answer.entries = state.entries.map { .init($0) }
        answer.ticket = UInt64(state.ticket)
        answer.now = now
        return try .protobuf(answer)
    }

    private func news(
        for server: Int64, _ question: DesiredQuestion
    ) async throws -> DesiredState? {
        let deadline = ContinuousClock.now + question.wait
        while true {
            let known = desired.generations(of: [server])
            let state = try await store.desired(
                server: server, after: question.after, digest: question.digest)
            if question.isAnswered(by: state) { return state }
            let rest = deadline - .now
            guard rest > .zero else { return nil }
            let wake = await desired.wait(for: known, atMost: rest, exclusively: true)
            guard wake == .changed else { return nil }
        }
    }
}
