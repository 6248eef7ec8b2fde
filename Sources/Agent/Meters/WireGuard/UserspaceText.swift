internal import Accounting
internal import Glibc

/// Values out of a part of an answer's bytes, without making strings of them; nil for what is
/// not one.
enum UserspaceText {
    /// Whether the part is exactly `text`.
    static func equals(_ bytes: RawSpan, _ part: Range<Int>, _ text: StaticString) -> Bool {
        guard part.count == text.utf8CodeUnitCount else { return false }
        return bytes.withUnsafeBytes { memory in
            guard let base = memory.baseAddress else { return part.isEmpty }
            return memcmp(base + part.lowerBound, text.utf8Start, part.count) == 0
        }
    }

    /// A decimal number without a sign that fits `Number`.
    static func number<Number: FixedWidthInteger>(
        _ bytes: RawSpan, _ part: Range<Int>, as: Number.Type
    ) -> Number? {
        guard !part.isEmpty else { return nil }
        var value: Number = 0
        for index in part {
            let digit = byte(bytes, index) &- UInt8(ascii: "0")
            guard digit <= 9 else { return nil }
            let (tens, over) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = tens.addingReportingOverflow(Number(digit))
            guard !over, !carry else { return nil }
            value = sum
        }
        return value
    }

    /// A decimal number that may have a minus sign.
    static func signed(_ bytes: RawSpan, _ part: Range<Int>) -> Int64? {
        guard let first = part.first, byte(bytes, first) == UInt8(ascii: "-") else {
            return number(bytes, part, as: Int64.self)
        }
        return number(bytes, part.dropFirst(), as: Int64.self).map { -$0 }
    }

    /// A number, or a range such as AmneziaWG's `25-30`, as its ends.
    static func range(
        _ bytes: RawSpan, _ part: Range<Int>
    ) -> (first: UInt16, last: UInt16)? {
        let dash = part.first { byte(bytes, $0) == UInt8(ascii: "-") }
        let ends = [
            part.lowerBound..<(dash ?? part.upperBound),
            (dash.map { $0 + 1 } ?? part.lowerBound)..<part.upperBound,
        ].compactMap { number(bytes, $0, as: UInt16.self) }
        return ends.count == 2 ? (ends[0], ends[1]) : nil
    }

    /// 64 hexadecimal digits.
    static func key(_ bytes: RawSpan, _ part: Range<Int>) -> PublicKey? {
        guard part.count == PublicKey.byteCount * 2 else { return nil }
        var key = InlineArray<32, UInt8>(repeating: 0)
        for index in 0..<PublicKey.byteCount {
            let high = hexadecimal(byte(bytes, part.lowerBound + index * 2))
            let low = hexadecimal(byte(bytes, part.lowerBound + index * 2 + 1))
            guard high | low < 16 else { return nil }
            key[index] = high << 4 | low
        }
        return PublicKey(key.span.bytes)
    }

    /// `ADDRESS/PREFIX`.
    static func addressRange(_ bytes: RawSpan, _ part: Range<Int>) -> AddressRange? {
        guard let slash = part.last(where: { byte(bytes, $0) == UInt8(ascii: "/") }),
            let prefix = number(bytes, (slash + 1)..<part.upperBound, as: UInt8.self),
            let address = address(bytes, part.lowerBound..<slash)
        else { return nil }
        return AddressRange(bytes: address, prefixLength: prefix)
    }

    /// Whether it is `ADDRESS:PORT` or `[ADDRESS]:PORT`; an IPv6 address may have a zone.
    static func isEndpoint(_ bytes: RawSpan, _ part: Range<Int>) -> Bool {
        guard part.count <= longestEndpoint,
            let colon = part.last(where: { byte(bytes, $0) == UInt8(ascii: ":") }),
            number(bytes, (colon + 1)..<part.upperBound, as: UInt16.self) != nil
        else { return false }
        var host = part.lowerBound..<colon
        if let first = host.first, byte(bytes, first) == UInt8(ascii: "[") {
            guard host.count > 2, byte(bytes, host.upperBound - 1) == UInt8(ascii: "]") else {
                return false
            }
            host = (first + 1)..<(host.upperBound - 1)
        }
        let zone = host.first { byte(bytes, $0) == UInt8(ascii: "%") }
        return address(bytes, host.lowerBound..<(zone ?? host.upperBound)) != nil
    }

    private static let longestEndpoint = 128

    /// 4 or 16 bytes, by the C library's strict reading of addresses.
    private static func address(_ bytes: RawSpan, _ part: Range<Int>) -> [UInt8]? {
        guard part.count < Int(INET6_ADDRSTRLEN) else { return nil }
        let isIPv6 = part.contains { byte(bytes, $0) == UInt8(ascii: ":") }
        var text = InlineArray<64, CChar>(repeating: 0)
        for index in part {
            text[index - part.lowerBound] = CChar(bitPattern: byte(bytes, index))
        }
        return text.span.withUnsafeBufferPointer { characters in
            guard let start = characters.baseAddress else { return nil }
            var isAddress = false
            let address = [UInt8](unsafeUninitializedCapacity: isIPv6 ? 16 : 4) { target, count in
                isAddress = inet_pton(isIPv6 ? AF_INET6 : AF_INET, start, target.baseAddress) == 1
                count = isAddress ? target.count : 0
            }
            return isAddress ? address : nil
        }
    }

    private static func byte(_ bytes: RawSpan, _ index: Int) -> UInt8 {
        bytes.unsafeLoad(fromByteOffset: index, as: UInt8.self)
    }

    private static func hexadecimal(_ digit: UInt8) -> UInt8 {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
        default: 0xff
        }
    }
}
