/// Names rules, which have no handles here: by all that makes a rule what it is, wherever it stands,
/// and by how many of the same stand before it.
struct LegacyIdentities {
    private let family: LegacyFamily
    private let chains: LegacyChains
    private var seen: Set<UInt64> = []
    private var repeated: [UInt64: Int] = [:]

    init(_ family: LegacyFamily, _ chains: LegacyChains, expected count: Int) {
        self.family = family
        self.chains = chains
        seen.reserveCapacity(count)
    }

    /// What a hash of a chain's rules begins with.
    func beginning(table: String, chain: LegacyChain) -> LegacyHash {
        var hash = LegacyHash()
        hash.add(UInt64(family.rawValue))
        hash.add(table)
        hash.add(chain.name)
        return hash
    }

    /// The name of the rule at `entry`, at most 13 characters where there are no two of the same.
    mutating func name(
        _ entry: LegacyEntry, in bytes: RawSpan, after beginning: LegacyHash
    ) throws(MeterError) -> String {
        var hash = beginning
        hash.add(bytes, in: entry.start..<entry.start + family.askedSize)
        var matches = entry.matches(of: family)
        while let match = try matches.next(in: bytes) { match.add(to: &hash, in: bytes) }
        try add(try entry.targetPart(in: bytes), of: entry, to: &hash, in: bytes)
        let value = hash.value
        let name = String(value, radix: 36)
        guard !seen.insert(value).inserted else { return name }
        let number = (repeated[value] ?? 1) + 1
        repeated[value] = number
        return "\(name)#\(number)"
    }

    /// A jump is hashed by the name of where it leads: the place changes with other rules.
    private func add(
        _ target: LegacyPart, of entry: LegacyEntry, to hash: inout LegacyHash, in bytes: RawSpan
    ) throws(MeterError) {
        guard let verdict = try target.verdict(in: bytes) else {
            target.add(to: &hash, in: bytes)
            return
        }
        if verdict < 0 {
            hash.add(UInt64(bitPattern: Int64(verdict)))
        } else if verdict == entry.end {
            hash.add("")
        } else {
            hash.add(chains.index(at: verdict).map { chains.all[$0].name } ?? "?")
        }
    }
}

extension LegacyPart {
    fileprivate func add(to hash: inout LegacyHash, in bytes: RawSpan) {
        hash.add(name)
        hash.add(UInt64(revision))
        hash.add(bytes, in: data)
    }
}
