internal import Netlink

/// What one element of a set holds.
struct OwnEntry: Hashable {
    var element: OwnElement
    /// nil where it has none that this agent made.
    var token: UInt64?
    var packets: UInt64 = 0
    var bytes: UInt64 = 0
}

/// A reader of what the kernel says of a set's elements. Pure: bytes to values, nothing allocated.
struct OwnElementDump {
    /// Bytes of a key in this set.
    let keyLength: Int

    /// Hands every element of one message to `each`. Throws where a key is missing or has another
    /// length, or where a counter is not whole.
    @inline(__always)
    func read(
        _ bytes: RawSpan, each: (OwnEntry) throws(NetlinkError) -> Void
    ) throws(NetlinkError) {
        var walk = AttributeWalk(bytes, from: OwnNumber.headerSize)
        while let attribute = try walk.next(in: bytes) {
            guard attribute.type == ElementListAttribute.elements else { continue }
            var items = AttributeWalk(inside: attribute)
            while let item = try items.next(in: bytes) {
                try each(try entry(item, in: bytes))
            }
        }
    }

    /// Every element of one message.
    func entries(_ bytes: RawSpan) throws(NetlinkError) -> [OwnEntry] {
        var entries: [OwnEntry] = []
        try read(bytes) { (entry) throws(NetlinkError) in entries.append(entry) }
        return entries
    }

    @inline(__always)
    private func entry(_ item: Attribute, in bytes: RawSpan) throws(NetlinkError) -> OwnEntry {
        var element: OwnElement?
        var token: UInt64?
        var (packets, count): (UInt64, UInt64) = (0, 0)
        var walk = AttributeWalk(inside: item)
        while let attribute = try walk.next(in: bytes) {
            switch attribute.type {
            case ElementAttribute.key: element = try key(attribute, in: bytes)
            case ElementAttribute.userdata:
                token = OwnElement.token(in: bytes, at: attribute.offset, count: attribute.count)
            case ElementAttribute.expression:
                (packets, count) = try counter(attribute, in: bytes)
            default: continue
            }
        }
        guard let element else { throw Self.keyless }
        return OwnEntry(element: element, token: token, packets: packets, bytes: count)
    }

    @inline(__always)
    private func key(_ nest: Attribute, in bytes: RawSpan) throws(NetlinkError) -> OwnElement? {
        var walk = AttributeWalk(inside: nest)
        while let attribute = try walk.next(in: bytes) {
            guard attribute.type == NestAttribute.value else { continue }
            guard attribute.count == keyLength else { throw attribute.wrongSize }
            return OwnElement(bytes, at: attribute.offset, count: keyLength)
        }
        return nil
    }

    /// The only expression that elements of this agent have is a counter.
    @inline(__always)
    private func counter(
        _ nest: Attribute, in bytes: RawSpan
    ) throws(NetlinkError) -> (packets: UInt64, bytes: UInt64) {
        var (packets, count): (UInt64?, UInt64?)
        var walk = AttributeWalk(inside: nest)
        while let data = try walk.next(in: bytes) {
            guard data.type == NestAttribute.data else { continue }
            var inner = AttributeWalk(inside: data)
            while let attribute = try inner.next(in: bytes) {
                switch attribute.type {
                case CounterAttribute.packets:
                    packets = try attribute.bigEndian(UInt64.self, in: bytes)
                case CounterAttribute.bytes:
                    count = try attribute.bigEndian(UInt64.self, in: bytes)
                default: continue
                }
            }
        }
        guard let packets, let count else { throw Self.counterless }
        return (packets, count)
    }

    private static var keyless: NetlinkError { .malformed("an element has no key") }
    private static var counterless: NetlinkError { .malformed("an element's counter is not whole") }
}
