/// A dictionary for tens of thousands of entries that stay: they stand one after the other without
/// gaps, beside an index of four bytes a slot, where `Dictionary` keeps room for twice as many.
public struct CompactTable<Key: Hashable, Value> {
    /// A key and what stands under it.
    public typealias Element = (key: Key, value: Value)

    @usableFromInline var entries: [Element] = []
    /// For each slot the place of an entry and one, or 0; a power of two, at most 3/4 taken.
    @usableFromInline var slots: [UInt32] = []

    /// Makes an empty table.
    @inlinable public init() {}

    /// Makes a table of what a dictionary holds.
    public init(_ dictionary: [Key: Value]) {
        for (key, value) in dictionary { self[key] = value }
    }

    /// How many entries there are.
    @inlinable public var count: Int { entries.count }

    /// Whether there are none.
    @inlinable public var isEmpty: Bool { entries.isEmpty }

    /// The keys, in no order that means anything.
    @inlinable public var keys: some Sequence<Key> { entries.lazy.map(\.key) }

    /// The values, in the order of `keys`.
    @inlinable public var values: some Sequence<Value> { entries.lazy.map(\.value) }

    /// What stands under `key`; nil for nothing, and assigning nil removes it.
    @inlinable public subscript(key: Key) -> Value? {
        get {
            guard let place = place(of: key) else { return nil }
            return entries[place].value
        }
        set {
            guard let newValue else {
                remove(key)
                return
            }
            if let place = place(of: key) {
                entries[place].value = newValue
            } else {
                append(key, newValue)
            }
        }
    }

    /// What stands under `key`, which is looked for at `place` first; then `place` is the one behind
    /// it. Whoever asks in the order of the entries finds nearly all without a hash.
    @inlinable public func value(of key: Key, at place: inout Int) -> Value? {
        if place >= entries.count || entries[place].key != key {
            guard let found = self.place(of: key) else { return nil }
            place = found
        }
        defer { place += 1 }
        return entries[place].value
    }

    /// Puts `other` over what is here.
    @inlinable public mutating func merge(_ other: some Sequence<(key: Key, value: Value)>) {
        for (key, value) in other { self[key] = value }
    }

    @inlinable func place(of key: Key) -> Int? {
        guard !slots.isEmpty else { return nil }
        let number = slots[slot(of: key)]
        return number == 0 ? nil : Int(number) - 1
    }

    @inlinable mutating func append(_ key: Key, _ value: Value) {
        if (entries.count + 1) * 4 > slots.count * 3 { grow() }
        slots[slot(of: key)] = UInt32(entries.count + 1)
        entries.append((key, value))
    }

    /// The slot that `key` has, or the empty one that it would get.
    @inlinable func slot(of key: Key) -> Int {
        let mask = slots.count - 1
        var slot = key.hashValue & mask
        while slots[slot] != 0, entries[Int(slots[slot]) - 1].key != key {
            slot = (slot + 1) & mask
        }
        return slot
    }

    @inlinable mutating func grow() {
        slots = Array(repeating: 0, count: Swift.max(8, slots.count * 2))
        for place in entries.indices { slots[slot(of: entries[place].key)] = UInt32(place + 1) }
    }

    /// Removes an entry: the last one takes its place.
    @inlinable mutating func remove(_ key: Key) {
        guard let place = place(of: key) else { return }
        let hole = slot(of: key)
        let last = entries.count - 1
        if place != last { slots[slot(of: entries[last].key)] = UInt32(place + 1) }
        entries.swapAt(place, last)
        // The slot is emptied while its key can still be compared with.
        empty(hole)
        entries.removeLast()
    }

    /// Empties a slot, and moves those that were pushed on by it back.
    @inlinable mutating func empty(_ slot: Int) {
        let mask = slots.count - 1
        var hole = slot
        var next = (hole + 1) & mask
        slots[hole] = 0
        while slots[next] != 0 {
            let wanted = entries[Int(slots[next]) - 1].key.hashValue & mask
            if (next - wanted) & mask >= (next - hole) & mask {
                slots[hole] = slots[next]
                slots[next] = 0
                hole = next
            }
            next = (next + 1) & mask
        }
    }
}

extension CompactTable: Sendable where Key: Sendable, Value: Sendable {}

extension CompactTable: Sequence {
    /// Goes through the entries, in the order of `keys`.
    @inlinable public func makeIterator() -> IndexingIterator<[Element]> { entries.makeIterator() }
}

extension CompactTable: ExpressibleByDictionaryLiteral {
    /// Makes a table of a literal, in which the last entry of a key counts.
    public init(dictionaryLiteral elements: (Key, Value)...) {
        for (key, value) in elements { self[key] = value }
    }
}
