import Synchronization

/// Whether the controller is reached, for `status` and so that an outage is told once.
final class LinkState: Sendable {
    private struct State {
        var fault: String?
        var lastContact: ContinuousClock.Instant?
    }

    private let state = Mutex(State())

    /// Notes that the controller answered; whether it had not before.
    func reached() -> Bool {
        state.withLock { state in
            defer {
                state.fault = nil
                state.lastContact = .now
            }
            return state.fault != nil || state.lastContact == nil
        }
    }

    /// Notes a failure; whether it is another than the last.
    func failed(_ fault: String) -> Bool {
        state.withLock { state in
            defer { state.fault = fault }
            return state.fault != fault
        }
    }

    /// Why the controller is not reached; nil while it is, or where it was not tried yet.
    var fault: String? { state.withLock { $0.fault } }

    /// Seconds since the controller last answered; nil for never.
    var secondsSinceContact: Double? {
        state.withLock { state in
            state.lastContact.map { contact in
                let passed = ContinuousClock.now - contact
                return Double(passed.components.seconds)
                    + Double(passed.components.attoseconds) / 1e18
            }
        }
    }
}
