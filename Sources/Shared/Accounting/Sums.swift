/// Adds changes up by key and kind.
struct Sums {
    private struct Name: Hashable {
        var key: Key
        var kind: Delta.Kind
    }

    private var places: [Name: Int] = [:]

    /// The sums, in the order in which their first changes came.
    private(set) var deltas: [Delta] = []

    /// Adds a change; where a sum does not fit 64 bits, adds nothing and returns its counter.
    mutating func add(_ change: Change) -> CounterID? {
        let name = Name(key: change.counter.key, kind: change.kind)
        let known = places[name]
        guard let sum = (known.map { deltas[$0].amount } ?? .zero).adding(change.amount) else {
            return change.id
        }
        let unproven = Name(key: name.key, kind: .held)
        var held = Traffic.zero
        if change.unproven != .zero {
            guard let sum = amount(of: unproven).adding(change.unproven) else { return change.id }
            held = sum
        }
        let place = known ?? place(of: name)
        deltas[place].amount = sum
        deltas[place].counters.append(change.counter)
        if change.unproven != .zero { deltas[self.place(of: unproven)].amount = held }
        return nil
    }

    private func amount(of name: Name) -> Traffic {
        places[name].map { deltas[$0].amount } ?? .zero
    }

    private mutating func place(of name: Name) -> Int {
        if let place = places[name] { return place }
        deltas.append(Delta(key: name.key, kind: name.kind, amount: .zero, counters: []))
        places[name] = deltas.count - 1
        return deltas.count - 1
    }
}
