/// One numbered step of the schema. Steps only ever go forward and never change once landed.
struct Migration: Sendable {
    /// From 1, without gaps.
    let version: Int64
    /// The table definitions, in the words of an engine.
    let script: @Sendable (Dialect) -> String
}

/// The schema's steps.
enum Migrations {
    static let all = [Migration(version: 1, script: Schema1.script)]

    /// Brings a store up to the newest version, in one transaction; a newer store is refused.
    static func run(_ migrations: [Migration] = all, on database: any Database) async throws {
        let dialect = database.dialect
        try await database.write { session in
            try session.script(
                "CREATE TABLE IF NOT EXISTS migrations (version BIGINT NOT NULL PRIMARY KEY)")
            let held =
                try session.first("SELECT COALESCE(MAX(version), 0) FROM migrations", [])?
                .integer(0) ?? 0
            let newest = migrations.last?.version ?? 0
            guard held <= newest else {
                throw StoreError(
                    .damaged,
                    """
                    the store is of version \(held) and this program knows up to \(newest): \
                    run the newer program that wrote it; nothing was changed
                    """)
            }
            for migration in migrations where migration.version > held {
                try session.script(migration.script(dialect))
                try session.execute(
                    "INSERT INTO migrations (version) VALUES ($1)", [.integer(migration.version)])
            }
        }
    }
}
