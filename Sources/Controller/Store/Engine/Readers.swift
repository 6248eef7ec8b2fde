import Dispatch
import Synchronization

/// Runs reads on threads that may wait for the disk, a few at once, those of urgent tasks first.
final class Readers: Sendable {
    private typealias Job = @Sendable () -> Void

    private struct State {
        var running = 0
        var urgent = Line()
        var others = Line()

        mutating func next() -> Job? {
            if let job = urgent.next() ?? others.next() { return job }
            running -= 1
            return nil
        }
    }

    /// Jobs in the order in which they came.
    private struct Line {
        var jobs: [Job?] = []
        var first = 0

        mutating func next() -> Job? {
            guard first < jobs.count else { return nil }
            let job = jobs[first].take()
            first += 1
            if first == jobs.count { (jobs, first) = ([], 0) }
            return job
        }
    }

    private let limit: Int
    private let state = Mutex(State())
    private let queue = DispatchQueue(label: "store.reads", attributes: .concurrent)

    /// At most `limit` reads run at once.
    init(limit: Int) {
        self.limit = limit
    }

    /// Runs `body` once it is its turn.
    func run<Value: Sendable>(
        _ body: @escaping @Sendable () throws -> Value
    ) async throws -> Value {
        let isUrgent = Task.currentPriority >= .high
        return try await withCheckedThrowingContinuation { continuation in
            submit(isUrgent: isUrgent) { continuation.resume(with: Result { try body() }) }
        }
    }

    /// How many reads are under way or wait.
    var count: Int {
        state.withLock { state in
            state.running + state.urgent.jobs.count - state.urgent.first
                + state.others.jobs.count - state.others.first
        }
    }

    private func submit(isUrgent: Bool, _ job: @escaping Job) {
        let mayStart = state.withLock { state in
            guard state.running == limit else {
                state.running += 1
                return true
            }
            if isUrgent { state.urgent.jobs.append(job) } else { state.others.jobs.append(job) }
            return false
        }
        guard mayStart else { return }
        queue.async { [self] in
            var turn: Job? = job
            while let current = turn {
                current()
                turn = state.withLock { $0.next() }
            }
        }
    }
}
