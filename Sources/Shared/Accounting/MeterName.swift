/// The kinds of sources that counters come from.
public enum MeterKind: String, Hashable, Sendable, CaseIterable {
    case wireguard
    case amneziawg
    case v2ray
    case ports
    /// The packets of a `ports` meter of the same name: observed, charged to nobody.
    case packets
    /// All that a device carried, by its own counters: observed, charged to nobody.
    case interface
}

/// A meter's name, unique on its server: `wireguard/wg0`, or `wireguard/wg0@PLACE` for a device
/// outside the host's own network namespace.
public struct MeterName: Hashable, Sendable {
    /// What is read.
    public let kind: MeterKind
    /// The interface, proxy or table.
    public let device: String
    /// The namespace or container; nil for the host's own.
    public let place: String?

    /// Longest accepted name as text, in UTF-8 bytes.
    public static let longestText = 255

    /// Makes a name from its parts.
    public init(kind: MeterKind, device: String, place: String? = nil) {
        self.kind = kind
        self.device = device
        self.place = place
    }

    /// Reads `KIND/DEVICE` or `KIND/DEVICE@PLACE`; nil for anything else.
    public init?(_ text: some StringProtocol) {
        guard text.utf8.count <= Self.longestText else { return nil }
        let halves = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard halves.count == 2, let kind = MeterKind(rawValue: String(halves[0])) else {
            return nil
        }
        let parts = halves[1].split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false)
        guard !parts[0].isEmpty, parts.count == 1 || !parts[1].isEmpty else { return nil }
        self.init(
            kind: kind, device: String(parts[0]), place: parts.count == 2 ? String(parts[1]) : nil)
    }
}

extension MeterName: CustomStringConvertible {
    /// The name as text.
    public var description: String { "\(kind.rawValue)/\(whereabouts)" }

    /// `DEVICE` or `DEVICE@PLACE`: the same for all that is counted at one device.
    public var whereabouts: String { place.map { "\(device)@\($0)" } ?? device }

    /// Whether what it counts is read to compare with and to be shown, and charged to nobody. Of a
    /// host's ports only those that somebody named are charged, and only once.
    public var isObserved: Bool {
        switch kind {
        case .wireguard, .amneziawg, .v2ray: false
        case .ports: device != Self.named
        case .packets, .interface: true
        }
    }

    /// The device of the `ports` meter of what operators named: `ports/inet`.
    public static let named = "inet"

    /// The device of the `ports` meter of what the host's own rules count: `ports/host`.
    public static let hostPorts = "host"

    /// The observed meter that has the packets of a `ports` meter's keys.
    public var packets: MeterName { MeterName(kind: .packets, device: device, place: place) }

    /// The observed meter that has what went over IPv6 of a `ports` or `packets` meter's keys.
    public var overIPv6: MeterName {
        MeterName(kind: kind, device: device + Self.ipv6, place: place)
    }

    /// What the devices of meters end in that have only what went over IPv6.
    public static let ipv6 = "-ipv6"

    /// The meter of all that this meter's device carries.
    public var ofDevice: MeterName { MeterName(kind: .interface, device: device, place: place) }
}
