/// One attribute within a message: where its payload stands. It is read against the same bytes
/// that it was found in.
public struct Attribute: Hashable, Sendable {
    /// `nla_type` without the flags for nesting and byte order.
    public let type: UInt16
    /// Where the payload begins.
    public let offset: Int
    /// Bytes of payload.
    public let count: Int

    /// Makes an attribute from its place.
    @inlinable public init(type: UInt16, offset: Int, count: Int) {
        self.type = type
        self.offset = offset
        self.count = count
    }
}

/// A walk over the attributes of a message or of a nest. Every length is checked before a byte
/// is read; nothing is allocated.
public struct AttributeWalk {
    @usableFromInline var position: Int
    @usableFromInline let end: Int

    /// Walks from `start`, after the headers that stand before the first attribute, to the end.
    @inlinable public init(_ bytes: RawSpan, from start: Int = 0) {
        position = min(start, bytes.byteCount)
        end = bytes.byteCount
    }

    /// Walks the attributes nested in `attribute`.
    @inlinable public init(inside attribute: Attribute) {
        position = attribute.offset
        end = attribute.offset + attribute.count
    }

    /// The next attribute; nil at the end. Throws where a length is below its header's or beyond
    /// the end, so that neither can loop or read outside.
    @inlinable @inline(__always) public mutating func next(
        in bytes: RawSpan
    ) throws(NetlinkError) -> Attribute? {
        guard position < end else { return nil }
        guard end <= bytes.byteCount, end - position >= 4 else {
            throw Self.short(at: position)
        }
        let length = Int(
            bytes.unsafeLoadUnaligned(fromByteOffset: position, as: UInt16.self))
        let type = bytes.unsafeLoadUnaligned(fromByteOffset: position + 2, as: UInt16.self)
        guard length >= 4, length <= end - position else { throw Self.short(at: position) }
        defer { position += (length + 3) & ~3 }
        return Attribute(type: type & 0x3fff, offset: position + 4, count: length - 4)
    }

    @usableFromInline static func short(at position: Int) -> NetlinkError {
        .malformed("the length of the attribute at byte \(position) cannot be right")
    }
}
