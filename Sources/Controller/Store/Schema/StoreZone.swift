import Foundation

/// The time zone that a store keeps its hours in, fixed when the store is made.
enum StoreZone {
    /// Returns the store's zone; a new store takes `wanted`, or, where that is nil, this system's.
    ///
    /// Throws a `StoreError` of code `invalid` where the store has another zone than the wanted one,
    /// and of code `damaged` for a zone that this system does not know.
    static func settle(
        _ wanted: TimeZone?, in database: any Database
    ) async throws -> HourGrid {
        try await database.write { session in
            let held = try session.first("SELECT value FROM facts WHERE name = 'zone'", [])
            guard let name = held?.text(0) else {
                let zone = wanted ?? .current
                try session.execute(
                    "INSERT INTO facts (name, value) VALUES ('zone', $1)",
                    [.text(zone.identifier)])
                return HourGrid(zone: zone)
            }
            if let wanted, wanted.identifier != name {
                throw StoreError(
                    .invalid,
                    """
                    this store keeps its hours in the time zone \(name) since it was made, and \
                    TIME_ZONE=\(wanted.identifier) cannot change that: leave TIME_ZONE out, or say \
                    \(name)
                    """)
            }
            guard let zone = TimeZone(identifier: name) else {
                throw StoreError(
                    .damaged,
                    """
                    this store keeps its hours in the time zone \(name), which this system does not \
                    know: install tzdata; nothing was changed
                    """)
            }
            return HourGrid(zone: zone)
        }
    }
}
