internal import CMnl

/// One netlink message being written: header, fixed part, attributes. Every bound is checked;
/// what does not fit throws `tooLarge` and leaves the request as it was before.
package struct NetlinkRequest: Sendable {
    /// Most bytes of one request, unless another limit is given.
    package static let usualLimit = 32 * 1024

    /// The message so far; its length is kept right, its sequence is set when it is sent.
    package private(set) var bytes: [UInt8]
    /// The type of the messages that answer it.
    package let answerType: UInt16
    private var ceiling: Int

    /// Begins a message.
    ///
    /// `flags` are added to `NLM_F_REQUEST`; `fixed` is the part that stands before the
    /// attributes (`struct genlmsghdr`, `struct ifinfomsg`), a multiple of 4 bytes.
    package init(
        type: UInt16, answerType: UInt16, flags: UInt16 = 0, fixed: [UInt8],
        limit: Int = usualLimit
    ) {
        precondition(fixed.count.isMultiple(of: 4), "the fixed part is padded by its maker")
        self.answerType = answerType
        ceiling = max(limit, Message.headerSize + fixed.count)
        bytes = [UInt8](repeating: 0, count: Message.headerSize)
        bytes += fixed
        patch(type, at: 4)
        patch(flags | UInt16(NLM_F_REQUEST), at: 6)
        patch(UInt32(bytes.count), at: 0)
    }

    /// Adds an attribute with these bytes.
    package mutating func add(
        _ type: UInt16, _ payload: some Collection<UInt8>
    ) throws(NetlinkError) {
        let length = 4 + payload.count
        let padded = (length + 3) & ~3
        guard length <= Int(UInt16.max), padded <= ceiling - bytes.count else { throw tooLarge }
        append(UInt16(length))
        append(type)
        bytes += payload
        bytes += repeatElement(0, count: padded - length)
        patch(UInt32(bytes.count), at: 0)
    }

    /// Adds an integer in host byte order.
    package mutating func add(
        _ type: UInt16, integer: some FixedWidthInteger
    ) throws(NetlinkError) {
        try add(type, withUnsafeBytes(of: integer) { Array($0) })
    }

    /// Adds an integer in network byte order, as nftables has all of its integers.
    package mutating func add(
        _ type: UInt16, bigEndian integer: some FixedWidthInteger
    ) throws(NetlinkError) {
        try add(type, integer: integer.bigEndian)
    }

    /// Adds text with its closing zero byte.
    package mutating func add(_ type: UInt16, text: String) throws(NetlinkError) {
        try add(type, Array(text.utf8) + [0])
    }

    /// Adds a nest (`NLA_F_NESTED`) with what `body` writes; nothing of it where `body` throws.
    package mutating func nest(
        _ type: UInt16, _ body: (inout NetlinkRequest) throws(NetlinkError) -> Void
    ) throws(NetlinkError) {
        let start = bytes.count
        let outer = ceiling
        defer { ceiling = outer }
        try add(type | UInt16(NLA_F_NESTED), [])
        ceiling = min(outer, start + Int(UInt16.max))
        do throws(NetlinkError) {
            try body(&self)
        } catch {
            truncate(to: start)
            throw error
        }
        patch(UInt16(bytes.count - start), at: start)
    }

    /// Takes back everything from `count` bytes on.
    mutating func truncate(to count: Int) {
        bytes.removeSubrange(count...)
        patch(UInt32(bytes.count), at: 0)
    }

    /// Sets what only the sender knows.
    mutating func stamp(sequence: UInt32, flags: Int32) {
        patch(sequence, at: 8)
        patch(UInt16(flags) | UInt16(bytes[6]) | UInt16(bytes[7]) << 8, at: 6)
    }

    private mutating func append(_ value: UInt16) {
        withUnsafeBytes(of: value) { bytes.append(contentsOf: $0) }
    }

    private mutating func patch(_ value: some FixedWidthInteger, at offset: Int) {
        withUnsafeBytes(of: value) { raw in
            bytes.replaceSubrange(offset..<offset + raw.count, with: raw)
        }
    }

    private var tooLarge: NetlinkError {
        NetlinkError(
            .tooLarge, doing: "write a request to the kernel",
            reason: "it does not fit its message of \(ceiling) bytes")
    }
}
