internal import Accounting
internal import Netlink

/// What counts in the ruleset of one generation, and where: as long as the generation is the same,
/// only the counts need be read again.
struct NftablesSurvey: Sendable {
    let generation: UInt32
    /// Those of rules, then of objects, then of the sets in their order.
    var counters: [FilterCounter] = []
    var chains: [Chain] = []
    /// Named counters and quotas in the order of their dumps.
    var objects: [Object] = []
    var sets: [Set] = []

    /// Nothing yet.
    init(generation: UInt32) {
        self.generation = generation
    }

    /// A chain that has rules which count something.
    struct Chain: Sendable {
        var request: NetlinkRequest
        var rules: [Rule] = []
    }

    /// A rule's handle, which of its counters is meant, and its place in `counters`.
    struct Rule: Sendable {
        var handle: UInt64
        var ordinal: Int32
        var place: Int32
    }

    /// An object's handle and its place in `counters`.
    struct Object: Sendable {
        var handle: UInt64
        var place: Int
    }

    /// A set with counters.
    struct Set: Sendable {
        var set: NftablesSet
        var id: NftablesSetID
        var uses: NftablesSetUses
        var elements: NftablesElements
        /// The place in `counters` of the first element that counts, and of each the index among the
        /// elements.
        var first = 0
        var indices: [Int32] = []
    }

    /// Takes back the sets from `index` on, with their counters.
    mutating func removeSets(from index: Int) -> ArraySlice<Set> {
        let removed = sets[index...]
        if let first = removed.first { counters.removeSubrange(first.first...) }
        sets.removeSubrange(index...)
        return removed
    }
}

/// What names a set and no later one.
struct NftablesSetID: Hashable, Sendable {
    var table: UInt64
    var set: UInt64
}
