import Crypto

/// SHA-256 digests that the push protocol names things by.
package enum Digest {
    /// The SHA-256 of `bytes`, 32 bytes.
    package static func sha256(_ bytes: [UInt8]) -> [UInt8] {
        Array(SHA256.hash(data: bytes))
    }
}

/// A digest over a set of entries that changes with one entry in one step, whatever the set's size.
///
/// Each entry's SHA-256 is taken as four little-endian 64-bit numbers, and they are added up
/// modulo 2^64. It guards against loss and divergence, not against a forger.
package struct SetDigest: Hashable, Sendable {
    private var lanes = SIMD4<UInt64>()

    /// The digest of the empty set.
    package init() {}

    /// Reads a digest of 32 bytes; nil for any other count.
    package init?(_ bytes: [UInt8]) {
        guard bytes.count == 32 else { return nil }
        for (index, byte) in bytes.enumerated() {
            lanes[index / 8] |= UInt64(byte) << UInt64(index % 8 * 8)
        }
    }

    /// Adds an entry's bytes.
    package mutating func insert(_ entry: [UInt8]) {
        lanes &+= Self.lanes(of: entry)
    }

    /// Takes an entry's bytes out again.
    package mutating func remove(_ entry: [UInt8]) {
        lanes &-= Self.lanes(of: entry)
    }

    /// The digest's 32 bytes.
    package var bytes: [UInt8] {
        (0..<32).map { UInt8(truncatingIfNeeded: lanes[$0 / 8] >> UInt64($0 % 8 * 8)) }
    }

    private static func lanes(of entry: [UInt8]) -> SIMD4<UInt64> {
        SetDigest(Digest.sha256(entry))?.lanes ?? SIMD4()
    }
}
