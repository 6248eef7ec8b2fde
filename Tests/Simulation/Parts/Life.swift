import Synchronization

/// One run of a program, from its start to its crash: every write to its disk and every change
/// that it makes to its host is a step, and after the last one that it has left it does nothing.
final class Life: Sendable {
    private struct State {
        var stepsLeft: Int?
        var isDead = false
        var isDiskFull = false
    }

    /// What becomes of a step.
    enum Step {
        case done
        /// The program ends within this step.
        case torn
        case dead
    }

    private let state = Mutex(State())

    /// Whether it has crashed.
    var isDead: Bool { state.withLock { $0.isDead } }

    /// Whether its disk takes no more.
    var isDiskFull: Bool {
        get { state.withLock { $0.isDiskFull } }
        set { state.withLock { $0.isDiskFull = newValue } }
    }

    /// Lets it crash once it has taken `steps` more steps; nil: not at all.
    func crash(after steps: Int?) {
        state.withLock { $0.stepsLeft = steps }
    }

    func kill() {
        state.withLock { $0.isDead = true }
    }

    /// Takes a step.
    func step() -> Step {
        state.withLock { state in
            guard !state.isDead else { return .dead }
            guard let left = state.stepsLeft else { return .done }
            state.stepsLeft = left - 1
            guard left <= 0 else { return .done }
            state.isDead = true
            return .torn
        }
    }
}
