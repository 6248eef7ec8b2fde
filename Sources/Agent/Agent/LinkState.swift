import HTTPClient
import Synchronization

/// Whether the controller is reached, for `status` and so that an outage is told once.
final class LinkState: Sendable {
    /// Those who speak with the controller; each clears only what it noted itself.
    enum Speaker: Hashable, Sendable {
        case uplink
        case desiredWatch
    }

    private struct State {
        var faults: [Speaker: String] = [:]
        var linkFaults: [Speaker: String] = [:]
        var lastContact: ContinuousClock.Instant?
    }

    private let state = Mutex(State())

    /// Rung when the request that waits reaches the controller again: what gathered meanwhile need
    /// not wait until its sender tries by itself.
    let isBack = Wakeup()

    /// Notes that what `speaker` did worked; whether it had not before.
    func reached(by speaker: Speaker) -> Bool {
        let isNew = state.withLock { state in
            state.lastContact = .now
            state.linkFaults[speaker] = nil
            return state.faults.removeValue(forKey: speaker) != nil
        }
        if isNew, speaker == .desiredWatch { isBack.ring() }
        return isNew
    }

    /// Notes a failure; whether it is another than the speaker's last. A failure of this host's own
    /// is no fault of the controller's.
    func failed(_ error: any Error, by speaker: Speaker) -> Bool {
        let text = "\(error)"
        let isLink = error is HTTPClientError || error is Refusal
        return state.withLock { state in
            state.linkFaults[speaker] = isLink ? text : nil
            return state.faults.updateValue(text, forKey: speaker) != text
        }
    }

    /// Why the controller is not reached; nil while it is, or where it was not tried yet.
    var fault: String? {
        state.withLock { $0.linkFaults[.uplink] ?? $0.linkFaults[.desiredWatch] }
    }

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
