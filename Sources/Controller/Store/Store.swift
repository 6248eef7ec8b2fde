package import Foundation

/// The controller's tables: who is counted, what was booked, what is wanted.
///
/// Every method is one transaction. Times are arguments, in nanoseconds since 1970.
package struct Store: Sendable {
    let database: any Database
    let ingest: IngestQueue
    let hours: HourGrid

    /// Takes a store whose schema is up to date.
    init(database: any Database, hours: HourGrid) {
        self.database = database
        self.hours = hours
        ingest = IngestQueue(database: database, hours: hours)
    }

    /// Opens a SQLite store, or makes one with mode 0600 in a folder with mode 0700.
    ///
    /// A new store keeps its hours in `zone` for ever, or, where that is nil, in this system's.
    ///
    /// Throws a `StoreError` of code `damaged` for a file that is damaged, foreign or of a newer
    /// version, of code `invalid` for one with another zone, and leaves that file as it is.
    /// `reserve` bytes of its disk are set aside, so that a full one keeps nobody in; nil for the
    /// usual 4 MiB.
    package static func open(
        path: String, zone: TimeZone? = nil, reserve: Int? = nil
    ) async throws -> Store {
        let folder = URL(filePath: path).deletingLastPathComponent().path
        try makePrivateFolder(folder)
        let database = try SQLiteDatabase.open(path: path, reserve: reserve ?? Reserve.usual)
        try await Migrations.run(on: database)
        return Store(
            database: database, hours: try await StoreZone.settle(zone, in: database))
    }

    /// Makes a folder with mode 0700 where there is none.
    package static func makePrivateFolder(_ path: String) throws {
        guard !FileManager.default.fileExists(atPath: path) else { return }
        do {
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true,
                attributes: [.posixPermissions: 0o700])
        } catch {
            throw StoreError(.unavailable, "cannot make the folder \(path)", cause: error)
        }
    }

    /// Whether the store answers; throws why not.
    package func check() async throws {
        _ = try await database.read { try $0.first("SELECT COUNT(*) FROM migrations", []) }
    }
}
