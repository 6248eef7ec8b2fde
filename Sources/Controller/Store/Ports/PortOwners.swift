import Accounting
import AgentProtocol
import SwiftProtobuf

/// Finds whose the ports of a naming are, and makes the client where there is none yet.
struct PortOwners {
    private let naming: PortNaming
    private let now: Int64
    private let session: any Session
    /// Found or made already.
    private var found: KeyOwner?

    /// `present` are those of the ports that are counted already: with no owner named, new ones are
    /// the same client's.
    init(
        _ naming: PortNaming, _ present: [HeldPort], now: Int64, session: any Session
    ) {
        (self.naming, self.now, self.session) = (naming, now, session)
        if naming.owner == .unsaid, let client = present.map(\.client).first(where: { $0 != 0 }) {
            found = KeyOwner(client: client, access: .open)
        }
    }

    /// Whose `key` is; nobody's where an interface's peers are charged for it.
    mutating func owner(of key: PortKey, isMetered: Bool) throws -> KeyOwner {
        guard !isMetered else {
            guard naming.owner == .unsaid else { throw Self.metered(key) }
            return .nobody
        }
        let owner = try found ?? known() ?? add()
        found = owner
        return owner
    }

    /// Throws where a port that is counted already is not the named owner's.
    func require(_ port: HeldPort, on server: ServerRecord) throws {
        guard naming.owner != .unsaid, try known()?.client != port.client else { return }
        if port.client == KeyOwner.nobody.client {
            throw PortKey(port.key).map(Self.metered)
                ?? StoreError(.internal, "no port \(port.key)")
        }
        throw StoreError(
            .conflict, reason: "port_taken",
            """
            \(port.key) on \(server.name) is \(port.clientName)'s (id:\(port.client)): give it \
            away with `tollkeeper ports set \(port.key) --client`
            """)
    }

    /// The named client; nil where none is named, or there is none yet.
    private func known() throws -> KeyOwner? {
        switch naming.owner {
        case .unsaid: return nil
        case .client(let id):
            let client = try Store.client(id, session)
            return KeyOwner(client: id, access: client.isShut ? .shut : .open)
        case .name(let name):
            let rows = try session.query(
                "SELECT id, access FROM clients WHERE name = $1 AND deleted_at = 0 ORDER BY id",
                [.text(name)])
            guard rows.count < 2 else { throw Self.ambiguous(name, rows.map { $0.integer(0) }) }
            return rows.first.map {
                KeyOwner(client: $0.integer(0), access: $0.flag(1) ? .shut : .open)
            }
        }
    }

    private func add() throws -> KeyOwner {
        var (name, source) = (naming.label, NameSource.key)
        if case .name(let given) = naming.owner { (name, source) = (given, .operator) }
        let row = try session.first(
            """
            INSERT INTO clients (name, named_by, access, created_at) VALUES ($1, $2, 0, $3) \
            RETURNING id
            """, [.text(name), .integer(source.rawValue), .integer(now)])
        return KeyOwner(client: row?.integer(0) ?? 0, access: .open)
    }

    private static func metered(_ key: PortKey) -> StoreError {
        StoreError(
            .conflict, reason: "metered",
            """
            what passes \(key) is charged to the clients of a metered interface already: it can \
            be counted beside them, but is nobody's; leave the client out
            """)
    }

    private static func ambiguous(_ name: String, _ ids: [Int64]) -> StoreError {
        let list = ids.prefix(20).map { "\($0)" }.joined(separator: ", ")
        return StoreError(
            .conflict, reason: "ambiguous",
            "client: \(ids.count) clients are called \(name); say which with client_id: \(list)")
    }
}

/// Keys as inventories have them.
enum WireMeterKeys {
    /// A port that is to be counted.
    static func named(_ key: PortKey) -> WireMeterKey {
        .with {
            $0.meter = HeldPorts.meter.description
            $0.key = key.description
        }
    }
}

extension PortKey {
    /// Whether some traffic is counted by both.
    func overlaps(_ other: PortKey) -> Bool {
        switch (self, other) {
        case (.ports(let transport, let ports), .ports(let others, let list)):
            let isSame = transport == others || transport == .any || others == .any
            return isSame && ports.overlaps(list)
        case (.address(let range), .address(let other)): return range.overlaps(other)
        case (.name, .name): return self == other
        default: return false
        }
    }
}

extension PortList {
    /// Whether they have a port in common.
    fileprivate func overlaps(_ other: PortList) -> Bool {
        ranges.contains { range in other.ranges.contains { $0.overlaps(range) } }
    }
}
