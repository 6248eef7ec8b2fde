internal import Accounting
internal import Netlink

/// What counts in the ruleset of one generation, and where: as long as the generation is the same,
/// only the counts need be read again.
struct NftablesSurvey: Sendable {
    let generation: UInt32
    var counters: [FilterCounter] = []
    var chains: [Chain] = []
    var sets: [Set] = []
    /// Named counters and quotas in the order of their dumps.
    var objects: [Object] = []

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

    /// A set with counters, and which of `counters` are its elements'.
    struct Set: Sendable {
        var set: NftablesSet
        var uses: [NftablesSetUse]
        var elements: NftablesElements
        /// The place in `counters` of the first, and the index of each one's element.
        var first = 0
        var indices: [Int32] = []
    }

    struct Object: Hashable, Sendable {
        var table: UInt64
        var handle: UInt64
        var place: Int
    }
}
