/// What a packet filter's counter counts, as a `ports` meter names it.
///
/// `tcp/8443`, `udp/1000-1999`, `tcp/80,443` (one counter for both), `ip/10.8.1.2`, `ip/10.8.1.0/24`,
/// or what its maker called it: `comment/alice`, `counter/web`, `quota/trial`.
public enum PortKey: Hashable, Sendable {
    /// The local ports of a transport.
    case ports(Transport, PortList)
    /// An address, or a network.
    case address(AddressRange)
    /// No port and no address, but a name.
    case name(NameSource, String)

    /// Whose ports.
    public enum Transport: String, Hashable, Sendable, CaseIterable {
        case tcp
        case udp
        case sctp
        case dccp
        /// Ports of whatever transport: a rule or set that does not look at it.
        case any = "port"
    }

    /// Where a name was found.
    public enum NameSource: String, Hashable, Sendable, CaseIterable {
        /// A rule's or element's comment.
        case comment
        /// A named counter.
        case counter
        /// A quota object.
        case quota
    }

    /// Most ports that own counting takes under one key: each has elements of its own.
    public static let mostCountedPorts = 1_024
}

/// Ports and ranges of ports, in ascending order, none twice.
public struct PortList: Hashable, Sendable {
    /// In ascending order; no two touch.
    public let ranges: [ClosedRange<UInt16>]

    /// Sorts and joins `ranges`; nil where there are none, or where one begins with port 0.
    public init?(_ ranges: [ClosedRange<UInt16>]) {
        guard !ranges.isEmpty, ranges.allSatisfy({ $0.lowerBound > 0 }) else { return nil }
        var joined: [ClosedRange<UInt16>] = []
        for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if let last = joined.last, Int(range.lowerBound) <= Int(last.upperBound) + 1 {
                joined[joined.count - 1] =
                    last.lowerBound...max(last.upperBound, range.upperBound)
            } else {
                joined.append(range)
            }
        }
        self.ranges = joined
    }

    /// A list of one port; nil for port 0.
    public init?(_ port: UInt16) {
        self.init([port...port])
    }

    /// How many ports there are.
    public var count: Int { ranges.reduce(0) { $0 + $1.count } }

    /// Whether `port` is one of them.
    public func contains(_ port: UInt16) -> Bool { ranges.contains { $0.contains(port) } }

    /// Whether a port is in both.
    public func overlaps(_ other: PortList) -> Bool {
        ranges.contains { range in other.ranges.contains { $0.overlaps(range) } }
    }

    /// The only port; nil where there are several.
    public var single: UInt16? { count == 1 ? ranges.first?.lowerBound : nil }
}

extension PortList: CustomStringConvertible {
    /// Reads `80`, `80,443` or `1000-1999`; nil for anything else.
    public init?(_ text: some StringProtocol) {
        var ranges: [ClosedRange<UInt16>] = []
        for part in String(text).split(separator: ",", omittingEmptySubsequences: false) {
            let ends = part.split(separator: "-", omittingEmptySubsequences: false)
            guard (1...2).contains(ends.count), let first = ends.first.flatMap(Self.port),
                let last = ends.last.flatMap(Self.port), first <= last
            else { return nil }
            ranges.append(first...last)
        }
        self.init(ranges)
    }

    private static func port(_ text: Substring) -> UInt16? {
        guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return UInt16(text)
    }

    /// The ports as an operator writes them.
    public var description: String {
        ranges.map {
            $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)"
        }
        .joined(separator: ",")
    }
}

extension PortKey: CustomStringConvertible {
    /// Reads a key as it is printed; nil for anything else.
    public init?(_ text: some StringProtocol) {
        guard let slash = text.firstIndex(of: "/") else { return nil }
        let kind = String(text[..<slash])
        let rest = text[text.index(after: slash)...]
        if let transport = Transport(rawValue: kind) {
            guard let ports = PortList(rest) else { return nil }
            self = .ports(transport, ports)
        } else if kind == "ip" {
            guard let range = AddressRange(rest) else { return nil }
            self = .address(range)
        } else {
            guard let source = NameSource(rawValue: kind), !rest.isEmpty else { return nil }
            self = .name(source, String(rest))
        }
    }

    /// The key as text; a single address without its prefix length.
    public var description: String {
        switch self {
        case .ports(let transport, let ports): return "\(transport.rawValue)/\(ports)"
        case .address(let range):
            let isSingle = range.prefixLength == (range.isIPv6 ? 128 : 32)
            let text = range.description
            guard isSingle, let slash = text.firstIndex(of: "/") else { return "ip/\(text)" }
            return "ip/\(text[..<slash])"
        case .name(let source, let name): return "\(source.rawValue)/\(name)"
        }
    }

    /// The same as a meter's key; nil where it is too long for one.
    public var key: Key? { Key(description, of: .ports) }

    /// Why own counting cannot take this key; nil where it can.
    public var refusal: String? {
        switch self {
        case .ports(.any, _):
            "say which transport: tcp/\(text) or udp/\(text)"
        case .ports(_, let ports) where ports.count > Self.mostCountedPorts:
            "it has \(ports.count) ports, at most \(Self.mostCountedPorts) can be counted together"
        case .ports, .address: nil
        case .name: "only ports and addresses can be counted, such as tcp/8443 or ip/10.8.1.2"
        }
    }

    private var text: Substring { description.split(separator: "/", maxSplits: 1).last ?? "" }
}
