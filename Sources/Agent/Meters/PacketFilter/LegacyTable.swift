internal import Accounting

/// One table, and its rules that count something with a name as they were last decoded.
struct LegacyTable {
    /// Whose and which it is.
    struct Name: Hashable, Sendable {
        var family: LegacyFamily
        var table: String
    }

    let name: Name
    /// Of all but the counters; nil before the first decoding.
    var digest: LegacyDigest?
    /// Where each rule's counters stand in the table's bytes.
    var places: [UInt32] = []

    init(_ name: Name) { self.name = name }

    /// A digest of the table in all but its counters. Throws where an offset cannot be right, so
    /// that what has a known digest needs no second look.
    static func digest(
        _ bytes: RawSpan, of family: LegacyFamily, _ info: LegacyInfo, seed: UInt64
    ) throws(MeterError) -> LegacyDigest {
        var digest = LegacyDigest(seed: seed)
        for entry in info.hookEntries {
            digest.add(UInt64(bitPattern: Int64(entry)), UInt64(info.size))
        }
        let countersAt = family.countersAt
        var walk = LegacyWalk(family, over: bytes)
        while let entry = try walk.next(in: bytes) {
            digest.add(bytes, from: entry.start, to: entry.start + countersAt)
            digest.add(bytes, from: entry.start + countersAt + 16, to: entry.end)
        }
        return digest
    }

    /// Decodes the rules anew: their counters still have no counts.
    mutating func decode(
        _ bytes: RawSpan, _ info: LegacyInfo
    ) throws(MeterError) -> [FilterCounter] {
        let chains = try LegacyChains(bytes, of: name.family, info)
        var identities = LegacyIdentities(name.family, chains, expected: info.count)
        // Not grown step by step: there may be many, and each step holds them twice.
        var counters: [FilterCounter] = []
        counters.reserveCapacity(info.count)
        places = []
        places.reserveCapacity(info.count)
        for chain in chains.all where !chain.hooks.isEmpty {
            try decode(chain, in: bytes, &identities, &counters)
        }
        return counters
    }

    private mutating func decode(
        _ chain: LegacyChain, in bytes: RawSpan, _ identities: inout LegacyIdentities,
        _ counters: inout [FilterCounter]
    ) throws(MeterError) {
        let family = name.family
        let place = "\(family.program) \(name.table) \(chain.name)"
        let beginning = identities.beginning(table: name.table, chain: chain)
        var walk = LegacyWalk(family, from: chain.start, to: chain.end)
        while let entry = try walk.next(in: bytes) {
            let rule = try LegacyRule(entry, in: bytes, of: family)
            guard let meaning = rule.meaning(chain.hooks, in: bytes) else { continue }
            let identity = try identities.name(entry, in: bytes, after: beginning)
            places.append(UInt32(entry.start + family.countersAt))
            counters.append(
                FilterCounter(
                    key: meaning.key, direction: meaning.direction, families: family.families,
                    source: .legacy, place: place, identity: identity, packets: 0, bytes: 0))
        }
    }
}
