import Accounting
import AgentProtocol

/// A key of a meter, as an inventory has it: what is said beside the key, made fit to be kept.
struct FoundKey {
    let meter: Int64
    let meterName: MeterName
    let wire: WireMeterKey
    /// Its name in the host's configuration file; empty for none.
    let name: String
    /// Whose it is, as the host's own configuration says; empty: it does not.
    let owner: String
    /// Addresses as the store keeps them: joined by commas.
    let addresses: String

    /// Most addresses that are kept of one key.
    private static let mostAddresses = 1024

    var place: KeyPlace { KeyPlace(meter: meter, key: wire.key) }

    /// Whether the key is the same person's wherever it appears.
    var isUniversal: Bool { meterName.kind == .wireguard || meterName.kind == .amneziawg }

    /// Whether it is read to compare with, and charged to nobody.
    var isObserved: Bool { wire.observed || meterName.isObserved }

    /// The port or address, where it is one that is counted because somebody named it.
    var named: PortKey? {
        guard meterName.kind == .ports, !isObserved else { return nil }
        return PortKey(wire.key)
    }

    /// What joins keys to one client: the public key, or for a port the name that the host's own
    /// configuration gives its client. nil: the key is a client of its own.
    var identity: String? {
        if isUniversal { return wire.key }
        return named == nil || owner.isEmpty ? nil : Self.clientPrefix + owner
    }

    /// Sets names apart from public keys.
    static let clientPrefix = "name:"

    /// Takes a key of a meter that the server has; nil for what is no key of that meter.
    ///
    /// Nothing that is said beside the key can keep it from being counted and shut.
    init?(_ wire: WireMeterKey, meters: [String: Int64]) {
        guard let meter = meters[wire.meter], let name = MeterName(wire.meter),
            Key(wire.key, of: name.kind) != nil
        else { return nil }
        self.meter = meter
        meterName = name
        self.wire = wire
        self.name = Self.plain(wire.name)
        owner = Self.plain(wire.clientName)
        // Not lazily: that would read each address several times.
        addresses = wire.addresses.filter { AddressRange($0) != nil }.prefix(Self.mostAddresses)
            .joined(separator: ",")
    }

    /// The text as a client's name may be: at most 255 bytes, without control characters.
    private static func plain(_ text: String) -> String {
        var plain = String.UnicodeScalarView()
        var length = 0
        for scalar in text.unicodeScalars where scalar.properties.generalCategory != .control {
            length += UTF8.width(scalar)
            guard length <= 255 else { break }
            plain.append(scalar)
        }
        return String(plain)
    }

    /// Whether somebody has given it a name.
    var isNamed: Bool { !name.isEmpty || identity?.hasPrefix(Self.clientPrefix) == true }

    /// What a client of its own is called: the given name, else the key's first characters.
    var clientName: String {
        if named != nil, !owner.isEmpty { return owner }
        guard name.isEmpty else { return name }
        let key = isUniversal ? String(wire.key.prefix(8)) : Self.plain(wire.key)
        return key.isEmpty ? "unnamed" : key
    }
}

/// Where a key stands.
struct KeyPlace: Hashable {
    let meter: Int64
    let key: String
}

/// What the store holds of a key in its place.
struct HeldKey {
    let credential: Int64
    let name: String
    let addresses: String
    let isPresent: Bool
    let client: Int64
    let clientNamedBy: NameSource
    let lastHandshake: Int64
}

/// Where a client's name comes from; a later one is never replaced by an earlier one.
enum NameSource: Int64 {
    case key = 0
    case configuration = 1
    case `operator` = 2
}

/// A client that a key belongs to, and what holds for it.
struct KeyOwner {
    let client: Int64
    let access: Access

    /// Whose what is only observed is.
    static let nobody = KeyOwner(client: 0, access: .open)
}

/// Looks up in bulk what the store holds of keys.
struct KnownKeys {
    let session: any Session

    /// The credentials in use of these keys, by place.
    func held(_ keys: [FoundKey]) throws -> [KeyPlace: HeldKey] {
        var held: [KeyPlace: HeldKey] = [:]
        for (meter, keys) in Dictionary(grouping: keys, by: \.meter) {
            let texts = Set(keys.map(\.wire.key)).map { SQLValue.text($0) }
            let rows = try session.query(fixed: [.integer(meter)], in: texts) {
                """
                SELECT c.key, c.id, c.name, c.addresses, c.present, c.client, k.named_by, \
                t.last_handshake FROM credentials c JOIN clients k ON k.id = c.client \
                JOIN totals t ON t.credential = c.id \
                WHERE c.meter = $1 AND c.retired_at = 0 AND c.key IN (\($0))
                """
            }
            for row in rows {
                held[KeyPlace(meter: meter, key: row.text(0))] = HeldKey(
                    credential: row.integer(1), name: row.text(2), addresses: row.text(3),
                    isPresent: row.flag(4), client: row.integer(5),
                    clientNamedBy: NameSource(rawValue: row.integer(6)) ?? .operator,
                    lastHandshake: row.integer(7))
            }
        }
        return held
    }

    /// The places whose agent names a credential that is another's, or that this store does not know
    /// at all: what was counted for that one is the assigned one's.
    func strangers(
        among keys: [FoundKey], _ assigned: [KeyPlace: Int64]
    ) throws -> Set<KeyPlace> {
        let moved = keys.filter {
            $0.wire.credential != 0 && Int64(exactly: $0.wire.credential) != assigned[$0.place]
        }
        let rows = try session.query(in: moved.map { .clamped($0.wire.credential) }) {
            "SELECT id, meter, key FROM credentials WHERE id IN (\($0))"
        }
        let places = Dictionary(
            rows.map { ($0.integer(0), KeyPlace(meter: $0.integer(1), key: $0.text(2))) },
            uniquingKeysWith: { first, _ in first })
        return Set(
            moved.filter { places[Int64(clamping: $0.wire.credential)] != $0.place }.map(\.place))
    }

    /// The credentials out of use of keys that are gone: the one that their agent names, else the
    /// newest.
    func ended(_ keys: [FoundKey]) throws -> [KeyPlace: Int64] {
        var ended: [KeyPlace: Int64] = [:]
        for (meter, keys) in Dictionary(grouping: keys, by: \.meter) {
            let named = Set(keys.map { Int64(clamping: $0.wire.credential) })
            let texts = Set(keys.map(\.wire.key)).map { SQLValue.text($0) }
            let rows = try session.query(in: texts) {
                "SELECT key, id, meter FROM credentials WHERE key IN (\($0)) AND retired_at > 0"
            }
            let own = rows.filter { $0.integer(2) == meter }
            for row in own.sorted(by: { $0.integer(1) < $1.integer(1) }) {
                let place = KeyPlace(meter: meter, key: row.text(0))
                if let found = ended[place], named.contains(found) { continue }
                ended[place] = row.integer(1)
            }
        }
        return ended
    }

    /// Who these keys belong to: by public key the newest owner on other meters and servers, and by
    /// name the one client who has it.
    func owners(of keys: [FoundKey]) throws -> [String: KeyOwner] {
        var owners = try ownersByKey(keys)
        let names = Set(keys.filter { $0.identity != nil && !$0.isUniversal }.map(\.owner))
        let rows = try session.query(in: names.sorted().map { .text($0) }) {
            "SELECT name, id, access FROM clients WHERE name IN (\($0)) AND deleted_at = 0"
        }
        for (name, rows) in Dictionary(grouping: rows, by: { $0.text(0) }) where rows.count == 1 {
            owners[FoundKey.clientPrefix + name] = KeyOwner(
                client: rows[0].integer(1), access: rows[0].flag(2) ? .shut : .open)
        }
        return owners
    }

    private func ownersByKey(_ keys: [FoundKey]) throws -> [String: KeyOwner] {
        let texts = Set(keys.filter(\.isUniversal).map(\.wire.key)).map { SQLValue.text($0) }
        let rows = try session.query(in: texts) {
            """
            SELECT c.key, c.client, k.access, k.deleted_at FROM credentials c \
            JOIN clients k ON k.id = c.client JOIN meters m ON m.id = c.meter \
            WHERE c.key IN (\($0)) AND c.retired_at = 0 \
            AND (m.name LIKE 'wireguard/%' OR m.name LIKE 'amneziawg/%') ORDER BY c.id
            """
        }
        return Dictionary(
            rows.map { row in
                let shut: Access = row.flag(2) ? .shut : .open
                return (
                    row.text(0),
                    KeyOwner(client: row.integer(1), access: row.flag(3) ? .deleted : shut)
                )
            }, uniquingKeysWith: { _, newer in newer })
    }
}
