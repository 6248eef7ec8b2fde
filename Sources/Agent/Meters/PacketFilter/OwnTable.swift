package import Accounting
internal import Glibc
package import Netlink

/// The agent's own nftables table in one network namespace, `inet tollkeeper`.
///
/// It outlives the agent: what is counted stays counted and what is shut stays shut while no agent
/// runs. All of it is changed in one transaction, which other programs' changes cannot come
/// between. It takes `CAP_NET_ADMIN`, and Linux 5.7.
package final class OwnTable {
    package typealias Content = OwnContent

    /// Its name, in the family `inet`.
    package static let name = "tollkeeper"

    /// Times that a change is made anew because other programs changed rules meanwhile.
    private static let tries = 20
    /// How many of them insist on nothing having changed since the look. Where rules change all the
    /// time the others go by the table alone, and leave it to the last look to find fault.
    private static let strictTries = 5

    /// Times that it is changed before it is believed that something undoes it.
    private static let changes = 5

    var socket: NetlinkSocket
    private let seesTranslation: () -> Bool
    /// What was asked for last.
    private(set) var wanted = Content.nothing
    /// The handles of the tables that this object has made.
    private var made: Set<UInt64> = []
    /// Whether there was no table before the last change.
    private var isMaking = false
    /// What the table was seen to hold, and at which generation of the namespace's rules.
    var seen: Seen?

    /// A table that was looked at and found right.
    struct Seen {
        var generation: UInt32
        var content: Content
        var translates: Bool
        var handle: UInt64?
        var owners: [OwnElement: [PortKey]]
        /// The sets that count.
        var sets: [OwnSet]
        /// What a whole reading of each adds up to.
        var sums: [OwnSet: OwnSum]
        /// The elements of each in the order of the last reading, which the kernel keeps while none
        /// is added, and the keys that they count for.
        var order: [OwnSet: [OwnPlace]] = [:]
    }

    /// Opens the table of `namespace`, whether or not there is one.
    package static func open(
        in namespace: NetworkNamespace = .current
    ) throws(MeterError) -> OwnTable {
        let doing = "reach nftables in \(namespace)"
        do throws(NetlinkError) {
            return OwnTable(
                try NetlinkSocket.open(.netfilter, in: namespace, timeoutSeconds: 30),
                seesTranslation: { LegacyTranslation.isThere(in: namespace) })
        } catch {
            throw MeterError(filter: error, doing: doing)
        }
    }

    private init(_ socket: consuming NetlinkSocket, seesTranslation: @escaping () -> Bool) {
        self.socket = socket
        self.seesTranslation = seesTranslation
    }

    /// The namespace's cookie (`SO_NETNS_COOKIE`), never reused within a boot.
    package var namespaceCookie: UInt64 { socket.namespaceCookie }

    /// Whether the table is there and was last seen to hold what is wanted.
    package var isThere: Bool { seen?.handle != nil }

    /// Says what the table is to hold of ports and addresses, from the next `apply` on.
    package func setPorts(counted: Set<PortKey>, shut: Set<PortKey>) {
        wanted.counted = counted
        wanted.shut = shut
    }

    /// Says what the table is to hold of tunnel addresses, from the next `apply` on.
    package func setDrops(_ dropped: Set<InterfaceAddress>, sparing spared: Set<InterfaceAddress>) {
        wanted.dropped = dropped
        wanted.spared = spared
    }

    /// Brings the table to a whole content; see `apply`.
    @discardableResult
    package func apply(_ wanted: Content) throws(MeterError) -> Bool {
        self.wanted = wanted
        return try apply()
    }

    /// Brings the table to what is wanted by one transaction of the difference, and verifies it.
    /// Elements that stay keep their counters. Returns whether something had to be changed.
    ///
    /// A table that nobody has touched since is not even looked at.
    @discardableResult
    package func apply() throws(MeterError) -> Bool {
        let doing = "bring the table inet \(Self.name) to what is wanted"
        var changes = 0
        for number in 1...Self.tries {
            let isStrict = number <= Self.strictTries
            switch try explain(
                doing, { () throws(NetlinkError) in try attempt(doing, isStrict: isStrict) })
            {
            case .right: return changes > 0
            case .overtaken: continue
            case .changed: changes += 1
            }
            guard changes <= Self.changes else {
                throw MeterError(
                    .unverified, doing: doing,
                    reason: "it was changed \(changes) times, and each time shows something else")
            }
        }
        throw MeterError(
            .interrupted, doing: doing,
            reason: "other programs changed rules meanwhile, \(Self.tries) times in a row")
    }

    private enum Attempt {
        case right
        case changed
        case overtaken
    }

    /// One look, and one change where it shows that something differs.
    private func attempt(_ doing: String, isStrict: Bool) throws(NetlinkError) -> Attempt {
        let generation = try self.generation()
        let isRewritten = seesTranslation()
        if let seen, seen.generation == generation, seen.content == wanted,
            seen.translates || !isRewritten
        {
            return .right
        }
        do throws(NetlinkError) {
            if try step(from: generation, isRewritten: isRewritten, doing) { return .changed }
            let (state, chainsTranslate) = try look()
            if isStrict, try self.generation() != generation { return .overtaken }
            let plan = OwnPlan(wanted, translates: isRewritten || chainsTranslate)
            let change = try OwnChange(from: state, to: plan)
            guard !change.batch.isEmpty else {
                note(state, plan, generation)
                return .right
            }
            seen = nil
            try socket.commit(
                change.batch, generation: isStrict ? generation : nil, doing: doing)
            if state.handle == nil { isMaking = true }
            return .changed
        } catch {
            guard error.wasOvertaken else { throw error }
            return .overtaken
        }
    }

    /// Whether the table holds exactly this, whoever put it there. Nothing is changed.
    package func holds(_ content: Content) throws(MeterError) -> Bool {
        try explain("look at the table inet \(Self.name)") { () throws(NetlinkError) in
            let (state, translates) = try look()
            return state.holds(
                OwnPlan(content, translates: translates || seesTranslation()))
        }
    }

    /// Whether this object has made the table of that handle: its counters began with nothing.
    package func hasMade(_ handle: UInt64) -> Bool { made.contains(handle) }

    /// Removes the table with all that it holds, and verifies it.
    package func remove() throws(MeterError) {
        try apply(.nothing)
    }

    /// Brings what does not count to what is wanted, with no look at what counts: nothing has changed
    /// since the last one, and that part stays. Does nothing and returns false where that is not so.
    ///
    /// The kernel numbers its changes: where the next number is that of this one, what is there is
    /// known as well as by a look.
    private func step(
        from generation: UInt32, isRewritten: Bool, _ doing: String
    ) throws(NetlinkError) -> Bool {
        guard var next = seen, let handle = next.handle, next.generation == generation,
            next.content.counted == wanted.counted, next.content != wanted,
            next.translates || !isRewritten
        else { return false }
        let counting = Set(next.sets)
        let old = OwnPlan(next.content.uncounted, beside: counting, translates: next.translates)
        let new = OwnPlan(wanted.uncounted, beside: counting, translates: next.translates)
        guard !new.isEmpty else { return false }
        let change = try OwnChange(from: OwnState(of: old, handle: handle), to: new)
        guard !change.batch.isEmpty else { return false }
        seen = nil
        try socket.commit(change.batch, generation: generation, doing: doing)
        guard try self.generation() == generation &+ 1 else { return true }
        (next.generation, next.content) = (generation &+ 1, wanted)
        seen = next
        return true
    }

    private func note(_ state: OwnState, _ plan: OwnPlan, _ generation: UInt32) {
        if isMaking, let handle = state.handle { made.insert(handle) }
        isMaking = false
        var sums: [OwnSet: OwnSum] = [:]
        for (set, elements) in state.elements where set.counts {
            var sum = OwnSum()
            for (element, token) in elements { sum.add(element, token ?? 0) }
            sums[set] = sum
        }
        seen = Seen(
            generation: generation, content: wanted, translates: plan.translates,
            handle: state.handle, owners: plan.owners, sets: sums.keys.sorted(), sums: sums)
    }

    func explain<Value>(
        _ doing: String, _ body: () throws(NetlinkError) -> Value
    ) throws(MeterError) -> Value {
        do throws(NetlinkError) {
            return try body()
        } catch {
            throw MeterError(filter: error, doing: doing)
        }
    }
}

extension MeterError {
    /// What an error of nftables means.
    init(filter error: NetlinkError, doing: String) {
        self.init(error, doing: doing)
        if error.errno == EPROTONOSUPPORT || error.errno == EOPNOTSUPP { code = .unsupported }
    }
}
