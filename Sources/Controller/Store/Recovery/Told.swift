import Synchronization

/// Up to which revision each agent is known to go by this controller's desired state, since this
/// controller started. Kept in memory: an agent asks again at once.
package final class Told: Sendable {
    private let revisions = Mutex<[Int64: Int64]>([:])

    /// Knows of none.
    package init() {}

    /// Notes a revision that a server's agent was told, or holds as this controller gave it.
    func note(_ server: Int64, _ revision: Int64) {
        revisions.withLock { $0[server] = max($0[server] ?? 0, revision) }
    }

    /// Notes that a server's agent goes by another desired state.
    func forget(_ server: Int64) {
        revisions.withLock { $0[server] = nil }
    }

    /// The highest revision that was noted; 0 for none.
    package func newest(_ server: Int64) -> Int64 {
        revisions.withLock { $0[server] ?? 0 }
    }
}

/// An answer to an agent that asks for its desired state, and what its question has led to.
package struct DesiredAnswer: Sendable {
    package var state: DesiredState
    /// Whether it is the first to show that this store does not know what the agent holds.
    package var beginsRecovery = false
    /// Whether openings that had waited for this server were made.
    package var hasOpened = false
}

extension Store {
    /// The desired state for an agent that holds revision `after` with `digest`, as `desired` has
    /// it; notes what the question says of the state that the agent goes by.
    package func answer(
        _ call: AgentCall, _ standing: Standing, after: Int64, digest: [UInt8], told: Told,
        now: Int64
    ) async throws -> DesiredAnswer {
        let state = try await desired(server: call.server, after: after, digest: digest)
        var answer = DesiredAnswer(state: state)
        guard standing == .current else { return answer }
        if state.wantsSet {
            told.forget(call.server)
            answer.beginsRecovery = !state.isAsked
            if !state.isAsked { try await beginRecovery(of: call.server, now: now) }
        } else {
            told.note(call.server, state.revision)
            guard state.isAsked, !state.isWhole else { return answer }
            answer.hasOpened = try await endQuestion(call, now: now)
        }
        return answer
    }
}
