internal import Accounting

/// The key of an element, at most 32 bytes, without a heap allocation.
struct OwnElement: Hashable {
    let words: SIMD8<UInt32>
    let count: UInt8

    /// Takes a key as it stands in a message; nil unless it is 4 to 32 bytes, a multiple of 4.
    @inline(__always)
    init?(_ bytes: RawSpan, at offset: Int, count: Int) {
        guard count > 0, count <= 32, count & 3 == 0, offset >= 0,
            offset + count <= bytes.byteCount
        else { return nil }
        var words = SIMD8<UInt32>()
        for word in 0..<count / 4 {
            words[word] = bytes.unsafeLoadUnaligned(
                fromByteOffset: offset + word * 4, as: UInt32.self)
        }
        self.words = words
        self.count = UInt8(count)
    }

    private init(_ bytes: [UInt8]) {
        var words = SIMD8<UInt32>()
        for word in 0..<min(bytes.count / 4, 8) {
            words[word] = bytes.span.bytes.unsafeLoadUnaligned(
                fromByteOffset: word * 4, as: UInt32.self)
        }
        self.words = words
        count = UInt8(min(bytes.count, 32))
    }

    /// A port of a transport, for packets of one family.
    init(isIPv6: Bool, protocol number: UInt8, port: UInt16) {
        words = [
            UInt32(littleEndian: UInt32(OwnNumber.family(isIPv6: isIPv6))),
            UInt32(littleEndian: UInt32(number)), UInt32(bigEndian: UInt32(port) << 16),
            0, 0, 0, 0, 0,
        ]
        count = 12
    }

    /// The addresses of a range.
    init(_ range: AddressRange) {
        self.init(range.network.bytes)
    }

    /// The addresses of a range at an interface.
    init(_ address: InterfaceAddress) {
        let name = Array(address.interface.utf8)
        self.init(
            name + [UInt8](repeating: 0, count: 16 - name.count) + address.range.network.bytes)
    }

    /// The key as it stands in a message.
    var bytes: [UInt8] {
        (0..<Int(count)).map { index in
            withUnsafeBytes(of: words[index / 4]) { $0[index % 4] }
        }
    }

    /// Whether the port is one of IPv6, in a set of ports.
    var isOfIPv6Port: Bool {
        UInt8(truncatingIfNeeded: words[0].littleEndian) == OwnNumber.family(isIPv6: true)
    }

    /// The key of a single port; nil where this is no such element.
    var port: (isIPv6: Bool, protocol: UInt8, port: UInt16)? {
        guard count == 12 else { return nil }
        return (
            isOfIPv6Port,
            UInt8(truncatingIfNeeded: words[1].littleEndian),
            UInt16(truncatingIfNeeded: words[2].bigEndian >> 16)
        )
    }
}

extension OwnElement {
    /// A token as it stands in a comment.
    static func text(ofToken token: UInt64) -> String {
        let digits = String(token, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    /// Userdata that holds a token: a comment (`NFTNL_UDATA_SET_ELEM_COMMENT`), so that whoever
    /// lists the set sees it, and whoever loads a listing brings it back.
    static func userdata(ofToken token: UInt64) -> [UInt8] {
        [0, 17] + Array(text(ofToken: token).utf8) + [0]
    }

    /// The token in an element's userdata; nil for what this agent does not write.
    @inline(__always)
    static func token(in bytes: RawSpan, at offset: Int, count: Int) -> UInt64? {
        guard count == 19, offset >= 0, offset + count <= bytes.byteCount,
            bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt16.self).littleEndian
                == 17 << 8,
            bytes.unsafeLoadUnaligned(fromByteOffset: offset + 18, as: UInt8.self) == 0
        else { return nil }
        var token: UInt64 = 0
        for place in 2..<18 {
            let digit = bytes.unsafeLoadUnaligned(
                fromByteOffset: offset + place, as: UInt8.self)
            switch digit {
            case 0x30...0x39: token = token << 4 | UInt64(digit - 0x30)
            case 0x61...0x66: token = token << 4 | UInt64(digit - 0x57)
            default: return nil
            }
        }
        return token
    }
}

extension PortKey.Transport {
    /// The number of the protocol in IP; nil for any.
    var number: UInt8? {
        switch self {
        case .tcp: 6
        case .udp: 17
        case .dccp: 33
        case .sctp: 132
        case .any: nil
        }
    }

    /// The transport of a protocol's number; nil for one without ports.
    init?(number: UInt8) {
        guard let transport = Self.allCases.first(where: { $0.number == number }) else {
            return nil
        }
        self = transport
    }
}
