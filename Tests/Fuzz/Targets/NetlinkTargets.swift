@testable import Netlink

extension FuzzTarget {
    /// What comes from the kernel over netlink sockets.
    static let netlinkTargets = [
        FuzzTarget("netlink-answer", netlinkAnswer), FuzzTarget("netlink-link", netlinkLink),
        FuzzTarget("netlink-attributes", netlinkAttributes),
    ]

    /// A whole answer, datagram by datagram: messages, their ends, and the kernel's words.
    private static func netlinkAnswer(_ bytes: [UInt8]) throws {
        var answer = Answer(type: 30, sequence: 1, port: 7, doing: "try")
        for datagram in bytes.datagrams {
            var taken = 0
            _ = try refusing(NetlinkError.self) {
                try datagram.withUnsafeBytes { buffer in
                    try answer.take(buffer.bytes, &taken) { (taken, span) throws(NetlinkError) in
                        taken += span.byteCount
                        _ = try Link.decode(span)
                    }
                }
            }
            try FuzzFinding.unless(
                taken <= datagram.count, "\(taken) bytes of payload in \(datagram.count)")
        }
    }

    private static func netlinkLink(_ bytes: [UInt8]) throws {
        let link = try refusing(NetlinkError.self) {
            try bytes.withUnsafeBytes { try Link.decode($0.bytes) }
        }
        guard let link else { return }
        try FuzzFinding.unless(link.index > 0, "a link has the index 0")
        try FuzzFinding.unless(
            (link.received == nil) == (link.sent == nil), "a link has one counter of two")
    }

    /// The walk itself, and every way to read a value, down to nests in nests.
    private static func netlinkAttributes(_ bytes: [UInt8]) throws {
        _ = try refusing(NetlinkError.self) {
            try bytes.withUnsafeBytes { buffer in
                let span = buffer.bytes
                var walk = AttributeWalk(span)
                try Self.visit(&walk, span, depth: 0)
            }
        }
    }

    private static func visit(
        _ walk: inout AttributeWalk, _ span: RawSpan, depth: Int
    ) throws {
        var end = 0
        while let attribute = try walk.next(in: span) {
            try FuzzFinding.unless(
                attribute.offset >= end && attribute.count >= 0
                    && attribute.offset + attribute.count <= span.byteCount,
                "an attribute stands outside, or on another one")
            end = attribute.offset + attribute.count
            _ = try refusing(NetlinkError.self) { try attribute.text(in: span) }
            _ = try refusing(NetlinkError.self) { try attribute.unsigned(in: span) }
            let copy = try attribute.array(in: span)
            try FuzzFinding.unless(copy.count == attribute.count, "a copy has another length")
            guard depth < 4 else { continue }
            var inner = AttributeWalk(inside: attribute)
            _ = try refusing(NetlinkError.self) {
                try visit(&inner, span, depth: depth + 1)
            }
        }
    }
}

extension [UInt8] {
    /// The input as datagrams, each after two bytes with its length.
    var datagrams: [[UInt8]] {
        var datagrams: [[UInt8]] = []
        var rest = self[...]
        while rest.count >= 2 {
            let length = Int(rest[rest.startIndex]) | Int(rest[rest.startIndex + 1]) << 8
            rest = rest.dropFirst(2)
            datagrams.append(Array(rest.prefix(length)))
            rest = rest.dropFirst(length)
        }
        return datagrams
    }
}
