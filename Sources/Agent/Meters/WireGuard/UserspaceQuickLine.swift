internal import Accounting

/// The lines that daemons write for each peer, in the very form in which wireguard-go writes them:
/// many thousands come at each reading. A line in any other form is left alone, for the careful way.
///
/// Each is looked at with a whole word at a time, so `reach` bytes must be readable behind its start.
struct UserspaceQuickLine {
    /// Bytes that are looked at at most.
    static let reach = 128

    private let start: UnsafeRawPointer

    init(at start: UnsafeRawPointer) {
        self.start = start
    }

    /// A line's name, told by its first eight bytes and then by the rest.
    enum Word {
        case publicKey, presharedKey, protocolVersion, endpoint, handshake, handshakeNanoseconds
        case sent, received, keepalive, allowedAddress
    }

    /// The name, and where the value begins; nil where it is none of these.
    var word: (Word, value: Int)? {
        switch text(0) {
        case 0x6b5f_6369_6c62_7570 where matches("ey=", at: 8): (.publicKey, 11)  // public_k
        case 0x6572_6168_7365_7270 where matches("d_key=", at: 8): (.presharedKey, 14)  // preshare
        case 0x6c6f_636f_746f_7270 where matches("_version=", at: 8):  // protocol
            (.protocolVersion, 17)
        case 0x746e_696f_7064_6e65 where byte(8) == Self.equals: (.endpoint, 9)  // endpoint
        case 0x6e61_685f_7473_616c where text(8) == 0x745f_656b_6168_7364:  // last_han, dshake_t
            switch text(16) {
            case 0x3d63_6573_5f65_6d69: (.handshake, 24)  // ime_sec=
            case 0x6365_736e_5f65_6d69 where byte(24) == Self.equals:  // ime_nsec
                (.handshakeNanoseconds, 25)
            default: nil
            }
        case 0x7365_7479_625f_7874 where byte(8) == Self.equals: (.sent, 9)  // tx_bytes
        case 0x7365_7479_625f_7872 where byte(8) == Self.equals: (.received, 9)  // rx_bytes
        case 0x6574_7369_7372_6570  // persiste, nt_keepa, live_int, nterval=
        where text(8) == 0x6170_6565_6b5f_746e && text(16) == 0x746e_695f_6576_696c
            && text(22) == 0x3d6c_6176_7265_746e:
            (.keepalive, 30)
        case 0x5f64_6577_6f6c_6c61 where matches("ip=", at: 8): (.allowedAddress, 11)  // allowed_
        default: nil
        }
    }

    /// A number that ends the line, and the line's length; nil for one of more than 18 digits.
    func number(at offset: Int) -> (value: Int64, length: Int)? {
        var value: Int64 = 0
        var place = offset
        while place < offset + 19 {
            let digit = byte(place) &- UInt8(ascii: "0")
            guard digit <= 9 else { break }
            value = value &* 10 &+ Int64(digit)
            place += 1
        }
        guard place > offset, place < offset + 19, byte(place) == Self.newline else { return nil }
        return (value, place + 1)
    }

    /// A key that ends the line; nil where it is not 64 hexadecimal digits.
    func key(at offset: Int) -> PublicKey? {
        guard byte(offset + 64) == Self.newline else { return nil }
        var isGood = true
        func word(_ index: Int) -> UInt64 {
            let first = HexadecimalWord(text(offset + index * 16))
            let second = HexadecimalWord(text(offset + index * 16 + 8))
            isGood = isGood && first.isGood && second.isGood
            return first.value | second.value << 32
        }
        let words = SIMD4<UInt64>(word(0), word(1), word(2), word(3))
        return isGood ? PublicKey(words: words) : nil
    }

    /// `A.B.C.D`, as strictly as the C library reads it, and where it ends.
    func ipv4(at offset: Int) -> (address: UInt32, end: Int)? {
        var address: UInt32 = 0
        var place = offset
        for part in 0..<4 {
            if part > 0 {
                guard byte(place) == UInt8(ascii: ".") else { return nil }
                place += 1
            }
            var value: UInt32 = 0
            let first = place
            while place < first + 3, case let digit = byte(place) &- UInt8(ascii: "0"), digit <= 9 {
                value = value * 10 + UInt32(digit)
                place += 1
            }
            let isPadded = place - first > 1 && byte(first) == UInt8(ascii: "0")
            guard place > first, value <= 255, !isPadded else { return nil }
            address = address << 8 | value
        }
        return (address, place)
    }

    func byte(_ offset: Int) -> UInt8 {
        start.load(fromByteOffset: offset, as: UInt8.self)
    }

    func bytes(_ part: Range<Int>) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: start + part.lowerBound, count: part.count)
    }

    private func text(_ offset: Int) -> UInt64 {
        UInt64(littleEndian: start.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }

    private func matches(_ text: StaticString, at offset: Int) -> Bool {
        for index in 0..<text.utf8CodeUnitCount where byte(offset + index) != text.utf8Start[index]
        {
            return false
        }
        return true
    }

    static let newline = UInt8(ascii: "\n")
    private static let equals = UInt8(ascii: "=")
}

/// Eight hexadecimal digits, read at once.
struct HexadecimalWord {
    /// The four bytes that they stand for, the first one lowest.
    let value: UInt64
    /// Whether all of them are digits.
    let isGood: Bool

    /// Takes the characters, the first one lowest.
    init(_ text: UInt64) {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let low = text & (ones * 0x0f)
        let high = text & (ones * 0xf0)
        // The sixth bit is set in letters and not in numerals.
        let letter = (text >> 6) & ones
        let letters = letter * 0xff
        let tooHigh = ones * 0x10
        let badNumeral = (high ^ (ones * 0x30)) | ((low + ones * 6) & tooHigh)
        let badLetter =
            ((high & (ones * 0xd0)) ^ (ones * 0x40)) | ((low + ones * 9) & tooHigh)
            | (~(low + ones * 15) & tooHigh)
        isGood = (badNumeral & ~letters) | (badLetter & letters) == 0
        let digits = low + letter * 9
        var bytes = ((digits << 4) | (digits >> 8)) & 0x00ff_00ff_00ff_00ff
        bytes = (bytes | bytes >> 8) & 0x0000_ffff_0000_ffff
        value = (bytes | bytes >> 16) & 0xffff_ffff
    }
}

extension UserspaceDecoder.Draft {
    /// Takes the line, if it is one of these; returns its length with its end, or 0.
    mutating func take(_ line: UserspaceQuickLine, into reply: inout UserspaceReply) -> Int {
        guard let (word, value) = line.word else { return 0 }
        switch word {
        case .publicKey: return begin(line, value, &reply)
        case .presharedKey:
            guard let key = line.key(at: value) else { return 0 }
            reply.keep(presharedKey: key, for: &record)
            return value + 65
        case .endpoint: return keepEndpoint(line, value, &reply)
        case .allowedAddress: return keepAddress(line, value, &reply)
        default: return takeNumber(word, line, value)
        }
    }

    private mutating func takeNumber(
        _ word: UserspaceQuickLine.Word, _ line: UserspaceQuickLine, _ value: Int
    ) -> Int {
        guard let (number, length) = line.number(at: value) else { return 0 }
        switch word {
        case .handshake: lastHandshake = number
        case .handshakeNanoseconds: handshakeNanoseconds = number
        case .received: received = UInt64(number)
        case .sent: sent = UInt64(number)
        case .keepalive:
            guard let seconds = UInt16(exactly: number) else { return 0 }
            (record.keepalive, record.longestKeepalive) = (seconds, 0)
        default: break
        }
        return length
    }

    /// Ends the present peer and begins the next.
    private mutating func begin(
        _ line: UserspaceQuickLine, _ value: Int, _ reply: inout UserspaceReply
    ) -> Int {
        guard let done = finished, let key = line.key(at: value) else { return 0 }
        reply.add(done)
        self = UserspaceDecoder.Draft(record: UserspaceRecord(key: key))
        return value + 65
    }

    private mutating func keepEndpoint(
        _ line: UserspaceQuickLine, _ value: Int, _ reply: inout UserspaceReply
    ) -> Int {
        guard let (_, end) = line.ipv4(at: value), line.byte(end) == UInt8(ascii: ":"),
            let (port, length) = line.number(at: end + 1), port <= UInt16.max
        else { return 0 }
        reply.keep(endpoint: line.bytes(value..<length - 1), for: &record)
        return length
    }

    private mutating func keepAddress(
        _ line: UserspaceQuickLine, _ value: Int, _ reply: inout UserspaceReply
    ) -> Int {
        guard let (address, end) = line.ipv4(at: value), line.byte(end) == UInt8(ascii: "/"),
            let (prefix, length) = line.number(at: end + 1), prefix <= 32,
            let range = AddressRange(ipv4: address, prefixLength: UInt8(prefix))
        else { return 0 }
        reply.keep(range, for: &record)
        return length
    }
}
