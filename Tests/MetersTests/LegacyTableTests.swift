import Accounting
import Foundation
import Testing

@testable import Meters

/// Tables as the kernel gave them, and as it never would.
@Suite struct LegacyTableTests {
    /// A captured table: what `getsockopt` said of it, and its entries.
    struct Captured {
        var family: LegacyFamily
        var info: [UInt8]
        var entries: [UInt8]

        init(_ family: LegacyFamily) throws {
            self.family = family
            let text = try Self.file("filter-\(family == .ipv4 ? "ipv4" : "ipv6").hex")
            let parts = text.split(separator: "\n\n").map { Self.bytes($0.filter { $0 != "\n" }) }
            (info, entries) = (parts[0], parts[1])
        }

        static func file(_ name: String) throws -> String {
            let folder = URL(filePath: #filePath).deletingLastPathComponent()
                .deletingLastPathComponent().appending(path: "Fixtures/xtables")
            return try String(contentsOf: folder.appending(path: name), encoding: .utf8)
        }

        private static func bytes(_ text: String) -> [UInt8] {
            let digits = text.compactMap(\.hexDigitValue)
            return stride(from: 0, to: digits.count, by: 2).map {
                UInt8(digits[$0] * 16 + digits[$0 + 1])
            }
        }

        /// Its counters, taken as a reader takes them.
        func counters() throws -> [FilterCounter] {
            var book = LegacyBook(seed: 1)
            try take(into: &book)
            return book.counters
        }

        func take(into book: inout LegacyBook) throws {
            let info = try #require(info.withUnsafeBytes { LegacyInfo($0.bytes) })
            book.keep([LegacyTable.Name(family: family, table: "filter")])
            try entries.withUnsafeBytes { try book.take($0.bytes, info, ofTable: 0) }
        }

        /// Puts a number at a place.
        mutating func put(_ number: some FixedWidthInteger, at place: Int) {
            withUnsafeBytes(of: number) {
                entries.replaceSubrange(place..<place + $0.count, with: $0)
            }
        }
    }

    static let wanted = [
        "udp/18388 in", "tcp/18388 in", "udp/8388 in", "tcp/8388 in", "ip/ADDRESS in",
        "tcp/443,1000-2000 in", "udp/18388 out", "tcp/18388 out", "udp/8388 out", "tcp/8388 out",
        "tcp/22 in", "comment/mail in",
    ]

    @Test(arguments: LegacyFamily.allCases)
    func aCapturedTableSaysWhatTheToolPrinted(_ family: LegacyFamily) throws {
        let captured = try Captured(family)
        let name = family == .ipv4 ? "ipv4" : "ipv6"
        let printed = try Captured.file("filter-\(name).save").split(separator: "\n")
            .filter { $0.hasPrefix("[") && !$0.contains("-A UNUSED") }
        let address = family == .ipv4 ? "192.0.2.2" : "2001:db8::2"
        let wanted = zip(Self.wanted, printed).map { counts, line in
            let chain = line.split(separator: " ")[2]
            let numbers = line.dropFirst().prefix { $0 != "]" }
            let key = counts.replacing("ADDRESS", with: address)
            return "\(key) \(family.program) filter \(chain) \(numbers)"
        }
        try #require(printed.count == Self.wanted.count)
        let counters = try captured.counters()
        #expect(counters.map(\.shown) == wanted)
        #expect(Set(counters.map(\.identity)).count == wanted.count)
    }

    /// Identities are in ledgers: another release must give the same.
    @Test func aRuleHasTheSameNameInEveryRelease() throws {
        let counters = try Captured(.ipv4).counters()
        let names = counters.filter { $0.key == PortKey("tcp/8388") }.map(\.identity)
        #expect(names == ["26iv8njwo3s5u", "f6sp97f5infk"])
    }

    @Test func countsAloneDoNotChangeTheShape() throws {
        var captured = try Captured(.ipv4)
        var book = LegacyBook(seed: 7)
        try captured.take(into: &book)
        let (first, shape) = (book.counters, book.shape)
        captured.put(UInt64.max, at: 96)
        captured.put(UInt64(5), at: 104)
        try captured.take(into: &book)
        #expect(book.shape == shape)
        #expect(book.counters[0].packets == .max)
        #expect(book.counters[0].bytes == 5)
        #expect(book.counters[1...] == first[1...])
        // The upper end of the first rule's destination ports.
        captured.put(UInt16(18389), at: 112 + 32 + 6)
        try captured.take(into: &book)
        #expect(book.shape != shape)
        #expect(book.counters[0].key == PortKey("udp/18388-18389"))
    }

    @Test(arguments: LegacyFamily.allCases)
    func offsetsThatCannotBeRightAreRefused(_ family: LegacyFamily) throws {
        let header = family.headerSize
        let numbers: [(place: Int, values: [UInt16])] = [
            (family.nextOffsetAt, [0, 8, 7, UInt16(header), UInt16(header) + 8, 0xfff8, 0xffff]),
            (family.targetOffsetAt, [0, 8, UInt16(header) - 8, 0xfff8]),
            (header, [0, 8, 31, 0xffff]),
            (header + 48, [0, 31, 0xffff]),
        ]
        for (place, values) in numbers {
            for value in values {
                var captured = try Captured(family)
                captured.put(value, at: place)
                let error = #expect(throws: MeterError.self, "\(value) at \(place)") {
                    try captured.counters()
                }
                #expect(error?.code == .malformed)
            }
        }
    }

    @Test(arguments: LegacyFamily.allCases)
    func aTableThatIsCutIsRefused(_ family: LegacyFamily) throws {
        let captured = try Captured(family)
        for count in 1..<captured.entries.count {
            var cut = captured
            cut.entries.removeLast(count)
            #expect(throws: MeterError.self) { try cut.counters() }
        }
    }

    @Test(arguments: LegacyFamily.allCases)
    func everyChangedByteIsRefusedOrHarmless(_ family: LegacyFamily) throws {
        let captured = try Captured(family)
        let rules = try captured.counters().count + 1
        for place in captured.entries.indices {
            for value: UInt8 in [0, 1, 8, 0x7f, 0xff] {
                var changed = captured
                changed.entries[place] = value
                let counters = (try? changed.counters()) ?? []
                // A jump that leads to the unused chain makes its rule count.
                #expect(counters.count <= rules)
                #expect(Set(counters.map(\.identity)).count == counters.count)
            }
        }
    }

    @Test func whatIsSaidOfATableIsChecked() throws {
        let info = try Captured(.ipv4).info
        let read = { (bytes: [UInt8]) in bytes.withUnsafeBytes { LegacyInfo($0.bytes) } }
        #expect(read(info) != nil)
        #expect(read(Array(info.dropLast())) == nil)
        #expect(read(info + [0]) == nil)
        for size: [UInt8] in [[0, 0, 0, 0], [0xff, 0xff, 0xff, 0xff], [200, 0, 0, 0]] {
            #expect(read(Array(info[..<80]) + size) == nil)
        }
    }
}
