import Synchronization

/// Tells whoever waits when every listener is bound, or why one is not.
final class Listening: Sendable {
    private enum State {
        case waiting(missing: Int, [CheckedContinuation<Void, any Error>])
        case done(Result<Void, any Error>)
    }

    private let state: Mutex<State>

    /// Waits for `count` listeners.
    init(count: Int) {
        state = Mutex(.waiting(missing: count, []))
    }

    /// Notes that one more is bound.
    func bound() {
        let ready = state.withLock { state -> [CheckedContinuation<Void, any Error>] in
            guard case .waiting(let missing, let waiters) = state else { return [] }
            guard missing == 1 else {
                state = .waiting(missing: missing - 1, waiters)
                return []
            }
            state = .done(.success(()))
            return waiters
        }
        for waiter in ready { waiter.resume() }
    }

    /// Notes that one cannot be bound; later calls change nothing.
    func fail(_ error: any Error) {
        let waiters = state.withLock { state -> [CheckedContinuation<Void, any Error>] in
            guard case .waiting(_, let waiters) = state else { return [] }
            state = .done(.failure(error))
            return waiters
        }
        for waiter in waiters { waiter.resume(throwing: error) }
    }

    /// Returns once every listener is bound; throws where one cannot be, or all have ended.
    func wait() async throws {
        try await withCheckedThrowingContinuation { continuation in
            let result = state.withLock { state -> Result<Void, any Error>? in
                switch state {
                case .done(let result): return result
                case .waiting(let missing, let waiters):
                    state = .waiting(missing: missing, waiters + [continuation])
                    return nil
                }
            }
            if let result { continuation.resume(with: result) }
        }
    }
}
