package import Accounting

/// Which ports a match of iptables lets through (`tcp`, `udp`, `multiport`), read from the struct
/// that the kernel holds: the same in iptables-legacy and, as an opaque blob, in iptables-nft.
package struct PortMatch: Hashable, Sendable {
    /// Source ports; nil where it takes any.
    package var sources: PortList?
    /// Destination ports; nil where it takes any.
    package var destinations: PortList?
    /// Whether `sources` and `destinations` are all that it looks at, and neither is inverted. Where
    /// they are not, its rule counts another set of packets than these ports.
    package var isExact: Bool

    /// Makes what a match says.
    package init(sources: PortList?, destinations: PortList?, isExact: Bool) {
        self.sources = sources
        self.destinations = destinations
        self.isExact = isExact
    }

    /// A match that counts something else than ports.
    private static let inexact = PortMatch(sources: nil, destinations: nil, isExact: false)

    /// Reads the struct of the match `name` at `revision`; nil where it is none of ports.
    ///
    /// A blob that is too short, or that says what cannot be, is not exact.
    package init?(_ name: String, revision: UInt8, _ blob: RawSpan) {
        switch (name, revision) {
        case ("tcp", 0): self.init(tcp: blob)
        case ("udp", 0): self.init(udp: blob)
        case ("multiport", 1): self.init(multiport: blob)
        default: return nil
        }
    }

    /// Reads `struct xt_tcp`: flags and options narrow it.
    package init(tcp blob: RawSpan) {
        self.init(ranges: blob, options: 8..<12)
    }

    /// Reads `struct xt_udp`.
    package init(udp blob: RawSpan) {
        self.init(ranges: blob, options: 8..<9)
    }

    /// Two ranges, and bytes which are all zero unless there is more to it.
    private init(ranges blob: RawSpan, options: Range<Int>) {
        guard blob.byteCount >= options.upperBound, options.allSatisfy({ blob.byte(at: $0) == 0 })
        else {
            self = .inexact
            return
        }
        let (sources, destinations) = (PortRange(blob, at: 0), PortRange(blob, at: 4))
        self.init(
            sources: sources.list, destinations: destinations.list,
            isExact: sources.isPossible && destinations.isPossible)
    }

    /// Reads `struct xt_multiport_v1`. `--ports`, which looks at either side, is not exact.
    package init(multiport blob: RawSpan) {
        guard blob.byteCount >= 48, blob.byte(at: 47) == 0,
            let ports = Self.multiplePorts(blob)
        else {
            self = .inexact
            return
        }
        switch blob.byte(at: 0) {
        case 0: self.init(sources: ports, destinations: nil, isExact: true)
        case 1: self.init(sources: nil, destinations: ports, isExact: true)
        default: self = .inexact
        }
    }

    private static func multiplePorts(_ blob: RawSpan) -> PortList? {
        let count = Int(blob.byte(at: 1))
        guard (1...15).contains(count) else { return nil }
        var ranges: [ClosedRange<UInt16>] = []
        var index = 0
        while index < count {
            let first = blob.port(at: 2 + index * 2)
            var last = first
            // Its flag says that a port begins a range, whose end is the next one.
            if blob.byte(at: 32 + index) != 0 {
                index += 1
                guard index < count else { return nil }
                last = blob.port(at: 2 + index * 2)
            }
            guard first <= last, last > 0 else { return nil }
            ranges.append(max(first, 1)...last)
            index += 1
        }
        return PortList(ranges)
    }
}

/// The two ends of a range of ports, in host byte order.
private struct PortRange {
    let first: UInt16
    let last: UInt16

    init(_ blob: RawSpan, at offset: Int) {
        first = blob.port(at: offset)
        last = blob.port(at: offset + 2)
    }

    /// Whether a packet can be in it.
    var isPossible: Bool { first <= last && last > 0 }

    /// The ports; nil for all of them. No service has port 0, so `:80` is `1-80`.
    var list: PortList? {
        guard isPossible, (first, last) != (0, .max) else { return nil }
        return PortList([max(first, 1)...last])
    }
}

extension RawSpan {
    fileprivate func byte(at offset: Int) -> UInt8 {
        unsafeLoadUnaligned(fromByteOffset: offset, as: UInt8.self)
    }

    fileprivate func port(at offset: Int) -> UInt16 {
        unsafeLoadUnaligned(fromByteOffset: offset, as: UInt16.self)
    }
}
