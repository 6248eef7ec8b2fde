import Accounting

@testable import Meters

extension FuzzTarget {
    /// What the tables of iptables-legacy hold.
    static let legacyTargets = [
        FuzzTarget("legacy-table", legacyTable), FuzzTarget("port-match", portMatch),
    ]

    /// A byte that says which family, what the kernel says of the table, and its entries.
    private static func legacyTable(_ bytes: [UInt8]) throws {
        let family = bytes.first == 6 ? LegacyFamily.ipv6 : .ipv4
        let said = Array(bytes.dropFirst().prefix(LegacyInfo.byteCount))
        let entries = Array(bytes.dropFirst(1 + LegacyInfo.byteCount))
        guard let info = said.withUnsafeBytes({ LegacyInfo($0.bytes) }) else { return }
        var book = LegacyBook(seed: 1)
        book.keep([LegacyTable.Name(family: family, table: "filter")])
        for _ in 0..<2 {
            let taken: Void? = try refusing(MeterError.self) {
                try entries.withUnsafeBytes { try book.take($0.bytes, info, ofTable: 0) }
            }
            guard taken != nil else {
                try FuzzFinding.unless(book.counters.isEmpty, "a refused table has counters")
                return
            }
        }
        try FuzzFinding.unless(book.shape == 2, "the same table has two shapes")
        // Nothing is made up: each counter has an entry of its own.
        try FuzzFinding.unless(
            book.counters.count * (family.headerSize + 32) <= entries.count, "a rule was made up")
        try FuzzFinding.unless(
            Set(book.counters.map(\.identity)).count == book.counters.count,
            "two rules have one name")
        _ = FilterSelection(book.counters)
    }

    /// Ports of a match: whatever is exact says ports that a packet can have.
    private static func portMatch(_ bytes: [UInt8]) throws {
        for (name, revision) in [("tcp", 0), ("udp", 0), ("multiport", 1)] {
            let match = bytes.withUnsafeBytes {
                PortMatch(name, revision: UInt8(revision), $0.bytes)
            }
            guard let match, match.isExact else { continue }
            for list in [match.sources, match.destinations].compactMap({ $0 }) {
                try FuzzFinding.unless(!list.contains(0), "\(list) has port 0")
                try FuzzFinding.unless(PortList("\(list)") == list, "\(list) is not read back")
            }
        }
    }
}
