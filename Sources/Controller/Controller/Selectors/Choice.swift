/// Narrows what a selector found down to the one that was meant.
enum Choice {
    /// The only candidate; throws with exit status 2 for none, and for several with a list.
    static func one<Item>(
        _ candidates: [Item], for selector: Selector, noun: String, hint: String = "",
        line: (Item) -> String
    ) throws(CommandFailure) -> Item {
        if candidates.count == 1, let only = candidates.first { return only }
        guard !candidates.isEmpty else {
            throw CommandFailure(.notFound, "there is no \(noun) \(selector)\(hint)")
        }
        let shown = candidates.prefix(20).map { "\n  " + line($0) }.joined()
        let rest = candidates.count > 20 ? "\n  … and \(candidates.count - 20) more" : ""
        throw CommandFailure(
            .notFound,
            "\(candidates.count) \(noun)s are meant by \(selector); say which:"
                + shown + rest)
    }
}
