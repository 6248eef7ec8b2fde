import Synchronization

/// Lets requests wait, without a thread, until something of a server has changed.
///
/// A caller takes the generations first, looks at the store, and waits for a later generation:
/// what changes in between is not missed.
final class Hub: Sendable {
    /// How a wait ended.
    enum Wake: Sendable {
        /// Something changed.
        case changed
        /// The time was up.
        case timeout
        /// A newer request of the same server took this one's place.
        case replaced
        /// The caller went away, or the controller is stopping.
        case cancelled
    }

    /// What a wait is for: servers, and their generations as the caller knows them.
    typealias Known = [Int64: UInt64]

    private let state = Mutex(HubState())

    /// The generations of servers now.
    func generations(of servers: some Sequence<Int64>) -> Known {
        state.withLock { state in
            Known(
                servers.map { ($0, state.generations[$0] ?? 0) }, uniquingKeysWith: { $1 })
        }
    }

    /// Wakes those who wait for a server.
    func notify(_ server: Int64) {
        resume(state.withLock { $0.advance(server) }, with: .changed)
    }

    /// Whether somebody waits for a server.
    func isWaiting(_ server: Int64) -> Bool {
        state.withLock { !($0.waitersOf[server] ?? []).isEmpty }
    }

    /// Wakes everybody, and lets nobody wait any more.
    func close() {
        resume(state.withLock { $0.close() }, with: .cancelled)
    }

    /// Waits until one of the servers has a later generation than the one known.
    ///
    /// With `exclusively`, an earlier such wait for the same server ends as replaced.
    func wait(
        for known: Known, atMost timeout: Duration, exclusively: Bool = false
    ) async -> Wake {
        let id = state.withLock { $0.nextID() }
        let timer = Task {
            try await Task.sleep(for: timeout)
            self.end(id, with: .timeout)
        }
        defer { timer.cancel() }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let waiter = HubState.Waiter(
                    servers: Array(known.keys), isExclusive: exclusively,
                    continuation: continuation)
                let step = state.withLock { $0.add(waiter, id: id, known: known) }
                resume(step.replaced, with: .replaced)
                if let wake = step.wake { continuation.resume(returning: wake) }
            }
        } onCancel: {
            end(id, with: .cancelled)
        }
    }

    /// Ends one wait, also one that has yet to begin.
    private func end(_ id: UInt64, with wake: Wake) {
        resume(state.withLock { $0.end(id, with: wake) }, with: wake)
    }

    private func resume(_ waiters: [HubState.Waiter], with wake: Wake) {
        for waiter in waiters { waiter.continuation.resume(returning: wake) }
    }
}

/// Who waits for what. Every change returns those whom the caller must resume.
private struct HubState {
    struct Waiter {
        let servers: [Int64]
        let isExclusive: Bool
        let continuation: CheckedContinuation<Hub.Wake, Never>
    }

    var generations: [Int64: UInt64] = [:]
    private(set) var waitersOf: [Int64: Set<UInt64>] = [:]
    private var waiters: [UInt64: Waiter] = [:]
    private var early: [UInt64: Hub.Wake] = [:]
    private var begun: Set<UInt64> = []
    private var isClosed = false
    private var lastID: UInt64 = 0

    mutating func nextID() -> UInt64 {
        lastID += 1
        begun.insert(lastID)
        return lastID
    }

    mutating func advance(_ server: Int64) -> [Waiter] {
        generations[server, default: 0] += 1
        return take(waitersOf[server] ?? [])
    }

    mutating func close() -> [Waiter] {
        isClosed = true
        return take(waiters.keys)
    }

    /// Takes a waiter in, unless its wait is over already.
    mutating func add(
        _ waiter: Waiter, id: UInt64, known: Hub.Known
    ) -> (wake: Hub.Wake?, replaced: [Waiter]) {
        begun.remove(id)
        let replaced = waiter.isExclusive ? takeExclusive(of: waiter.servers) : []
        if let wake = early.removeValue(forKey: id) { return (wake, replaced) }
        if isClosed { return (.cancelled, replaced) }
        if known.contains(where: { generations[$0.key, default: 0] != $0.value }) {
            return (.changed, replaced)
        }
        waiters[id] = waiter
        for server in waiter.servers { waitersOf[server, default: []].insert(id) }
        return (nil, replaced)
    }

    mutating func end(_ id: UInt64, with wake: Hub.Wake) -> [Waiter] {
        if begun.contains(id) { early[id] = wake }
        return take([id])
    }

    private mutating func takeExclusive(of servers: [Int64]) -> [Waiter] {
        let ids = servers.flatMap { waitersOf[$0] ?? [] }
        return take(ids.filter { waiters[$0]?.isExclusive == true })
    }

    private mutating func take(_ ids: some Sequence<UInt64>) -> [Waiter] {
        ids.compactMap { id in
            guard let waiter = waiters.removeValue(forKey: id) else { return nil }
            for server in waiter.servers {
                waitersOf[server]?.remove(id)
                if waitersOf[server]?.isEmpty == true { waitersOf[server] = nil }
            }
            return waiter
        }
    }
}
