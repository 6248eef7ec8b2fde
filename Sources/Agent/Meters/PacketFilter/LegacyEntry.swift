/// Where one entry of a table stands, header, matches and target: all within the table's bytes.
struct LegacyEntry: Hashable, Sendable {
    /// Where its header begins.
    var start: Int
    /// Where its target begins: its matches end there.
    var target: Int
    /// Where the next one begins.
    var end: Int

    /// Bytes of a match or target before its data: size, name and revision.
    static let headerSize = 32
}

/// A walk over the entries of a table. Every length is checked before a byte is read.
struct LegacyWalk {
    private let family: LegacyFamily
    private var position: Int
    private let end: Int

    /// Walks from the entry at `start` to the one at `end`.
    init(_ family: LegacyFamily, from start: Int, to end: Int) {
        self.family = family
        position = start
        self.end = end
    }

    /// Walks over all of `bytes`.
    init(_ family: LegacyFamily, over bytes: RawSpan) {
        self.init(family, from: 0, to: bytes.byteCount)
    }

    /// The next entry; nil at the end. Throws where an offset leads out of the entry or the table.
    @inline(__always) mutating func next(
        in bytes: RawSpan
    ) throws(MeterError) -> LegacyEntry? {
        let left = end - position
        guard left > 0 else { return nil }
        let smallest = family.headerSize + LegacyEntry.headerSize
        guard left >= smallest else { throw .legacy("it ends within an entry") }
        let target = Int(bytes.number16(at: position + family.targetOffsetAt))
        let next = Int(bytes.number16(at: position + family.nextOffsetAt))
        guard next <= left, next & 7 == 0, target >= family.headerSize,
            target <= next - LegacyEntry.headerSize
        else { throw .legacy("the offsets of the entry at byte \(position) cannot be right") }
        defer { position += next }
        return LegacyEntry(start: position, target: position + target, end: position + next)
    }
}

/// A match or the target of an entry.
struct LegacyPart {
    /// Its name, such as `tcp`; empty for a verdict.
    var name: String
    var revision: UInt8
    /// Where its data stands.
    var data: Range<Int>

    /// Reads what stands at `start` and must end at `end` at the latest; nil where it cannot be
    /// right.
    init?(_ bytes: RawSpan, at start: Int, before end: Int) {
        guard end - start >= LegacyEntry.headerSize else { return nil }
        let size = Int(bytes.number16(at: start))
        guard size >= LegacyEntry.headerSize, size <= end - start else { return nil }
        // The kernel writes the name with one zero behind it, and no more.
        name = bytes.text(in: start + 2..<start + 31)
        revision = bytes.number8(at: start + 31)
        data = start + LegacyEntry.headerSize..<start + size
    }
}

extension LegacyEntry {
    /// The target.
    func targetPart(in bytes: RawSpan) throws(MeterError) -> LegacyPart {
        guard let part = LegacyPart(bytes, at: target, before: end) else {
            throw .legacy("the target of the entry at byte \(start) cannot be right")
        }
        return part
    }

    /// The matches, from the first one on.
    func matches(of family: LegacyFamily) -> LegacyMatches {
        LegacyMatches(position: start + family.headerSize, end: target)
    }
}

/// A walk over the matches of an entry.
struct LegacyMatches {
    fileprivate var position: Int
    fileprivate let end: Int

    /// The next match; nil at the end.
    mutating func next(in bytes: RawSpan) throws(MeterError) -> LegacyPart? {
        guard position < end else { return nil }
        guard let part = LegacyPart(bytes, at: position, before: end) else {
            throw .legacy("the match at byte \(position) cannot be right")
        }
        position = part.data.upperBound
        return part
    }
}

extension MeterError {
    /// A table that breaks the rules.
    static func legacy(_ reason: String) -> MeterError {
        MeterError(.malformed, doing: "read a table of iptables-legacy", reason: reason)
    }
}

extension RawSpan {
    @inline(__always) func number8(at offset: Int) -> UInt8 {
        unsafeLoadUnaligned(fromByteOffset: offset, as: UInt8.self)
    }

    @inline(__always) func number16(at offset: Int) -> UInt16 {
        unsafeLoadUnaligned(fromByteOffset: offset, as: UInt16.self)
    }

    @inline(__always) func number32(at offset: Int) -> UInt32 {
        unsafeLoadUnaligned(fromByteOffset: offset, as: UInt32.self)
    }

    @inline(__always) func number64(at offset: Int) -> UInt64 {
        unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self)
    }

    /// The text in `place` up to its first zero byte.
    func text(in place: Range<Int>) -> String {
        extracting(place).withUnsafeBytes { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }

    /// Whether every byte in `place` is zero.
    func isZero(in place: Range<Int>) -> Bool {
        place.allSatisfy { number8(at: $0) == 0 }
    }
}
