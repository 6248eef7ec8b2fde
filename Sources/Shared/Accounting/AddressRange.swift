/// An IP address with a prefix length, as WireGuard's allowed IPs have it.
public struct AddressRange: Hashable, Sendable {
    /// 4 bytes for IPv4, 16 for IPv6, in network order.
    public let bytes: [UInt8]
    /// Leading bits that count: 0…32 or 0…128.
    public let prefixLength: UInt8

    /// Makes a range; nil unless the address has 4 or 16 bytes and the prefix fits it.
    public init?(bytes: [UInt8], prefixLength: UInt8) {
        guard bytes.count == 4 || bytes.count == 16, Int(prefixLength) <= bytes.count * 8 else {
            return nil
        }
        self.bytes = bytes
        self.prefixLength = prefixLength
    }

    /// Whether this is an IPv6 range.
    public var isIPv6: Bool { bytes.count == 16 }

    /// Whether the two ranges share an address.
    public func overlaps(_ other: AddressRange) -> Bool {
        guard bytes.count == other.bytes.count else { return false }
        let bits = Int(min(prefixLength, other.prefixLength))
        let whole = bits / 8
        guard bytes[..<whole] == other.bytes[..<whole] else { return false }
        guard bits % 8 != 0 else { return true }
        let mask = UInt8(truncatingIfNeeded: 0xff00 >> (bits % 8))
        return bytes[whole] & mask == other.bytes[whole] & mask
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
