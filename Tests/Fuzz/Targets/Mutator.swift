/// Changes inputs at random: the same random numbers make the same changes.
package struct Mutator<Random: RandomNumberGenerator> {
    private var random: Random
    /// Bytes that an input has at most.
    private let longest = 4096

    /// Takes its chances from `random`.
    package init(_ random: Random) { self.random = random }

    /// One of the inputs, changed in one to six places.
    package mutating func input(from kept: [[UInt8]]) -> [UInt8] {
        var bytes = kept.randomElement(using: &random) ?? []
        for _ in 0..<Int.random(in: 1...6, using: &random) {
            change(&bytes, kept)
        }
        return Array(bytes.prefix(longest))
    }

    private mutating func change(_ bytes: inout [UInt8], _ kept: [[UInt8]]) {
        guard !bytes.isEmpty else {
            bytes = (0..<Int.random(in: 1...64, using: &random)).map { _ in byte() }
            return
        }
        switch Int.random(in: 0..<8, using: &random) {
        case 0: bytes[place(in: bytes)] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        case 1: bytes[place(in: bytes)] = byte()
        case 2: bytes.insert(byte(), at: place(in: bytes))
        case 3: bytes.removeSubrange(range(in: bytes))
        case 4: bytes.insert(contentsOf: bytes[range(in: bytes)], at: place(in: bytes))
        case 5: overwrite(&bytes)
        case 6: bytes.replaceSubrange(range(in: bytes), with: other(kept))
        default: bytes = Array(bytes.prefix(place(in: bytes)))
        }
    }

    /// A number at the edge of its type, in 2, 4 or 8 bytes.
    private mutating func overwrite(_ bytes: inout [UInt8]) {
        let edges: [UInt64] = [0, 1, 3, 4, 0x7f, 0xff, 0x7fff, 0xffff, 0x7fff_ffff, 0xffff_ffff]
        let value = (edges + [UInt64(Int64.max), .max]).randomElement(using: &random) ?? 0
        let start = place(in: bytes)
        let width = [1, 2, 4, 8].randomElement(using: &random) ?? 1
        for offset in 0..<width where start + offset < bytes.count {
            bytes[start + offset] = UInt8(truncatingIfNeeded: value >> UInt64(8 * offset))
        }
    }

    /// A piece of another input.
    private mutating func other(_ kept: [[UInt8]]) -> ArraySlice<UInt8> {
        guard let other = kept.randomElement(using: &random), !other.isEmpty else { return [] }
        return other[range(in: other)]
    }

    private mutating func byte() -> UInt8 { .random(in: 0...255, using: &random) }

    private mutating func place(in bytes: [UInt8]) -> Int {
        .random(in: bytes.indices, using: &random)
    }

    private mutating func range(in bytes: [UInt8]) -> Range<Int> {
        let start = place(in: bytes)
        let length = Int.random(in: 1...32, using: &random)
        return start..<min(bytes.count, start + length)
    }
}
