internal import Accounting

/// One element, or the two ends of a range of them.
struct NftablesElementRange {
    /// The element that counts.
    var index: Int
    var first: ArraySlice<UInt8>
    var last: ArraySlice<UInt8>
}

extension NftablesElements {
    /// Hands over the elements that are not the end of another: of a set `ofRanges` with where they
    /// end. Nothing is made for each.
    func forEachRange(ofRanges: Bool, _ body: (NftablesElementRange) -> Void) {
        guard ofRanges, ends.isEmpty else { return forEachElement(body) }
        // An end stands before the range that begins there.
        let order = (0..<count).filter { !flags[$0].contains(.rest) }.sorted { one, other in
            let (left, right) = (key(at: one), key(at: other))
            guard left.elementsEqual(right) else { return left.lexicographicallyPrecedes(right) }
            return flags[one].contains(.rangeEnd) && !flags[other].contains(.rangeEnd)
        }
        for (place, index) in order.enumerated() where !flags[index].contains(.rangeEnd) {
            let next = place + 1 < order.count ? order[place + 1] : nil
            let last =
                next.map { key(at: $0).before } ?? ArraySlice(repeating: 255, count: keyLength)
            body(NftablesElementRange(index: index, first: key(at: index), last: last))
        }
    }

    private func forEachElement(_ body: (NftablesElementRange) -> Void) {
        var place = 0
        for index in 0..<count {
            var last = key(at: index)
            if flags[index].contains(.hasEnd) {
                last = ends[place * keyLength..<(place + 1) * keyLength]
                place += 1
            }
            guard flags[index].isDisjoint(with: [.rangeEnd, .rest]) else { continue }
            body(NftablesElementRange(index: index, first: key(at: index), last: last))
        }
    }

    /// The same in a list, of a set that has few.
    func ranges(ofRanges: Bool) -> [NftablesElementRange] {
        var ranges: [NftablesElementRange] = []
        forEachRange(ofRanges: ofRanges) { ranges.append($0) }
        return ranges
    }
}

/// The keys of one set that were seen, all of one length: a dump that is torn has elements twice.
struct NftablesKeysSeen {
    /// Those of at most 8 bytes.
    private var short: Set<UInt64> = []
    private var long: Set<ArraySlice<UInt8>> = []

    /// Adds a key; false where it was there.
    mutating func add(_ key: ArraySlice<UInt8>) -> Bool {
        guard key.count <= 8 else { return long.insert(key).inserted }
        return short.insert(key.reduce(0) { $0 << 8 | UInt64($1) }).inserted
    }
}

extension ArraySlice<UInt8> {
    /// The number before this one, its highest byte first.
    fileprivate var before: ArraySlice<UInt8> {
        var number = self
        for index in number.indices.reversed() {
            number[index] &-= 1
            if number[index] != 255 { break }
        }
        return number
    }
}

extension NftablesMatch {
    /// Asks for what an element's key says, field by field.
    mutating func add(
        _ fields: [NftablesRegisters.Content], _ range: NftablesElementRange
    ) {
        var (first, last) = (range.first, range.last)
        for field in fields {
            guard first.count >= field.size, last.count >= field.size else {
                isNarrow = true
                return
            }
            add(field, first.prefix(field.size), last.prefix(field.size))
            // Each field begins in a register of its own.
            (first, last) = (first.dropFirst(field.room), last.dropFirst(field.room))
        }
    }

    private mutating func add(
        _ field: NftablesRegisters.Content, _ first: ArraySlice<UInt8>, _ last: ArraySlice<UInt8>
    ) {
        guard let low = first.first, let high = last.first else { return isNarrow = true }
        switch field {
        case .transport where low == high: add(transport: low)
        case .family where low == high: add(family: low)
        case .sourcePort: add(.source, from: first.port, to: last.port)
        case .destinationPort: add(.destination, from: first.port, to: last.port)
        case .source, .source6: addNetwork(.source, first, last)
        case .destination, .destination6: addNetwork(.destination, first, last)
        default: isNarrow = true
        }
    }

    /// Addresses from `first` to `last` have a name where they are a whole network.
    private mutating func addNetwork(
        _ side: Side, _ first: ArraySlice<UInt8>, _ last: ArraySlice<UInt8>
    ) {
        var bits = 0
        var hasDiffered = false
        for (low, high) in zip(first, last) {
            let same = (low ^ high).leadingZeroBitCount
            let rest = UInt8.max >> UInt8(same)
            if hasDiffered {
                guard low == 0, high == 255 else { return isNarrow = true }
            } else {
                guard low & rest == 0, high & rest == rest else { return isNarrow = true }
                bits += same
                hasDiffered = same < 8
            }
        }
        guard let range = AddressRange(bytes: Array(first), prefixLength: UInt8(bits)) else {
            return isNarrow = true
        }
        add(side, range)
    }

    /// Asks for being in a set that nft made for the rule and that never changes: transports, ports,
    /// or both.
    mutating func add(
        _ fields: [NftablesRegisters.Content], anyOf ranges: [NftablesElementRange]
    ) {
        var transports: Set<UInt8> = []
        var ports: [ClosedRange<UInt16>] = []
        var side: Side?
        var byTransport: [UInt8: [ClosedRange<UInt16>]] = [:]
        for range in ranges {
            var one = NftablesMatch()
            one.add(fields, range)
            guard !one.isNarrow, one.address == nil, one.family == nil else {
                return isNarrow = true
            }
            if let list = one.ports, let asked = one.side {
                guard side ?? asked == asked else { return isNarrow = true }
                side = asked
                ports += list.ranges
                if case .one(let number) = one.transports {
                    byTransport[number, default: []] += list.ranges
                }
            }
            if case .one(let number) = one.transports { transports.insert(number) }
        }
        // tcp . 80 and udp . 53 are no ports of both.
        let each = Set(byTransport.values.map { PortList($0) })
        guard each.count < 2, !transports.isEmpty || side != nil else { return isNarrow = true }
        if !transports.isEmpty { add(transports: transports) }
        if let side, let list = PortList(ports) { add(side, list) }
    }
}

extension NftablesRegisters.Content {
    /// Bytes of a field of a key.
    fileprivate var size: Int {
        switch self {
        case .transport, .family: 1
        case .sourcePort, .destinationPort: 2
        case .source, .destination: 4
        case .source6, .destination6: 16
        case .other, .more: 0
        }
    }

    fileprivate var room: Int { (size + 3) & ~3 }
}

extension ArraySlice<UInt8> {
    /// The first two bytes as a port.
    fileprivate var port: UInt16 { prefix(2).reduce(0) { $0 << 8 | UInt16($1) } }
}
