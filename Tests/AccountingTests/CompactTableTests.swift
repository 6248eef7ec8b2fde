import Testing

@testable import Accounting

@Suite struct CompactTableTests {
    /// Keys of which many want the same slot.
    private struct Crowded: Hashable {
        let number: Int

        func hash(into hasher: inout Hasher) { hasher.combine(number % 7) }
    }

    @Test(arguments: [UInt64(1), 2, 3])
    func itHoldsWhatADictionaryHolds(seed: UInt64) {
        var random = Numbers(state: seed)
        var table = CompactTable<Crowded, Int>()
        var dictionary: [Crowded: Int] = [:]
        for step in 0..<4_000 {
            let key = Crowded(number: Int(random.next() % 60))
            let value: Int? = random.next() % 3 == 0 ? nil : step
            table[key] = value
            dictionary[key] = value
            #expect(table.count == dictionary.count)
            for number in 0..<60 {
                let key = Crowded(number: number)
                if table[key] != dictionary[key] { Issue.record("\(step): \(key) differs") }
            }
        }
        #expect(!dictionary.isEmpty)
        let entries = Dictionary(uniqueKeysWithValues: table.map { ($0.key, $0.value) })
        #expect(entries == dictionary)
    }

    @Test func manyKeysAreFoundAndTakenOutAgain() {
        var table = CompactTable<Int, Int>()
        for number in 0..<10_000 { table[number] = number * 2 }
        #expect(table.count == 10_000)
        for number in stride(from: 0, to: 10_000, by: 3) { table[number] = nil }
        let isRight = (0..<10_000).allSatisfy {
            table[$0] == ($0.isMultiple(of: 3) ? nil : $0 * 2)
        }
        #expect(isRight)
        #expect(table[-1] == nil)
    }

    @Test(arguments: [0, 5, 99, 100, 1_000])
    func aKeyIsFoundFromWhateverPlaceTheSearchBegins(start: Int) {
        var table = CompactTable<Int, Int>()
        for number in 0..<100 { table[number] = number * 2 }
        table[3] = nil
        var place = start
        for number in [7, 8, 9, 3, 99, 10, 0, -1] {
            #expect(table.value(of: number, at: &place) == table[number])
        }
        place = start
        let all = (0..<100).map { table.value(of: $0, at: &place) }
        #expect(all == (0..<100).map { $0 == 3 ? nil : $0 * 2 })
    }

    @Test func anEmptyTableHoldsNothing() {
        var table: CompactTable<String, Int> = [:]
        #expect(table.isEmpty && table["a"] == nil)
        table["a"] = nil
        table.merge(["a": 1, "b": 2].map { ($0.key, $0.value) })
        #expect(table["a"] == 1 && table["b"] == 2 && table.count == 2)
    }

    /// splitmix64.
    private struct Numbers {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9e37_79b9_7f4a_7c15
            var word = state
            word = (word ^ (word >> 30)) &* 0xbf58_476d_1ce4_e5b9
            word = (word ^ (word >> 27)) &* 0x94d0_49bb_1331_11eb
            return word ^ (word >> 31)
        }
    }
}
