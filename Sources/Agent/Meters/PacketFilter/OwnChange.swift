internal import Netlink

/// The transaction that brings the agent's own table from what it is to what is planned.
struct OwnChange {
    private(set) var batch = NetfilterBatch()
    /// Makes tokens.
    private var random: SystemRandomNumberGenerator

    /// Makes the smallest change: elements that stay are not touched, so their counters go on.
    init(
        from state: OwnState, to plan: OwnPlan, random: SystemRandomNumberGenerator = .init()
    ) throws(NetlinkError) {
        self.random = random
        if plan.isEmpty {
            if state.handle != nil { try dropTable() }
            return
        }
        guard !state.holds(plan) else { return }
        // A table that sleeps, or belongs to a process, is none of this agent's making.
        guard !state.hasFlags else {
            try dropTable()
            try build(from: OwnState(), to: plan)
            return
        }
        try build(from: state, to: plan)
    }

    private mutating func build(
        from state: OwnState, to plan: OwnPlan
    ) throws(NetlinkError) {
        if state.handle == nil { try makeTable() }
        let sets = plan.sets
        let kept = sets.filter { state.sets[$0.name] == OwnState.SetFacts(of: $0) }
        // Rules hold the sets that they look into.
        let isAnew = !state.hasRules(plan) || kept.count < state.sets.count
        if isAnew { try dropRules(of: state) }
        let names = Set(kept.map(\.name))
        for name in state.sets.keys.sorted() where !names.contains(name) { try drop(set: name) }
        for (number, set) in sets.subtracting(kept).sorted().enumerated() {
            try make(set, number: UInt32(number + 1))
        }
        for (set, wanted) in plan.elements.sorted(by: { $0.key < $1.key }) {
            try bring(set, from: kept.contains(set) ? state.elements[set] ?? [:] : [:], to: wanted)
        }
        if isAnew { try make(plan.rules) }
    }

    /// Adds and takes away elements. One without a token was not made by this agent: it is made
    /// anew, so that its counter is known to begin at zero.
    private mutating func bring(
        _ set: OwnSet, from there: [OwnElement: UInt64?], to wanted: Set<OwnElement>
    ) throws(NetlinkError) {
        let isRight = { (element: OwnElement) in
            guard let token = there[element] else { return false }
            return !set.counts || token != nil
        }
        let old = there.keys.filter { !wanted.contains($0) || !isRight($0) }
        let new = wanted.filter { !isRight($0) }
        try send(
            old, FilterCommand.deleteElement, flags: 0, set,
            doing: "take \(old.count) elements out of \(set.name)")
        try send(
            Array(new), FilterCommand.newElement, flags: Flag.create, set,
            doing: "add \(new.count) elements to \(set.name)")
    }

    private mutating func send(
        _ elements: [OwnElement], _ command: UInt8, flags: UInt16, _ set: OwnSet, doing: String
    ) throws(NetlinkError) {
        let hasTokens = command == FilterCommand.newElement && set.counts
        var random = random
        let requests = try NetlinkRequest.split(
            elements, nest: ElementListAttribute.elements,
            begin: { () throws(NetlinkError) in
                var request = Self.request(command, flags)
                try request.add(ElementListAttribute.table, text: OwnTable.name)
                try request.add(ElementListAttribute.set, text: set.name)
                return request
            },
            write: { (request, element) throws(NetlinkError) in
                try request.nest(NestAttribute.item) { (item) throws(NetlinkError) in
                    try item.nest(ElementAttribute.key) { (key) throws(NetlinkError) in
                        try key.add(NestAttribute.value, element.bytes)
                    }
                    guard hasTokens else { return }
                    let token = UInt64.random(in: 1 ... .max, using: &random)
                    try item.add(
                        ElementAttribute.userdata, OwnElement.userdata(ofToken: token))
                }
            })
        for request in requests { batch.add(request, doing: doing) }
    }

    // MARK: Table, sets, chains, rules

    private enum Flag {
        /// `NLM_F_CREATE`.
        static let create: UInt16 = 0x400
        /// `NLM_F_APPEND`.
        static let append: UInt16 = 0x800
    }

    static func request(_ command: UInt8, _ flags: UInt16 = 0) -> NetlinkRequest {
        let type = NetfilterBatch.subsystem | UInt16(command)
        return NetlinkRequest(
            type: type, answerType: type, flags: flags, fixed: [OwnNumber.family, 0, 0, 0])
    }

    private mutating func add(
        _ command: UInt8, _ flags: UInt16 = 0, doing: String,
        _ write: (inout NetlinkRequest) throws(NetlinkError) -> Void
    ) throws(NetlinkError) {
        var request = Self.request(command, flags)
        try write(&request)
        batch.add(request, doing: doing)
    }

    private mutating func makeTable() throws(NetlinkError) {
        try add(FilterCommand.newTable, Flag.create, doing: "make the table") {
            (request) throws(NetlinkError) in
            try request.add(TableAttribute.name, text: OwnTable.name)
            // Without an owner (NFT_TABLE_F_OWNER), so that it outlives this process.
            try request.add(TableAttribute.flags, bigEndian: UInt32(0))
        }
    }

    private mutating func dropTable() throws(NetlinkError) {
        try add(FilterCommand.deleteTable, doing: "remove the table") {
            (request) throws(NetlinkError) in
            try request.add(TableAttribute.name, text: OwnTable.name)
        }
    }

    private mutating func dropRules(of state: OwnState) throws(NetlinkError) {
        guard state.handle != nil else { return }
        try add(FilterCommand.deleteRule, doing: "replace the rules") {
            (request) throws(NetlinkError) in
            try request.add(RuleAttribute.table, text: OwnTable.name)
        }
        for name in state.chains.keys.sorted() {
            try add(FilterCommand.deleteChain, doing: "replace the chain \(name)") {
                (request) throws(NetlinkError) in
                try request.add(ChainAttribute.table, text: OwnTable.name)
                try request.add(ChainAttribute.name, text: name)
            }
        }
    }

    private mutating func drop(set name: String) throws(NetlinkError) {
        try add(FilterCommand.deleteSet, doing: "remove the set \(name)") {
            (request) throws(NetlinkError) in
            try request.add(SetAttribute.table, text: OwnTable.name)
            try request.add(SetAttribute.name, text: name)
        }
    }

    private mutating func make(_ set: OwnSet, number: UInt32) throws(NetlinkError) {
        try add(FilterCommand.newSet, Flag.create, doing: "make the set \(set.name)") {
            (request) throws(NetlinkError) in
            try request.add(SetAttribute.table, text: OwnTable.name)
            try request.add(SetAttribute.name, text: set.name)
            try request.add(SetAttribute.flags, bigEndian: UInt32(0))
            try request.add(SetAttribute.keyType, bigEndian: set.keyType)
            try request.add(SetAttribute.keyLength, bigEndian: UInt32(set.keyLength))
            try request.add(SetAttribute.id, bigEndian: number)
            guard set.counts else { return }
            // The kernel gives every element a counter of its own.
            try request.nest(SetAttribute.expression) { (nest) throws(NetlinkError) in
                try nest.add(NestAttribute.name, text: "counter")
                try nest.nest(NestAttribute.data) { (_) throws(NetlinkError) in }
            }
        }
    }

    private mutating func make(_ rules: [OwnRule]) throws(NetlinkError) {
        let used = Set(rules.map(\.chain))
        for chain in OwnChain.allCases where used.contains(chain) { try make(chain) }
        for rule in rules {
            try add(
                FilterCommand.newRule, Flag.create | Flag.append,
                doing: "add a rule to \(rule.chain.rawValue)"
            ) { (request) throws(NetlinkError) in
                try request.add(RuleAttribute.table, text: OwnTable.name)
                try request.add(RuleAttribute.chain, text: rule.chain.rawValue)
                try request.nest(RuleAttribute.expressions) { (list) throws(NetlinkError) in
                    for step in rule.steps { try step.write(to: &list) }
                }
            }
        }
    }

    private mutating func make(_ chain: OwnChain) throws(NetlinkError) {
        try add(FilterCommand.newChain, Flag.create, doing: "make the chain \(chain.rawValue)") {
            (request) throws(NetlinkError) in
            try request.add(ChainAttribute.table, text: OwnTable.name)
            try request.add(ChainAttribute.name, text: chain.rawValue)
            try request.nest(ChainAttribute.hook) { (hook) throws(NetlinkError) in
                try hook.add(HookAttribute.number, bigEndian: chain.hook.number)
                try hook.add(HookAttribute.priority, bigEndian: chain.hook.priority)
            }
            try request.add(ChainAttribute.policy, bigEndian: UInt32(1))
            try request.add(ChainAttribute.type, text: "filter")
        }
    }
}
