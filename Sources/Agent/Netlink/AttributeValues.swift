extension Attribute {
    /// The payload as an integer in host byte order; throws unless it has that type's size.
    @inlinable public func integer<Value: FixedWidthInteger & BitwiseCopyable>(
        _: Value.Type, in bytes: RawSpan
    ) throws(NetlinkError) -> Value {
        guard count == MemoryLayout<Value>.size, offset + count <= bytes.byteCount else {
            throw wrongSize
        }
        return bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: Value.self)
    }

    /// The payload as an integer in network byte order; throws unless it has that type's size.
    @inlinable public func bigEndian<Value: FixedWidthInteger & BitwiseCopyable>(
        _: Value.Type, in bytes: RawSpan
    ) throws(NetlinkError) -> Value {
        Value(bigEndian: try integer(Value.self, in: bytes))
    }

    /// The payload as an unsigned integer of whichever size it has: 1, 2, 4 or 8 bytes.
    @inlinable public func unsigned(in bytes: RawSpan) throws(NetlinkError) -> UInt64 {
        switch count {
        case 1: UInt64(try integer(UInt8.self, in: bytes))
        case 2: UInt64(try integer(UInt16.self, in: bytes))
        case 4: UInt64(try integer(UInt32.self, in: bytes))
        default: try integer(UInt64.self, in: bytes)
        }
    }

    /// The payload as text up to its first zero byte; throws where it is no UTF-8.
    package func text(in bytes: RawSpan) throws(NetlinkError) -> String {
        let characters = try array(in: bytes).prefix { $0 != 0 }
        guard let text = String(validating: characters, as: UTF8.self) else {
            throw .malformed("attribute \(type) at byte \(offset) is not text")
        }
        return text
    }

    /// A copy of the payload.
    package func array(in bytes: RawSpan) throws(NetlinkError) -> [UInt8] {
        guard offset >= 0, offset + count <= bytes.byteCount else { throw wrongSize }
        return (offset..<offset + count).map {
            bytes.unsafeLoadUnaligned(fromByteOffset: $0, as: UInt8.self)
        }
    }

    /// The error for a payload whose size is not that of its type.
    @inlinable public var wrongSize: NetlinkError { Self.wrongSize(self) }

    @usableFromInline static func wrongSize(_ attribute: Attribute) -> NetlinkError {
        .malformed(
            "attribute \(attribute.type) at byte \(attribute.offset) has"
                + " \(attribute.count) bytes, which is not its size")
    }
}
