internal import Accounting
internal import Netlink

/// A rule as it was read: what it counts, where it leads, which sets and objects it uses.
struct NftablesRule: Sendable {
    private(set) var handle: UInt64 = 0
    private(set) var comment: String?
    /// Chains that it jumps or goes to by name.
    private(set) var jumps: [String] = []
    /// In the order of the rule.
    private(set) var lookups: [NftablesLookup] = []
    private(set) var objects: [ObjectUse] = []
    /// The counter that says most; nil where the rule has none.
    private(set) var counter: Counter?

    /// Whether it counts, leads or uses anything.
    var isOfUse: Bool {
        counter != nil || !lookups.isEmpty || !objects.isEmpty || !jumps.isEmpty
    }

    /// One of its counters.
    struct Counter: Sendable {
        var count: NftablesCount
        /// How many of the rule's counters stand before it.
        var ordinal: Int
        /// What stands before it, but for `lookups`.
        var match: NftablesMatch
        /// How many of the rule's lookups stand before it; they belong to the match.
        var lookups: Int
    }

    /// The chain that is read: names as the kernel writes them, with their zero byte.
    struct Place {
        var family: UInt8
        var table: [UInt8]
        var chain: [UInt8]

        init(_ chain: NftablesName) {
            family = chain.family
            table = Array(chain.table.utf8) + [0]
            self.chain = Array(chain.name.utf8) + [0]
        }
    }

    /// A named counter or quota that the rule leads packets to.
    struct ObjectUse: Sendable {
        var type: UInt32
        var name: String
        var match: NftablesMatch
    }

    /// Reads a rule of a table of `family`; nil where it is one of another chain than `place`.
    init?(_ bytes: RawSpan, of place: Place) throws(NetlinkError) {
        var walk = AttributeWalk(bytes, from: NetlinkRequest.netfilterHeaderSize)
        var expressions: Attribute?
        var userdata: Attribute?
        while let attribute = try walk.next(in: bytes) {
            switch attribute.type {
            case NftRuleAttribute.table:
                guard attribute.holds(place.table, in: bytes) else { return nil }
            case NftRuleAttribute.chain:
                guard attribute.holds(place.chain, in: bytes) else { return nil }
            case NftRuleAttribute.handle:
                handle = try attribute.bigEndian(UInt64.self, in: bytes)
            case NftRuleAttribute.expressions: expressions = attribute
            case NftRuleAttribute.userdata: userdata = attribute
            default: break
            }
        }
        guard handle > 0 else { throw .malformed("a rule has no handle") }
        if let expressions { try add(expressions, place.family, bytes) }
        if counter != nil, comment == nil, let userdata {
            comment = NftablesComment.inside(try userdata.array(in: bytes)[...])
        }
    }

    private mutating func add(
        _ expressions: Attribute, _ family: UInt8, _ bytes: RawSpan
    ) throws(NetlinkError) {
        var tracing = NftablesTrace(family: family)
        var counters = 0
        var walk = AttributeWalk(inside: expressions)
        while let element = try walk.next(in: bytes), !tracing.hasEnded {
            let expression = try NftablesExpression(element, in: bytes)
            if let count = try expression.count(in: bytes) {
                keep(count, counters, tracing)
                counters += 1
            } else {
                try tracing.take(expression, in: bytes, for: &self)
            }
        }
    }

    /// Of several counters the first that counts something of its own.
    private mutating func keep(_ count: NftablesCount, _ ordinal: Int, _ tracing: NftablesTrace) {
        if let counter, !counter.match.isOpen || counter.lookups > 0 { return }
        counter = Counter(
            count: count, ordinal: ordinal, match: tracing.match, lookups: lookups.count)
    }

    mutating func add(jump chain: String) { jumps.append(chain) }

    mutating func add(comment text: String?) { comment = comment ?? text }

    mutating func add(_ lookup: NftablesLookup) { lookups.append(lookup) }

    mutating func add(_ object: ObjectUse) { objects.append(object) }
}

/// A place in a rule where a set or map is asked.
struct NftablesLookup: Sendable {
    /// What the set is asked for.
    enum Kind: Hashable, Sendable {
        /// Whether a packet is in it.
        case member
        /// A verdict, which may lead to another chain.
        case verdict
        /// Something else, such as a mark or an object.
        case other
        /// Packets are put into it; true where what is put in has a counter.
        case update(counts: Bool)
    }

    var set: String
    var kind: Kind
    /// What stands before it, but for the lookups before it.
    var match: NftablesMatch
    /// How many lookups stand before it; they belong to the match.
    var before: Int
    var registers: NftablesRegisters
    /// Where the key begins.
    var register: Int

    /// What the key of a set whose keys have `count` bytes is made of; nil where that is not known.
    func fields(keyLength count: Int) -> [NftablesRegisters.Content]? {
        registers.fields(from: register, count: count)
    }
}
