internal import CMnl

/// One netlink message within a datagram: its header, and where its payload stands.
struct Message: Hashable {
    let type: UInt16
    let flags: UInt16
    let sequence: UInt32
    let port: UInt32
    let payload: Range<Int>

    /// Bytes of `struct nlmsghdr`.
    static let headerSize = 16

    /// Whether the kernel says that what it dumps changed meanwhile.
    var isInterrupted: Bool { flags & UInt16(NLM_F_DUMP_INTR) != 0 }
}

/// A walk over the messages of a datagram, every length checked before a byte is read.
struct MessageWalk {
    private var position = 0

    /// The next message; nil at the end. Throws where a length cannot be right.
    mutating func next(in bytes: RawSpan) throws(NetlinkError) -> Message? {
        let left = bytes.byteCount - position
        guard left > 0 else { return nil }
        guard left >= Message.headerSize else { throw short }
        let length = Int(bytes.unsafeLoadUnaligned(fromByteOffset: position, as: UInt32.self))
        guard length >= Message.headerSize, length <= left else { throw short }
        defer { position += (length + 3) & ~3 }
        return Message(
            type: bytes.unsafeLoadUnaligned(fromByteOffset: position + 4, as: UInt16.self),
            flags: bytes.unsafeLoadUnaligned(fromByteOffset: position + 6, as: UInt16.self),
            sequence: bytes.unsafeLoadUnaligned(fromByteOffset: position + 8, as: UInt32.self),
            port: bytes.unsafeLoadUnaligned(fromByteOffset: position + 12, as: UInt32.self),
            payload: position + Message.headerSize..<position + length)
    }

    private var short: NetlinkError {
        .malformed("the length of the message at byte \(position) cannot be right")
    }
}
