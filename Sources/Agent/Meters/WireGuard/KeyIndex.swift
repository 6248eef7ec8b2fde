internal import Accounting

/// Something that is found by its key.
protocol Keyed {
    var key: PublicKey { get }
}

/// Finds the places of peers by their keys: a dictionary that costs a tenth, because a reading of
/// many peers builds one every few seconds.
struct KeyIndex: Sendable {
    /// Makes the slots of keys unforeseeable, so that no choice of keys makes reading slow.
    private static let seed = SIMD4<UInt64>(
        .random(in: .min ... .max), .random(in: .min ... .max), .random(in: .min ... .max),
        .random(in: .min ... .max))

    /// For each slot the place of a peer and one, or 0; a power of two, at most half taken.
    private var slots: [UInt32]
    private let seed = Self.seed

    /// An empty index with room for `expected` keys.
    init(expecting expected: Int) {
        var size = 16
        while size < expected * 2 { size *= 2 }
        slots = Array(repeating: 0, count: size)
    }

    /// The place of `key` among `peers`; nil where it has none.
    func place(of key: PublicKey, in peers: [some Keyed]) -> Int? {
        let number = slots[slot(of: key, in: peers)]
        return number == 0 ? nil : Int(number) - 1
    }

    /// The place of `key` among `peers`; where it has none, the next one is kept for it.
    mutating func place(orNextOf key: PublicKey, in peers: [some Keyed]) -> Int {
        if peers.count * 2 >= slots.count { grow(peers) }
        let slot = slot(of: key, in: peers)
        if slots[slot] == 0 { slots[slot] = UInt32(peers.count + 1) }
        return Int(slots[slot]) - 1
    }

    private mutating func grow(_ peers: [some Keyed]) {
        slots = Array(repeating: 0, count: slots.count * 2)
        for (place, peer) in peers.enumerated() {
            slots[slot(of: peer.key, in: peers)] = UInt32(place + 1)
        }
    }

    /// The slot that `key` has, or the empty one that it would get.
    private func slot(of key: PublicKey, in peers: [some Keyed]) -> Int {
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: key.quickHash(seed: seed)) & mask
        while slots[slot] != 0, peers[Int(slots[slot]) - 1].key != key { slot = (slot + 1) & mask }
        return slot
    }
}

extension KeyIndex {
    /// What a key adds to the fingerprint of its device.
    static func mark(of key: PublicKey) -> UInt64 { key.quickHash(seed: seed) }

    /// What an address of a key adds to it.
    static func mark(of address: AddressRange, of key: PublicKey) -> UInt64 {
        address.quickHash(seed: key.quickHash(seed: seed))
    }
}
