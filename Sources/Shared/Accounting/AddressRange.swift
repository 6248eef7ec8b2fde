/// An IP address with a prefix length, as WireGuard's allowed IPs have it; held without a heap
/// allocation.
public struct AddressRange: Hashable, Sendable {
    /// The address's bits in network order; an IPv4 address has the upper 32 of `high`.
    private let high: UInt64
    private let low: UInt64
    /// Whether this is an IPv6 range.
    public let isIPv6: Bool
    /// Leading bits that count: 0…32 or 0…128.
    public private(set) var prefixLength: UInt8

    private init(high: UInt64, low: UInt64, isIPv6: Bool, prefixLength: UInt8) {
        self.high = high
        self.low = low
        self.isIPv6 = isIPv6
        self.prefixLength = prefixLength
    }

    /// Makes an IPv4 range of an address whose first byte is the word's highest; nil unless the
    /// prefix fits it.
    public init?(ipv4 word: UInt32, prefixLength: UInt8) {
        guard prefixLength <= 32 else { return nil }
        self.init(high: UInt64(word) << 32, low: 0, isIPv6: false, prefixLength: prefixLength)
    }

    /// A hash that two ranges share by chance alone, beside others drawn with the same `seed`.
    public func quickHash(seed: UInt64) -> UInt64 {
        let kind = UInt64(prefixLength) << 1 | (isIPv6 ? 1 : 0)
        let first = (high ^ seed).multipliedFullWidth(by: 0x9e37_79b9_7f4a_7c15 ^ kind << 32)
        let second = (low ^ first.high ^ first.low)
            .multipliedFullWidth(by: seed | 0x8000_0000_0000_0001)
        return second.high ^ second.low ^ kind
    }

    /// Makes a range; nil unless the address has 4 or 16 bytes and the prefix fits it.
    public init?(bytes: [UInt8], prefixLength: UInt8) {
        self.init(bytes.span.bytes, prefixLength: prefixLength)
    }

    /// Reads a range from all of `bytes`; nil unless they are 4 or 16 and the prefix fits them.
    public init?(_ bytes: RawSpan, prefixLength: UInt8) {
        guard Int(prefixLength) <= bytes.byteCount * 8 else { return nil }
        switch bytes.byteCount {
        case 4:
            let word = bytes.unsafeLoadUnaligned(as: UInt32.self).bigEndian
            self.init(high: UInt64(word) << 32, low: 0, isIPv6: false, prefixLength: prefixLength)
        case 16:
            self.init(
                high: bytes.unsafeLoadUnaligned(as: UInt64.self).bigEndian,
                low: bytes.unsafeLoadUnaligned(fromByteOffset: 8, as: UInt64.self).bigEndian,
                isIPv6: true, prefixLength: prefixLength)
        default: return nil
        }
    }

    /// 4 bytes for IPv4, 16 for IPv6, in network order.
    public var bytes: [UInt8] {
        (0..<(isIPv6 ? 16 : 4)).map { index in
            let word = index < 8 ? high : low
            return UInt8(truncatingIfNeeded: word >> UInt64(56 - index % 8 * 8))
        }
    }

    /// Whether the two ranges share an address.
    public func overlaps(_ other: AddressRange) -> Bool {
        guard isIPv6 == other.isIPv6 else { return false }
        let bits = min(prefixLength, other.prefixLength)
        let (mine, others) = (cut(to: bits), other.cut(to: bits))
        return mine.high == others.high && mine.low == others.low
    }

    /// The range with the bits behind its prefix cleared: equal for ranges of the same addresses.
    public var network: AddressRange { cut(to: prefixLength) }

    /// The network of that shorter prefix that this range is in; the same one for a longer prefix.
    public func network(of prefix: UInt8) -> AddressRange {
        var network = cut(to: min(prefix, prefixLength))
        network.prefixLength = min(prefix, prefixLength)
        return network
    }

    /// Whether all of the other range's addresses are in this one.
    public func contains(_ other: AddressRange) -> Bool {
        prefixLength <= other.prefixLength && overlaps(other)
    }

    private func cut(to bits: UInt8) -> AddressRange {
        // Shifts of 64 and more give zero.
        let upper = ~(UInt64.max >> UInt64(min(bits, 64)))
        let lower = bits > 64 ? ~(UInt64.max >> UInt64(bits - 64)) : 0
        return AddressRange(
            high: high & upper, low: low & lower, isIPv6: isIPv6, prefixLength: prefixLength)
    }
}

extension AddressRange {
    /// Reads `ADDRESS/PREFIX`, or a bare address as a single one; nil for anything else.
    public init?(_ text: some StringProtocol) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let bytes = Self.address(parts[0]) else { return nil }
        guard parts.count == 2 else {
            self.init(bytes: bytes, prefixLength: UInt8(bytes.count * 8))
            return
        }
        guard parts[1].utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let prefix = UInt8(parts[1])
        else { return nil }
        self.init(bytes: bytes, prefixLength: prefix)
    }

    private static func address(_ text: some StringProtocol) -> [UInt8]? {
        text.contains(":") ? ipv6(text) : ipv4(text)
    }

    private static func ipv4(_ text: some StringProtocol) -> [UInt8]? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var bytes: [UInt8] = []
        for part in parts {
            guard (1...3).contains(part.utf8.count), let byte = UInt8(part),
                part.utf8.allSatisfy({ (0x30...0x39).contains($0) })
            else { return nil }
            bytes.append(byte)
        }
        return bytes
    }

    private static func ipv6(_ text: some StringProtocol) -> [UInt8]? {
        let halves = text.split(separator: "::", omittingEmptySubsequences: false)
        guard halves.count <= 2, let head = groups(halves[0]) else { return nil }
        guard halves.count == 2 else { return head.count == 16 ? head : nil }
        guard let tail = groups(halves[1]), head.count + tail.count <= 14 else { return nil }
        return head + [UInt8](repeating: 0, count: 16 - head.count - tail.count) + tail
    }

    private static func groups(_ text: some StringProtocol) -> [UInt8]? {
        guard !text.isEmpty else { return [] }
        var bytes: [UInt8] = []
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        for (index, part) in parts.enumerated() {
            if index == parts.count - 1, part.contains("."), let tail = ipv4(part) {
                bytes += tail
            } else if (1...4).contains(part.utf8.count), let group = UInt16(part, radix: 16),
                part.first != "+", part.first != "-"
            {
                bytes += [UInt8(group >> 8), UInt8(truncatingIfNeeded: group)]
            } else {
                return nil
            }
        }
        return bytes.count <= 16 ? bytes : nil
    }
}

extension AddressRange: CustomStringConvertible {
    /// The range as `wg` prints it: RFC 5952 for IPv6, always with the prefix length.
    public var description: String { "\(address)/\(prefixLength)" }

    /// The address alone.
    public var address: String {
        guard isIPv6 else { return bytes.map(String.init).joined(separator: ".") }
        let groups = (0..<8).map { UInt16(bytes[$0 * 2]) << 8 | UInt16(bytes[$0 * 2 + 1]) }
        let gap = Self.longestZeroRun(groups)
        let text = groups.map { String($0, radix: 16) }
        guard gap.count > 1 else { return text.joined(separator: ":") }
        let head = text[..<gap.lowerBound].joined(separator: ":")
        let tail = text[gap.upperBound...].joined(separator: ":")
        return "\(head)::\(tail)"
    }

    private static func longestZeroRun(_ groups: [UInt16]) -> Range<Int> {
        var longest = 0..<0
        var start = 0
        while start < groups.count {
            guard groups[start] == 0 else {
                start += 1
                continue
            }
            let end = groups[start...].firstIndex { $0 != 0 } ?? groups.count
            if end - start > longest.count { longest = start..<end }
            start = end
        }
        return longest
    }
}
