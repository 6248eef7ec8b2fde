/// A digest of all of a table but its counters: the same for two readings of the same rules. Drawn
/// with a seed of this process, so that rules cannot be made to share one.
struct LegacyDigest: Hashable, Sendable {
    private var low: UInt64 = 0
    private var high: UInt64 = 0
    private var key: UInt64
    private let second: UInt64

    init(seed: UInt64) {
        key = seed
        second = (seed ^ 0x5851_f42d_4c95_7f2d) &* 0xd6e8_feb8_6659_fd93
    }

    /// Adds the bytes in `place`, whose count is a multiple of 8. Each pair of words is multiplied
    /// with keys of its own place, so that none waits for the one before.
    @inline(__always) mutating func add(_ bytes: RawSpan, from start: Int, to end: Int) {
        var position = start
        while position + 16 <= end {
            add(bytes.number64(at: position), bytes.number64(at: position + 8))
            position += 16
        }
        if position < end { add(bytes.number64(at: position), 0) }
    }

    /// Adds a pair of words.
    @inline(__always) mutating func add(_ first: UInt64, _ other: UInt64) {
        let product = (first &+ key).multipliedFullWidth(by: other &+ (key ^ second))
        let (sum, carries) = low.addingReportingOverflow(product.low)
        low = sum
        high = high &+ product.high &+ (carries ? 1 : 0)
        key &+= 0x9e37_79b9_7f4a_7c15
    }
}

/// A hash that is the same in every process and release: rules are named by it over restarts.
struct LegacyHash {
    private var state: UInt64 = 0x243f_6a88_85a3_08d3

    /// Adds a word.
    mutating func add(_ word: UInt64) {
        let product = (state ^ word).multipliedFullWidth(by: 0x9e37_79b9_7f4a_7c15)
        state = (product.high ^ product.low) &+ 0x1319_8a2e_0370_7344
    }

    /// Adds the bytes in `place`, eight at a time, and how many there are.
    mutating func add(_ bytes: RawSpan, in place: Range<Int>) {
        add(UInt64(place.count))
        var position = place.lowerBound
        while position + 8 <= place.upperBound {
            add(bytes.number64(at: position))
            position += 8
        }
        var rest: UInt64 = 0
        while position < place.upperBound {
            rest = rest << 8 | UInt64(bytes.number8(at: position))
            position += 1
        }
        add(rest)
    }

    /// Adds a text and its length.
    mutating func add(_ text: String) {
        var text = text
        text.withUTF8 { add($0.span.bytes, in: 0..<$0.count) }
    }

    /// The hash so far.
    var value: UInt64 {
        var last = self
        last.add(0x452821e6_38d01377)
        return last.state
    }
}
