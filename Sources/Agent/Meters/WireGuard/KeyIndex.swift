internal import Accounting

/// Something that is found by its key.
protocol Keyed {
    var publicKey: PublicKey { get }
}

extension Counter: Keyed {
    /// The key of a peer; zero for a counter of anything else.
    var publicKey: PublicKey {
        if case .publicKey(let key) = key { key } else { .zero }
    }
}

/// Finds the places of peers by their keys: a dictionary that costs a tenth.
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

    /// Whether a key stands among `peers` twice.
    static func hasRepeats(in peers: [some Keyed]) -> Bool {
        var index = KeyIndex(expecting: peers.count)
        for (place, peer) in peers.enumerated() {
            let slot = index.slot(of: peer.publicKey, in: peers)
            guard index.slots[slot] == 0 else { return true }
            index.slots[slot] = UInt32(place + 1)
        }
        return false
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
            slots[slot(of: peer.publicKey, in: peers)] = UInt32(place + 1)
        }
    }

    /// The slot that `key` has, or the empty one that it would get.
    private func slot(of key: PublicKey, in peers: [some Keyed]) -> Int {
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: key.quickHash(seed: seed)) & mask
        while slots[slot] != 0, peers[Int(slots[slot]) - 1].publicKey != key {
            slot = (slot + 1) & mask
        }
        return slot
    }
}

extension KeyIndex {
    /// What a key adds to the fingerprint of its device.
    static func mark(of key: PublicKey) -> UInt64 { key.quickHash(seed: seed) }

    /// What an address adds to it, by the mark of the key that has it.
    static func mark(of address: AddressRange, beside keyMark: UInt64) -> UInt64 {
        address.quickHash(seed: keyMark)
    }
}

/// The keys of a reading, told from others by all but chance. A reading whose keys are those of one
/// without repeats, and as many, has none either: which is known without an index.
struct KeyTally: Equatable, Sendable {
    private var count = 0
    private var sum: UInt64 = 0

    /// Adds a key by its mark, in whatever order.
    mutating func add(_ mark: UInt64) {
        count += 1
        sum &+= mark
    }
}
