/// Where the kernel's answers go (`struct ipt_get_entries`): kept from one reading to the next, so
/// that its pages are not made anew.
final class LegacyBuffer {
    /// Bytes of the request, before the entries.
    static let headerSize = 40

    private(set) var start: UnsafeMutableRawPointer
    private var room: Int
    private var size = 0

    init() {
        room = 4096
        start = .allocate(byteCount: room, alignment: 16)
    }

    deinit { start.deallocate() }

    /// Writes the request for a table whose entries have `size` bytes, and makes room for the answer.
    func prepare(_ table: String, size: Int) {
        let needed = Self.headerSize + size
        // What a larger table once needed is given back.
        if needed > room || room > needed * 4 + 65_536 {
            start.deallocate()
            room = needed + needed / 16
            start = .allocate(byteCount: room, alignment: 16)
        }
        self.size = size
        start.initializeMemory(as: UInt8.self, repeating: 0, count: Self.headerSize)
        let name = UnsafeMutableRawBufferPointer(start: start, count: 31)
        name.copyBytes(from: table.utf8.prefix(31))
        start.storeBytes(of: UInt32(clamping: size), toByteOffset: 32, as: UInt32.self)
    }

    /// Hands over the entries.
    func withEntries<Value>(
        _ body: (RawSpan) throws(MeterError) -> Value
    ) throws(MeterError) -> Value {
        let bytes = UnsafeRawBufferPointer(start: start + Self.headerSize, count: size)
        return try body(bytes.bytes)
    }
}
