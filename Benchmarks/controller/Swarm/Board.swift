import Synchronization

/// What the swarm's agents have met so far.
final class Board: Sendable {
    struct Counts {
        /// Agents whose request waits at the controller now.
        fileprivate(set) var held: Set<Int> = []
        fileprivate(set) var pushes = 0
        fileprivate(set) var rows = 0
        /// Pushes that were answered with anything but success, or not at all.
        fileprivate(set) var refused = 0
        /// Waiting requests that ended otherwise than by an answer.
        fileprivate(set) var lost = 0
        fileprivate(set) var firstFailure = ""
    }

    private let counts = Mutex(Counts())

    var now: Counts { counts.withLock { $0 } }
    var held: Int { counts.withLock { $0.held.count } }

    func hold(_ agent: Int) {
        counts.withLock { _ = $0.held.insert(agent) }
    }

    /// Notes that an agent's request waits no more; `error` where something went wrong.
    func release(_ agent: Int, _ error: (any Error)?) {
        counts.withLock { counts in
            let wasHeld = counts.held.remove(agent) != nil
            guard let error, wasHeld else { return }
            counts.lost += 1
            counts.note(error)
        }
    }

    func pushed(_ rows: Int) {
        counts.withLock { counts in
            counts.pushes += 1
            counts.rows += rows
        }
    }

    func refused(_ error: any Error) {
        counts.withLock { counts in
            counts.refused += 1
            counts.note(error)
        }
    }

    /// Begins anew, but for what is held.
    func reset() {
        counts.withLock { counts in
            let held = counts.held
            counts = Counts()
            counts.held = held
        }
    }
}

extension Board.Counts {
    fileprivate mutating func note(_ error: any Error) {
        if firstFailure.isEmpty { firstFailure = "\(error)" }
    }
}

/// How long an agent waits after failures: as Sources/Agent has it for what it waits with.
struct SwarmBackoff {
    private var failures = 0

    mutating func succeeded() { failures = 0 }

    mutating func failed() -> Duration {
        let step = min(Duration.seconds(15), .milliseconds(500) * (1 << min(failures, 16)))
        failures += 1
        return step * Double.random(in: 0.5...1)
    }

    /// Where in its longest wait an agent is after a long outage.
    static func late() -> Duration {
        .seconds(15) * Double.random(in: 0.5...1) * Double.random(in: 0...1)
    }
}
