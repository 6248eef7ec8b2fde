/// A Curve25519 public key as WireGuard names a peer: 32 bytes, held without a heap allocation.
public struct PublicKey: Sendable {
    // Four words rather than a vector, which would be aligned to 32 bytes: a key stands in every
    // entry of large tables.
    @usableFromInline let first: UInt64
    @usableFromInline let second: UInt64
    @usableFromInline let third: UInt64
    @usableFromInline let fourth: UInt64

    /// Bytes in a key (`WG_KEY_LEN` in linux/wireguard.h).
    @inlinable public static var byteCount: Int { 32 }

    /// Reads a key from exactly 32 bytes; nil for any other count.
    public init?(_ bytes: some Collection<UInt8>) {
        guard bytes.count == Self.byteCount else { return nil }
        var words = SIMD4<UInt64>()
        for (index, byte) in bytes.enumerated() {
            words[index / 8] |= UInt64(byte) << UInt64(index % 8 * 8)
        }
        self.init(words: words)
    }

    /// Reads a key from 32 bytes in memory at `offset`; nil where the span is too short.
    @inlinable public init?(_ bytes: RawSpan, at offset: Int = 0) {
        guard offset >= 0, bytes.byteCount - offset >= Self.byteCount else { return nil }
        func word(_ index: Int) -> UInt64 {
            UInt64(
                littleEndian: bytes.unsafeLoadUnaligned(
                    fromByteOffset: offset + index * 8, as: UInt64.self))
        }
        self.init(word(0), word(1), word(2), word(3))
    }

    /// The key of 32 zero bytes, which nobody has.
    public static let zero = PublicKey(words: SIMD4())

    /// Makes a key of its words, each with its first byte lowest.
    @inlinable package init(words: SIMD4<UInt64>) {
        self.init(words[0], words[1], words[2], words[3])
    }

    @inlinable init(_ first: UInt64, _ second: UInt64, _ third: UInt64, _ fourth: UInt64) {
        (self.first, self.second, self.third, self.fourth) = (first, second, third, fourth)
    }

    private var words: SIMD4<UInt64> { SIMD4(first, second, third, fourth) }

    /// The key's 32 bytes.
    public var bytes: [UInt8] {
        (0..<Self.byteCount).map { UInt8(truncatingIfNeeded: words[$0 / 8] >> UInt64($0 % 8 * 8)) }
    }

    /// A hash for large tables: cheaper than `Hasher`, and nobody who does not know `seed` can
    /// make keys that collide.
    @inlinable public func quickHash(seed: SIMD4<UInt64>) -> UInt64 {
        let front = (first ^ seed[0]).multipliedFullWidth(by: second ^ seed[1])
        let back = (third ^ seed[2]).multipliedFullWidth(by: fourth ^ seed[3])
        return front.high ^ front.low ^ back.high ^ back.low
    }

    /// Whether every byte is zero, which is how a peer without a preshared key reports it.
    @inlinable public var isZero: Bool { first | second | third | fourth == 0 }
}

extension PublicKey: Hashable {
    /// Drawn from Swift's own hashing, so that a run with that fixed is the same again.
    private static let seed = SIMD4<UInt64>(word(1), word(2), word(3), word(4))

    private static func word(_ number: Int) -> UInt64 {
        var hasher = Hasher()
        hasher.combine(number)
        return UInt64(truncatingIfNeeded: hasher.finalize())
    }

    /// Whether all 32 bytes are the same.
    @inlinable public static func == (one: PublicKey, other: PublicKey) -> Bool {
        (one.first ^ other.first) | (one.second ^ other.second) | (one.third ^ other.third)
            | (one.fourth ^ other.fourth) == 0
    }

    /// Mixes the key into one word first, of which nobody can foresee a collision.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(quickHash(seed: Self.seed))
    }
}

extension PublicKey {
    /// Reads the 44 characters of base64 that `wg` and configuration files use; nil for others.
    public init?(base64 text: some StringProtocol) {
        guard let bytes = Base64.decode(text), text.utf8.count == 44 else { return nil }
        self.init(bytes)
    }

    /// Reads the 64 hexadecimal digits of the userspace API; nil for others.
    public init?(hexadecimal text: some StringProtocol) {
        guard let bytes = Hexadecimal.decode(text) else { return nil }
        self.init(bytes)
    }

    /// The key as `wg` prints it.
    public var base64: String { Base64.encode(bytes) }

    /// The key as the userspace API writes it: 64 lower-case hexadecimal digits.
    public var hexadecimal: String { Hexadecimal.encode(bytes) }
}
