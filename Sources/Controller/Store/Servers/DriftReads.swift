import Accounting

/// What one meter's credentials gained in one hour, beside what its device carried.
package struct DriftRecord: Hashable, Sendable {
    /// The hour's beginning, seconds since 1970.
    package var hour: Int64
    package var meter: String
    package var uplink: Int64 = 0
    package var downlink: Int64 = 0
    /// nil where nothing is observed beside the meter in that hour.
    package var observed: Amount?

    /// Bytes in both directions.
    package struct Amount: Hashable, Sendable {
        package var uplink: Int64
        package var downlink: Int64
    }
}

extension Store {
    /// A server's meters hour by hour, from the hour of `from` on and before `to`, both seconds since
    /// 1970; by hour, then by meter.
    package func drift(server: Int64, from: Int64, to: Int64) async throws -> [DriftRecord] {
        try await database.read { session in
            _ = try Self.server(server, session)
            let rows = try session.query(
                """
                SELECT h.hour, m.name, h.uplink, h.downlink, h.observed_uplink, h.observed_downlink \
                FROM meters m JOIN meter_hours h ON h.meter = m.id \
                WHERE m.server = $1 AND h.hour >= $2 AND h.hour < $3
                """,
                [
                    .integer(server), .integer(hours.hour(of: from * 1_000_000_000)),
                    .integer(to),
                ])
            return Self.beside(rows)
        }
    }

    /// Puts what devices carried beside what was charged of their peers.
    private static func beside(_ rows: [Row]) -> [DriftRecord] {
        struct Place: Hashable {
            let hour: Int64
            let device: String
        }
        var carried: [Place: DriftRecord.Amount] = [:]
        for row in rows {
            guard let name = MeterName(row.text(1)), name.kind == .interface else { continue }
            carried[Place(hour: row.integer(0), device: name.whereabouts)] =
                DriftRecord.Amount(uplink: row.integer(4), downlink: row.integer(5))
        }
        var records: [DriftRecord] = []
        var told = Set<Place>()
        for row in rows {
            guard let name = MeterName(row.text(1)), !name.isObserved else { continue }
            guard name.hasPeers else {
                records.append(
                    DriftRecord(
                        hour: row.integer(0), meter: row.text(1), uplink: row.integer(2),
                        downlink: row.integer(3)))
                continue
            }
            let place = Place(hour: row.integer(0), device: name.whereabouts)
            told.insert(place)
            records.append(
                DriftRecord(
                    hour: row.integer(0), meter: row.text(1), uplink: row.integer(2),
                    downlink: row.integer(3), observed: carried[place]))
        }
        // A device that carried something of which nothing was charged.
        for (place, amount) in carried where !told.contains(place) {
            records.append(
                DriftRecord(
                    hour: place.hour, meter: "interface/\(place.device)", observed: amount))
        }
        return records.sorted { ($0.hour, $0.meter) < ($1.hour, $1.meter) }
    }
}

extension MeterName {
    /// Whether it counts the peers of the network device that it is named after, so that they can be
    /// compared with what that device carried.
    fileprivate var hasPeers: Bool { kind == .wireguard || kind == .amneziawg }
}
