import Accounting

/// Where a server's VPN interfaces meet its packet filters. What passes there is charged to their
/// peers, so a port or address that is counted there is only compared with (A13).
struct MeteredPlaces {
    private let listening: Set<UInt16>
    private let addresses: [AddressRange]

    /// Looks up what matters for `keys`.
    init(of server: Int64, for keys: [PortKey], session: any Session) throws {
        guard !keys.isEmpty else {
            (listening, addresses) = ([], [])
            return
        }
        let meters = try session.query(
            "SELECT name, listen_port FROM meters WHERE server = $1 AND present = 1",
            [.integer(server)])
        listening = Set(
            meters.filter { Self.isInterface($0.text(0)) }.compactMap {
                UInt16(exactly: $0.integer(1))
            })
        let hasAddress = keys.contains { if case .address = $0 { true } else { false } }
        addresses = hasAddress ? try Self.addresses(of: server, session) : []
    }

    private static func addresses(
        of server: Int64, _ session: any Session
    ) throws -> [AddressRange] {
        let rows = try session.query(
            """
            SELECT m.name, c.addresses FROM credentials c JOIN meters m ON m.id = c.meter \
            WHERE c.server = $1 AND c.retired_at = 0 AND c.addresses <> ''
            """, [.integer(server)])
        return rows.filter { isInterface($0.text(0)) }.flatMap {
            $0.text(1).split(separator: ",").compactMap { AddressRange($0) }
        }
    }

    /// Whether a meter counts an interface in the host's own namespace.
    private static func isInterface(_ meter: String) -> Bool {
        guard let name = MeterName(meter), name.place == nil else { return false }
        return name.kind == .wireguard || name.kind == .amneziawg
    }

    /// Whether what `key` counts is charged to an interface's peers.
    func cover(_ key: PortKey) -> Bool {
        switch key {
        case .ports(.udp, let ports), .ports(.any, let ports):
            listening.contains { $0 > 0 && ports.contains($0) }
        case .ports, .name: false
        case .address(let range): addresses.contains { $0.overlaps(range) }
        }
    }
}
