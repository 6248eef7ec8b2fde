/// The source's own order, in which a counter that was removed and added again stands at the end:
/// survivors come first, with rising numbers; whatever follows a newcomer was added after it.
struct Lineup {
    private var highest = -1
    private var reachedNewcomers = false

    mutating func isOutOfOrder(_ counter: Counter, _ baseline: Baseline) -> Bool {
        guard counter.place != nil, let order = baseline.order else { return false }
        if order <= highest { reachedNewcomers = true }
        return reachedNewcomers
    }

    /// Notes that a counter was added again: those that follow it were, too.
    mutating func reachNewcomer(_ counter: Counter) {
        if counter.place != nil { reachedNewcomers = true }
    }

    mutating func keep(_ baseline: Baseline) -> Int? {
        guard let order = baseline.order else { return nil }
        highest = max(highest, order)
        return order
    }

    mutating func append(_ counter: Counter) -> Int? {
        guard counter.place != nil else { return nil }
        reachedNewcomers = true
        highest += 1
        return highest
    }
}
