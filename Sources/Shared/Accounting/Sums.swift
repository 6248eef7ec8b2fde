/// Adds changes up by key.
struct Sums {
    private var partial: [Key: Delta] = [:]
    private var held: [Key: Delta] = [:]

    /// Adds a change; where a sum does not fit 64 bits, adds nothing and returns its counter.
    mutating func add(_ change: Change) -> CounterID? {
        let key = change.counter.key
        guard change.kind == .held else {
            guard hold(change.unproven, of: key, counters: []) else { return change.id }
            return join(change) ? nil : change.id
        }
        return hold(change.amount, of: key, counters: [change.counter]) ? nil : change.id
    }

    /// The sums, in the order in which the counters stand.
    func deltas(in counters: [Counter]) -> [Delta] {
        var deltas: [Delta] = []
        guard !partial.isEmpty || !held.isEmpty else { return deltas }
        var seen = Set<Key>()
        for counter in counters where partial[counter.key] != nil || held[counter.key] != nil {
            guard seen.insert(counter.key).inserted else { continue }
            if let delta = partial[counter.key] { deltas.append(delta) }
            if let delta = held[counter.key] { deltas.append(delta) }
        }
        return deltas
    }

    private mutating func join(_ change: Change) -> Bool {
        let key = change.counter.key
        var delta =
            partial[key] ?? Delta(key: key, kind: change.kind, amount: .zero, counters: [])
        // Of a key's counters, one that gained makes the whole a gain: baselines add nothing to it.
        if delta.kind != .gained, change.kind == .gained {
            delta.kind = .gained
            delta.amount = .zero
        }
        if delta.kind == change.kind {
            guard let sum = delta.amount.adding(change.amount) else { return false }
            delta.amount = sum
        }
        delta.counters.append(change.counter)
        partial[key] = delta
        return true
    }

    private mutating func hold(_ amount: Traffic, of key: Key, counters: [Counter]) -> Bool {
        guard amount != .zero || !counters.isEmpty else { return true }
        var delta = held[key] ?? Delta(key: key, kind: .held, amount: .zero, counters: [])
        guard let sum = delta.amount.adding(amount) else { return false }
        delta.amount = sum
        delta.counters += counters
        held[key] = delta
        return true
    }
}
