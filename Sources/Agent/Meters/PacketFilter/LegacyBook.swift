/// What is known of all tables, and the counters of their rules in one list.
struct LegacyBook {
    private(set) var counters: [FilterCounter] = []
    /// Another number after each change of what the counters are.
    private(set) var shape: UInt64 = 0
    private(set) var tables: [LegacyTable] = []
    private let seed: UInt64

    init(seed: UInt64) { self.seed = seed }

    /// Says which tables there are.
    mutating func keep(_ names: [LegacyTable.Name]) {
        guard names != tables.map(\.name) else { return }
        tables = names.map { LegacyTable($0) }
        counters = []
        shape += 1
    }

    /// Takes a table's entries: its rules where they are others than before, and their counts.
    mutating func take(
        _ bytes: RawSpan, _ info: LegacyInfo, ofTable index: Int
    ) throws(MeterError) {
        let family = tables[index].name.family
        let digest = try LegacyTable.digest(bytes, of: family, info, seed: seed)
        let first = tables[..<index].reduce(0) { $0 + $1.places.count }
        if digest != tables[index].digest {
            try decode(bytes, info, digest, ofTable: index, first: first)
        }
        count(bytes, tables[index].places, from: first)
    }

    private mutating func decode(
        _ bytes: RawSpan, _ info: LegacyInfo, _ digest: LegacyDigest, ofTable index: Int, first: Int
    ) throws(MeterError) {
        // What was known is let go first: there may be much of it.
        counters.removeSubrange(first..<first + tables[index].places.count)
        shape += 1
        var table = LegacyTable(tables[index].name)
        tables[index] = table
        let rules = try table.decode(bytes, info)
        table.digest = digest
        tables[index] = table
        if counters.isEmpty {
            counters = rules
        } else {
            counters.insert(contentsOf: rules, at: first)
        }
    }

    private mutating func count(_ bytes: RawSpan, _ places: [UInt32], from first: Int) {
        for (index, place) in places.enumerated() {
            counters[first + index].packets = bytes.number64(at: Int(place))
            counters[first + index].bytes = bytes.number64(at: Int(place) + 8)
        }
    }
}
