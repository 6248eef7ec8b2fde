internal import Accounting

/// What a rule asks of a packet, as far as it can be said in ports or in an address.
struct LegacyRule {
    /// Whether it asks for something that cannot be said here.
    private var isNarrow = false
    private var sources: PortList?
    private var destinations: PortList?
    private var source: AddressRange?
    private var destination: AddressRange?
    private var transport: UInt8
    private var comment: Range<Int>?

    /// Reads the header and the matches of `entry`.
    init(_ entry: LegacyEntry, in bytes: RawSpan, of family: LegacyFamily) throws(MeterError) {
        let header = bytes.extracting(entry.start..<entry.start + family.headerSize)
        transport = UInt8(clamping: header.number16(at: family.protocolAt))
        isNarrow =
            header.number8(at: family.flagsAt) & family.askingFlags != 0
            || header.number8(at: family.inversionsAt) != 0
            || !header.isZero(in: family.interfaceMasksAt..<family.interfaceMasksAt + 32)
        source = address(header, family.sourceAt, family.sourceMaskAt, family)
        destination = address(header, family.destinationAt, family.destinationMaskAt, family)
        var matches = entry.matches(of: family)
        while let match = try matches.next(in: bytes) { add(match, in: bytes) }
    }

    /// The address at `place`; nil where the rule asks for none, or for no network.
    private mutating func address(
        _ header: RawSpan, _ place: Int, _ maskPlace: Int, _ family: LegacyFamily
    ) -> AddressRange? {
        let mask = header.extracting(maskPlace..<maskPlace + family.addressSize)
        guard let length = mask.prefixLength else {
            isNarrow = true
            return nil
        }
        guard length > 0 else { return nil }
        return AddressRange(
            header.extracting(place..<place + family.addressSize), prefixLength: length)
    }

    private mutating func add(_ match: LegacyPart, in bytes: RawSpan) {
        if match.name == "comment" {
            comment = comment ?? match.data
            return
        }
        let data = bytes.extracting(match.data)
        guard let ports = PortMatch(match.name, revision: match.revision, data), ports.isExact
        else {
            isNarrow = true
            return
        }
        guard ports.sources != nil || ports.destinations != nil else { return }
        if sources != nil || destinations != nil { isNarrow = true }
        (sources, destinations) = (ports.sources, ports.destinations)
        if sources != nil, destinations != nil { isNarrow = true }
    }

    /// What it counts in a chain with these hooks: ports first, then the name that a comment gives,
    /// then an address; nil where that cannot be said.
    func meaning(
        _ hooks: FilterHooks, in bytes: RawSpan
    ) -> (key: PortKey, direction: FilterCounter.Direction)? {
        guard hooks.seesEveryPacketOnce else { return nil }
        if let ports = portMeaning(hooks) { return ports }
        let addressed: FilterCounter.Direction? =
            switch (source, destination) {
            case (_?, nil): .incoming
            case (nil, _?): .outgoing
            default: nil
            }
        guard let direction = addressed ?? hooks.direction, !hooks.isEmpty else { return nil }
        if let comment {
            let text = bytes.text(in: comment)
            if !text.isEmpty { return (.name(.comment, text), direction) }
        }
        guard addressed != nil, !isNarrow, transport == 0, sources == nil, destinations == nil,
            let address = source ?? destination
        else { return nil }
        return (.address(address), direction)
    }

    private func portMeaning(
        _ hooks: FilterHooks
    ) -> (key: PortKey, direction: FilterCounter.Direction)? {
        guard !isNarrow, source == nil, destination == nil, let transport = keyTransport else {
            return nil
        }
        if let destinations, let direction = hooks.direction(of: .destination) {
            return (.ports(transport, destinations), direction)
        }
        if let sources, let direction = hooks.direction(of: .source) {
            return (.ports(transport, sources), direction)
        }
        return nil
    }

    private var keyTransport: PortKey.Transport? {
        switch transport {
        case 6: .tcp
        case 17: .udp
        case 33: .dccp
        case 132: .sctp
        default: nil
        }
    }
}

extension RawSpan {
    /// How many leading bits of a mask are set; nil where others are set behind them.
    fileprivate var prefixLength: UInt8? {
        var length: UInt8 = 0
        var hasEnded = false
        for index in 0..<byteCount {
            let byte = number8(at: index)
            let ones = (~byte).leadingZeroBitCount
            guard byte == UInt8(truncatingIfNeeded: 0xff00 >> ones), !hasEnded || byte == 0 else {
                return nil
            }
            length += UInt8(ones)
            hasEnded = ones < 8
        }
        return length
    }
}
