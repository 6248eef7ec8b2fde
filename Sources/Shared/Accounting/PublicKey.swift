/// A Curve25519 public key as WireGuard names a peer: 32 bytes, held without a heap allocation.
public struct PublicKey: Hashable, Sendable {
    @usableFromInline let words: SIMD4<UInt64>

    /// Bytes in a key (`WG_KEY_LEN` in linux/wireguard.h).
    @inlinable public static var byteCount: Int { 32 }

    /// Reads a key from exactly 32 bytes; nil for any other count.
    public init?(_ bytes: some Collection<UInt8>) {
        guard bytes.count == Self.byteCount else { return nil }
        var words = SIMD4<UInt64>()
        for (index, byte) in bytes.enumerated() {
            words[index / 8] |= UInt64(byte) << UInt64(index % 8 * 8)
        }
        self.words = words
    }

    /// Reads a key from 32 bytes in memory at `offset`; nil where the span is too short.
    @inlinable public init?(_ bytes: RawSpan, at offset: Int = 0) {
        guard offset >= 0, bytes.byteCount - offset >= Self.byteCount else { return nil }
        var words = SIMD4<UInt64>()
        for index in 0..<4 {
            let word = bytes.unsafeLoadUnaligned(
                fromByteOffset: offset + index * 8, as: UInt64.self)
            words[index] = UInt64(littleEndian: word)
        }
        self.words = words
    }

    /// The key of 32 zero bytes, which nobody has.
    public static let zero = PublicKey(words: SIMD4())

    private init(words: SIMD4<UInt64>) {
        self.words = words
    }

    /// The key's 32 bytes.
    public var bytes: [UInt8] {
        (0..<Self.byteCount).map { UInt8(truncatingIfNeeded: words[$0 / 8] >> UInt64($0 % 8 * 8)) }
    }

    /// A hash for large tables: cheaper than `Hasher`, and nobody who does not know `seed` can
    /// make keys that collide.
    @inlinable public func quickHash(seed: SIMD4<UInt64>) -> UInt64 {
        let mixed = words ^ seed
        let first = mixed[0].multipliedFullWidth(by: mixed[1])
        let second = mixed[2].multipliedFullWidth(by: mixed[3])
        return first.high ^ first.low ^ second.high ^ second.low
    }

    /// Whether every byte is zero, which is how a peer without a preshared key reports it.
    public var isZero: Bool { words == SIMD4<UInt64>() }
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
