/// What stands in the 16 registers of 4 bytes while a rule's expressions are gone through.
struct NftablesRegisters: Hashable, Sendable {
    /// What a register was loaded with.
    enum Content: UInt64, Hashable, Sendable {
        /// Something that is not followed.
        case other = 0
        /// The number of the transport (`meta l4proto`).
        case transport
        /// IPv4 or IPv6 (`meta nfproto`).
        case family
        case sourcePort
        case destinationPort
        /// The first 4 bytes of an IPv4 address.
        case source
        case destination
        /// The first 4 bytes of an IPv6 address.
        case source6
        case destination6
        /// The rest of an address.
        case more
    }

    /// 4 bits for each register.
    private var contents: UInt64 = 0

    /// Registers that hold nothing that is known.
    init() {}

    /// The index of a register as the kernel numbers them: 1 to 4 have 16 bytes, 8 to 23 have 4.
    /// nil for the verdict and what is none.
    static func index(_ number: UInt32) -> Int? {
        switch number {
        case 1...4: Int(number - 1) * 4
        case 8...23: Int(number - 8)
        default: nil
        }
    }

    /// Puts `content` in the register `index`, and in what follows of `count` bytes its rest.
    mutating func load(_ content: Content, at index: Int, count: Int) {
        for offset in 0..<max(1, (min(count, 64) + 3) / 4) where index + offset < 16 {
            let rest: Content = content == .other ? .other : .more
            set(offset == 0 ? content : rest, at: index + offset)
        }
    }

    private mutating func set(_ content: Content, at index: Int) {
        let shift = UInt64(index) * 4
        contents = contents & ~(15 << shift) | content.rawValue << shift
    }

    /// What stands in the register `index`.
    subscript(index: Int) -> Content {
        guard (0..<16).contains(index) else { return .other }
        return Content(rawValue: contents >> (UInt64(index) * 4) & 15) ?? .other
    }

    /// What a key of `count` bytes from `index` on is made of; nil where not all of it is known.
    func fields(from index: Int, count: Int) -> [Content]? {
        guard count > 0, count <= 64 else { return nil }
        var fields: [Content] = []
        for offset in 0..<(count + 3) / 4 {
            let content = self[index + offset]
            guard content != .other else { return nil }
            if content != .more { fields.append(content) }
        }
        return fields
    }
}
