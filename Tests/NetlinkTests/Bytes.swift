@testable import Netlink

/// Bytes as a fixture writes them: integers in host order, attributes with their padding.
func attribute(_ type: UInt16, _ payload: [UInt8], length: Int? = nil) -> [UInt8] {
    let padding = [UInt8](repeating: 0, count: (4 - payload.count % 4) % 4)
    return raw(UInt16(length ?? payload.count + 4)) + raw(type) + payload + padding
}

func message(
    type: UInt16, flags: UInt16 = 0, sequence: UInt32 = 1, port: UInt32 = 7, _ payload: [UInt8],
    length: Int? = nil
) -> [UInt8] {
    raw(UInt32(length ?? payload.count + 16)) + raw(type) + raw(flags) + raw(sequence)
        + raw(port) + payload
}

func raw(_ value: some FixedWidthInteger) -> [UInt8] {
    withUnsafeBytes(of: value) { Array($0) }
}

/// The attributes of `bytes` as (type, payload), by way of the walk.
func walk(_ bytes: [UInt8], from start: Int = 0) throws -> [(type: UInt16, payload: [UInt8])] {
    try bytes.withUnsafeBytes { buffer in
        let span = buffer.bytes
        var walk = AttributeWalk(span, from: start)
        var found: [(type: UInt16, payload: [UInt8])] = []
        while let attribute = try walk.next(in: span) {
            found.append((attribute.type, try attribute.array(in: span)))
        }
        return found
    }
}

/// Runs `body` on the bytes as the kernel's answer is handed over.
func withSpan<Value>(
    _ bytes: [UInt8], _ body: (RawSpan) throws -> Value
) rethrows -> Value {
    try bytes.withUnsafeBytes { try body($0.bytes) }
}

func code(_ body: () throws -> Void) -> NetlinkError.Code? {
    do {
        try body()
        return nil
    } catch {
        return (error as? NetlinkError)?.code
    }
}
