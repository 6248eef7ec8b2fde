/// A chain: the entries from `start` to `end`.
struct LegacyChain: Hashable, Sendable {
    var name: String
    var start: Int
    var end: Int
    /// Its own hook, and those of the chains that lead to it.
    var hooks: FilterHooks
}

/// The chains of a table, in its order.
struct LegacyChains {
    /// The chains that the hooks have, by the hooks' numbers.
    static let builtIn = ["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"]

    private(set) var all: [LegacyChain] = []
    private var jumps: [(from: Int, to: Int)] = []

    /// Finds the chains: a hook's begins where the kernel says, another behind an entry with its name.
    init(_ bytes: RawSpan, of family: LegacyFamily, _ info: LegacyInfo) throws(MeterError) {
        var walk = LegacyWalk(family, over: bytes)
        var count = 0
        while let entry = try walk.next(in: bytes) {
            count += 1
            if let hook = info.hookEntries.firstIndex(of: entry.start) {
                begin(Self.builtIn[hook], at: entry.start, FilterHooks(number: UInt32(hook)))
            }
            try add(entry, in: bytes)
        }
        guard count == info.count else { throw .legacy("it has not as many entries as it says") }
        spread()
    }

    private mutating func begin(_ name: String, at start: Int, _ hooks: FilterHooks) {
        all.append(LegacyChain(name: name, start: start, end: start, hooks: hooks))
    }

    private mutating func add(_ entry: LegacyEntry, in bytes: RawSpan) throws(MeterError) {
        let target = try entry.targetPart(in: bytes)
        if target.name == "ERROR" {
            guard target.data.count >= 30 else { throw .legacy("a chain has no name") }
            let place = target.data.lowerBound..<target.data.lowerBound + 30
            begin(bytes.text(in: place), at: entry.end, [])
            return
        }
        guard !all.isEmpty else { throw .legacy("its first entry is in no chain") }
        all[all.count - 1].end = entry.end
        if let place = try target.jump(of: entry, in: bytes) {
            jumps.append((all.count - 1, place))
        }
    }

    /// The chain that has the entry at `place`; nil where there is none.
    func index(at place: Int) -> Int? {
        var (low, high) = (0, all.count)
        while low < high {
            let middle = (low + high) / 2
            if all[middle].start <= place { low = middle + 1 } else { high = middle }
        }
        guard low > 0, place < all[low - 1].end else { return nil }
        return low - 1
    }

    /// Gives each chain the hooks of those that lead to it.
    private mutating func spread() {
        var targets: [Int: [Int]] = [:]
        for jump in jumps {
            if let chain = index(at: jump.to) { targets[jump.from, default: []].append(chain) }
        }
        var waiting = all.indices.filter { !all[$0].hooks.isEmpty }
        while let chain = waiting.popLast() {
            for target in targets[chain] ?? []
            where !all[target].hooks.isSuperset(of: all[chain].hooks) {
                all[target].hooks.formUnion(all[chain].hooks)
                waiting.append(target)
            }
        }
        jumps = []
    }
}

extension LegacyPart {
    /// Where a verdict leads; nil for another target, for a final verdict, and for the next entry,
    /// which a rule without `-j` leads to.
    func jump(of entry: LegacyEntry, in bytes: RawSpan) throws(MeterError) -> Int? {
        guard let verdict = try verdict(in: bytes), verdict >= 0, verdict != entry.end else {
            return nil
        }
        return verdict
    }

    /// The number of a verdict (`struct xt_standard_target`); nil for another target.
    func verdict(in bytes: RawSpan) throws(MeterError) -> Int? {
        guard name.isEmpty else { return nil }
        guard data.count >= 4 else { throw .legacy("a verdict is too short") }
        return Int(Int32(bitPattern: bytes.number32(at: data.lowerBound)))
    }
}
