internal import CMnl

/// How the kernel ended an exchange (`NLMSG_ERROR` or `NLMSG_DONE`).
struct Verdict: Hashable {
    /// The positive `errno`; 0 for success.
    var number: Int32
    /// The kernel's own words (`NLMSGERR_ATTR_MSG`); nil where it sent none.
    var text: String?

    /// Reads the verdict of a message; nil for a message that does not end an exchange.
    static func decode(_ message: Message, in bytes: RawSpan) throws(NetlinkError) -> Verdict? {
        let isDone = message.type == UInt16(NLMSG_DONE)
        guard isDone || message.type == UInt16(NLMSG_ERROR) else { return nil }
        let payload = bytes.extracting(message.payload)
        if isDone, payload.byteCount < 4 { return Verdict(number: 0) }
        guard payload.byteCount >= (isDone ? 4 : 4 + Message.headerSize) else {
            throw .malformed("an error message is too short")
        }
        let number = payload.unsafeLoadUnaligned(fromByteOffset: 0, as: Int32.self)
        guard number > Int32.min else { throw .malformed("an error message has no errno") }
        // Some dumps end with a positive length; only a negative number is an error.
        guard number <= 0 else { return Verdict(number: 0) }
        guard message.flags & UInt16(NLM_F_ACK_TLVS) != 0 else { return Verdict(number: -number) }
        let start = isDone ? 4 : 4 + echoed(message, in: payload)
        return Verdict(number: -number, text: try text(in: payload, from: start))
    }

    /// Bytes of the request that an error message repeats before its attributes.
    private static func echoed(_ message: Message, in payload: RawSpan) -> Int {
        guard message.flags & UInt16(NLM_F_CAPPED) == 0 else { return Message.headerSize }
        let length = payload.unsafeLoadUnaligned(fromByteOffset: 4, as: UInt32.self)
        return (Int(max(length, UInt32(Message.headerSize))) + 3) & ~3
    }

    private static func text(
        in payload: RawSpan, from start: Int
    ) throws(NetlinkError) -> String? {
        var walk = AttributeWalk(payload, from: start)
        while let attribute = try walk.next(in: payload) {
            if UInt32(attribute.type) == NLMSGERR_ATTR_MSG.rawValue {
                return try attribute.text(in: payload)
            }
        }
        return nil
    }
}
