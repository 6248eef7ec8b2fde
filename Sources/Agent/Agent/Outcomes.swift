import Accounting
import AgentProtocol
import Ledger

/// How far this host is with the controller's wishes. A state, told at every contact until the
/// controller has stored it.
struct OutcomeState: Sendable {
    private var revision: UInt64 = 0
    private var exceptions: [MeterName: [UnmetWish]] = [:]
    private var enforced: [UInt64: WireEnforced] = [:]
    private var verified: [UInt64: UInt64] = [:]
    private var number: UInt64 = 0
    private var acknowledged: UInt64 = 0

    /// The wishes that cannot be fulfilled now.
    var unmet: [UnmetWish] { exceptions.values.flatMap { $0 } }

    /// Whether the controller has yet to store the newest state.
    var hasNews: Bool { number > acknowledged }

    /// Notes that a wish is fulfilled; `window` is the unwatched time before a removal.
    mutating func fulfilled(_ wish: DesiredAccess, took: UInt64?, window: UInt64 = 0) {
        guard verified[wish.credential] != wish.revision || window > 0 else { return }
        verified[wish.credential] = wish.revision
        guard let took else { return }
        var entry = enforced[wish.credential] ?? WireEnforced()
        entry.credential = wish.credential
        entry.revision = wish.revision
        if entry.took == 0 { entry.took = max(took, 1) }
        entry.window = max(entry.window, window)
        enforced[wish.credential] = entry
        number += 1
    }

    /// Notes which wishes of a meter are not fulfilled.
    mutating func unmet(_ unmet: [UnmetWish], at meter: MeterName) {
        for wish in unmet { verified[wish.credential] = nil }
        guard exceptions[meter, default: []] != unmet else { return }
        exceptions[meter] = unmet
        number += 1
    }

    /// Notes that every wish up to `revision` has been looked at.
    mutating func verified(through revision: UInt64) {
        guard revision != self.revision else { return }
        self.revision = revision
        number += 1
    }

    /// The state to send; nil where the controller has stored it.
    func message(now: WireClock) -> WireOutcomes? {
        guard hasNews else { return nil }
        var message = WireOutcomes()
        message.revision = revision
        let all = unmet
        message.exceptions = all.map { unmet in
            var exception = WireException()
            exception.credential = unmet.credential
            exception.code = unmet.code.rawValue
            // A whole meter's keys may have one and the same trouble.
            exception.detail = String(unmet.detail.prefix(all.count > 1_000 ? 100 : 1_000))
            return exception
        }
        message.enforced = Array(enforced.values)
        message.now = now
        message.number = number
        return message
    }

    /// Notes that the controller has stored what `sent` says.
    mutating func acknowledge(_ sent: WireOutcomes) {
        acknowledged = max(acknowledged, sent.number)
        for entry in sent.enforced where enforced[entry.credential] == entry {
            enforced[entry.credential] = nil
        }
    }
}
