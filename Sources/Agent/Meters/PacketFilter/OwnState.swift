internal import Netlink

/// The agent's own table as the kernel has it.
struct OwnState {
    /// The table's handle; nil where there is no such table.
    var handle: UInt64?
    /// Whether the table was put to sleep (`NFT_TABLE_F_DORMANT`), or has any other flag.
    var hasFlags = false
    /// Every chain, also those that this agent did not make.
    var chains: [String: ChainFacts] = [:]
    /// The rules of each chain in their order; nil for a step that this agent does not write.
    var rules: [String: [[OwnExpression?]]] = [:]
    /// Every set, also those that this agent did not make.
    var sets: [String: SetFacts] = [:]
    /// What is in the sets that this agent makes, with the tokens; nil for an element without one.
    var elements: [OwnSet: [OwnElement: UInt64?]] = [:]

    /// How a chain is set up.
    struct ChainFacts: Hashable {
        var hook: OwnChain.Hook?
        var type: String?
        /// 1: accept.
        var policy: UInt32?

        /// How the chains of this agent are.
        init(of chain: OwnChain) {
            hook = chain.hook
            type = "filter"
            policy = 1
        }

        init() {}
    }

    /// How a set is set up.
    struct SetFacts: Hashable {
        var flags: UInt32 = 0
        var keyType: UInt32 = 0
        var keyLength: UInt32 = 0
        var counts = false

        /// How the sets of this agent are.
        init(of set: OwnSet) {
            keyType = set.keyType
            keyLength = UInt32(set.keyLength)
            counts = set.counts
        }

        init() {}
    }
}

extension OwnState {
    /// A table that is known to be as planned, but for what the plan leaves out: the elements that
    /// count, and their tokens.
    init(of plan: OwnPlan, handle: UInt64) {
        self.init()
        self.handle = handle
        for rule in plan.rules {
            chains[rule.chain.rawValue] = ChainFacts(of: rule.chain)
            rules[rule.chain.rawValue, default: []].append(rule.steps)
        }
        for set in plan.sets { sets[set.name] = SetFacts(of: set) }
        elements = plan.elements.mapValues { there in
            Dictionary(there.map { ($0, UInt64?.none) }) { first, _ in first }
        }
    }

    /// Whether everything is as planned. Tokens are not looked at, but for being there.
    func holds(_ plan: OwnPlan) -> Bool {
        guard !plan.isEmpty else { return handle == nil }
        return handle != nil && !hasFlags && hasRules(plan) && sets.count == plan.sets.count
            && plan.others.allSatisfy { sets[$0.name] == SetFacts(of: $0) }
            && plan.elements.allSatisfy { set, wanted in
                guard sets[set.name] == SetFacts(of: set), let there = elements[set],
                    there.count == wanted.count
                else { return false }
                return wanted.allSatisfy { element in
                    there[element].map { !set.counts || $0 != nil } ?? false
                }
            }
    }

    /// Whether chains and rules are as planned.
    func hasRules(_ plan: OwnPlan) -> Bool {
        var wanted: [String: [[OwnExpression?]]] = [:]
        for rule in plan.rules { wanted[rule.chain.rawValue, default: []].append(rule.steps) }
        return wanted == rules && Set(chains.keys) == Set(wanted.keys)
            && chains.allSatisfy { name, facts in
                OwnChain(rawValue: name).map { ChainFacts(of: $0) == facts } ?? false
            }
    }
}

extension OwnState {
    /// Reads a table's name and handle.
    mutating func takeTable(_ bytes: RawSpan) throws(NetlinkError) {
        var walk = AttributeWalk(bytes, from: OwnNumber.headerSize)
        while let attribute = try walk.next(in: bytes) {
            switch attribute.type {
            case TableAttribute.flags:
                hasFlags = try attribute.bigEndian(UInt32.self, in: bytes) != 0
            case TableAttribute.handle: handle = try attribute.bigEndian(UInt64.self, in: bytes)
            default: continue
            }
        }
    }

    /// Reads a set, of this table or of another one.
    mutating func takeSet(_ bytes: RawSpan) throws(NetlinkError) {
        var facts = SetFacts()
        var (table, name): (String?, String?)
        var walk = AttributeWalk(bytes, from: OwnNumber.headerSize)
        while let attribute = try walk.next(in: bytes) {
            switch attribute.type {
            case SetAttribute.table: table = try attribute.text(in: bytes)
            case SetAttribute.name: name = try attribute.text(in: bytes)
            case SetAttribute.flags: facts.flags = try attribute.bigEndian(UInt32.self, in: bytes)
            case SetAttribute.keyType:
                facts.keyType = try attribute.bigEndian(UInt32.self, in: bytes)
            case SetAttribute.keyLength:
                facts.keyLength = try attribute.bigEndian(UInt32.self, in: bytes)
            case SetAttribute.expression: facts.counts = true
            default: continue
            }
        }
        guard table == OwnTable.name, let name else { return }
        // NFT_SET_EXPR: newer kernels and nft set it for a set whose elements have counters.
        facts.flags &= ~0x100
        sets[name] = facts
    }

    /// Reads a rule, of this table or of another one.
    mutating func takeRule(_ bytes: RawSpan) throws(NetlinkError) {
        var (table, chain): (String?, String?)
        var steps: [OwnExpression?] = []
        var walk = AttributeWalk(bytes, from: OwnNumber.headerSize)
        while let attribute = try walk.next(in: bytes) {
            switch attribute.type {
            case RuleAttribute.table: table = try attribute.text(in: bytes)
            case RuleAttribute.chain: chain = try attribute.text(in: bytes)
            case RuleAttribute.expressions:
                var items = AttributeWalk(inside: attribute)
                while let item = try items.next(in: bytes) {
                    steps.append(try OwnExpression.decode(item, in: bytes))
                }
            default: continue
            }
        }
        guard table == OwnTable.name, let chain else { return }
        rules[chain, default: []].append(steps)
    }
}
