/// The chains and who jumps to whom.
struct NftablesReach {
    private(set) var hooks: [FilterHooks]
    private var targets: [Set<Int>]

    /// Chains with the hooks that they have of their own.
    init(_ hooks: [FilterHooks]) {
        self.hooks = hooks
        targets = Array(repeating: [], count: hooks.count)
    }

    /// Says that a rule of the chain `from` jumps or goes to the chain `to`.
    mutating func add(from: Int, to: Int) {
        targets[from].insert(to)
    }

    /// Gives each chain the hooks of those that lead to it.
    mutating func spread() {
        var waiting = hooks.indices.filter { !hooks[$0].isEmpty }
        while let chain = waiting.popLast() {
            for target in targets[chain] where !hooks[target].isSuperset(of: hooks[chain]) {
                hooks[target].formUnion(hooks[chain])
                waiting.append(target)
            }
        }
    }
}
