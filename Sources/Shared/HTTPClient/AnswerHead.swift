/// The header fields of an answer, gathered line by line.
struct AnswerHead {
    /// Bytes that the headers of one exchange may have.
    static let limit = 256 << 10

    private(set) var fields: [HTTPField] = []
    private var size = 0

    /// Takes one line; false where the headers grow too long.
    ///
    /// A status line begins a new answer (after `100 Continue`); trailers come like headers.
    mutating func receive(_ line: UnsafeRawBufferPointer) -> Bool {
        size += line.count
        guard size <= Self.limit else { return false }
        if line.starts(with: "HTTP/".utf8) {
            fields = []
        } else if let colon = line.firstIndex(of: 0x3a) {
            let name = String(decoding: line[..<colon], as: UTF8.self)
            let value = Self.trim(line[line.index(after: colon)...])
            fields.append(HTTPField(name, String(decoding: value, as: UTF8.self)))
        }
        return true
    }

    /// Without spaces, tabs and line ends at both ends.
    private static func trim(
        _ bytes: Slice<UnsafeRawBufferPointer>
    ) -> Slice<UnsafeRawBufferPointer> {
        let isBlank = { (byte: UInt8) in byte == 0x20 || byte == 9 || byte == 13 || byte == 10 }
        guard let first = bytes.firstIndex(where: { !isBlank($0) }),
            let last = bytes.lastIndex(where: { !isBlank($0) })
        else { return bytes.prefix(0) }
        return bytes[first...last]
    }
}
