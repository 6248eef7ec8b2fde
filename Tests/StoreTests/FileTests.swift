import Foundation
import Testing

@testable import Store

@Suite struct FileTests {
    @Test func theWriterIsDurableAndInWALMode() async throws {
        let fixture = try await Fixture()
        // A write runs on the writer; `synchronous` 2 is FULL.
        let pragmas = try await fixture.store.database.write { session in
            try ["synchronous", "foreign_keys", "application_id"].map {
                try session.first("PRAGMA \($0)", [])?.integer(0)
            }
        }
        #expect(pragmas == [2, 1, 0x544b_5052])
        let mode = try await fixture.store.database.read {
            try $0.first("PRAGMA journal_mode", [])?.text(0)
        }
        #expect(mode == "wal")
    }

    @Test func theFileAndItsFolderAreTheOwnersAlone() async throws {
        let fixture = try await Fixture()
        let manager = FileManager.default
        let folder = (fixture.path as NSString).deletingLastPathComponent
        for (path, mode) in [
            (folder, 0o700), (fixture.path, 0o600), (fixture.path + "-wal", 0o600),
            (fixture.path + "-reserve", 0o600),
        ] {
            let attributes = try manager.attributesOfItem(atPath: path)
            #expect(attributes[.posixPermissions] as? Int == mode, "\(path)")
        }
    }

    @Test func roomForAShutIsSetAsideAndTakenBackOnceSpent() throws {
        let path = NSTemporaryDirectory() + "reserve-\(UUID().uuidString)"
        defer { unlink("\(path)-reserve") }
        func held() throws -> Int {
            var status = stat()
            try #require(stat("\(path)-reserve", &status) == 0)
            // Blocks of 512 bytes: it is room, not only a size.
            #expect(status.st_blocks * 512 >= status.st_size)
            return Int(status.st_size)
        }
        let reserve = Reserve(ofStore: path, size: 1 << 20)
        reserve.fill()
        #expect(try held() == 1 << 20)
        let isThere = reserve.spend { access("\(path)-reserve", F_OK) == 0 }
        #expect(!isThere)
        #expect(try held() == 1 << 20)
        #expect(throws: StoreError.self) {
            try reserve.spend { throw StoreError(.conflict, "no") }
        }
        #expect(try held() == 1 << 20)
        Reserve(ofStore: path, size: 2 << 20).fill()
        #expect(try held() == 2 << 20)
    }

    @Test(arguments: [
        Data("this is no database, it is a letter to a friend".utf8),
        Data(repeating: 0, count: 8192),
        Data("SQLite format 3\0".utf8),
        Data("SQLite format 3\0".utf8) + Data(repeating: 0xff, count: 8000),
    ])
    func aFileThatIsNoStoreIsRefusedAndLeftAsItIs(content: Data) async throws {
        let path = NSTemporaryDirectory() + "foreign-\(UUID().uuidString).sqlite"
        defer { try? FileManager.default.removeItem(atPath: path) }
        try content.write(to: URL(filePath: path))
        let error = await #expect(throws: StoreError.self) { try await Store.open(path: path) }
        #expect(error?.code == .damaged)
        #expect(error?.description.contains(path) == true)
        #expect(try Data(contentsOf: URL(filePath: path)) == content)
        let beside = try FileManager.default.contentsOfDirectory(
            atPath: (path as NSString).deletingLastPathComponent)
        let name = (path as NSString).lastPathComponent
        #expect(beside.filter { $0.hasPrefix(name) } == [name])
    }

    @Test func aDamagedStoreIsRefusedAndLeftAsItIs() async throws {
        let (path, folder) = try await closedStore()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var content = try Data(contentsOf: URL(filePath: path))
        try #require(content.count > 8192)
        content.replaceSubrange(4096..<8192, with: Data(repeating: 0x5a, count: 4096))
        try content.write(to: URL(filePath: path))
        let error = await #expect(throws: StoreError.self) { try await Store.open(path: path) }
        #expect(error?.code == .damaged)
        #expect(try Data(contentsOf: URL(filePath: path)) == content)
    }

    @Test func aTruncatedStoreIsRefused() async throws {
        let (path, folder) = try await closedStore()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let content = try Data(contentsOf: URL(filePath: path))
        try content.prefix(content.count / 2).write(to: URL(filePath: path))
        let error = await #expect(throws: StoreError.self) { try await Store.open(path: path) }
        #expect(error?.code == .damaged)
    }

    @Test func aStoreOfANewerVersionIsRefused() async throws {
        let (path, folder) = try await closedStore()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        do {
            let database = try SQLiteDatabase.open(path: path)
            try await database.write {
                _ = try $0.execute("INSERT INTO migrations (version) VALUES (999)", [])
            }
        }
        let error = await #expect(throws: StoreError.self) { try await Store.open(path: path) }
        #expect(error?.code == .damaged)
        #expect(error?.description.contains("999") == true)
    }

    @Test func aReadThatTakesTooLongIsEndedAndTheNextIsNot() async throws {
        let fixture = try await Fixture()
        let limit = Duration.milliseconds(200)
        let database = try SQLiteDatabase.open(path: fixture.path, readLimit: limit)
        let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
        for _ in 1...6 {
            let error = await #expect(throws: StoreError.self) {
                try await database.read {
                    _ = try $0.query(endless + "SELECT COUNT(*) FROM n", [])
                }
            }
            #expect(error?.code == .unavailable && error?.reason == "read_too_long")
            let rows = try await database.read {
                try $0.query("SELECT COUNT(*) FROM servers", [])
            }
            #expect(rows.first?.integer(0) == 0)
        }
        // A write may take as long as it needs.
        let counted = try await database.write {
            try $0.query(endless + "SELECT i FROM n LIMIT 1 OFFSET 3000000", [])
        }
        #expect(counted.count == 1)
    }

    @Test func migrationsRunOnceAndOnlyForward() async throws {
        let fixture = try await Fixture()
        let second = Migration(version: 2) { _ in "CREATE TABLE extra (id BIGINT NOT NULL);" }
        let all = Migrations.all + [second]
        try await Migrations.run(all, on: fixture.store.database)
        try await Migrations.run(all, on: fixture.store.database)
        #expect(try await fixture.integers("SELECT version FROM migrations") == [[1], [2]])
    }

    @Test func aFailedMigrationLeavesNothingBehind() async throws {
        let fixture = try await Fixture()
        let broken = Migration(version: 2) { _ in
            "CREATE TABLE extra (id BIGINT NOT NULL); CREATE TABLE extra (id BIGINT);"
        }
        await #expect(throws: StoreError.self) {
            try await Migrations.run(Migrations.all + [broken], on: fixture.store.database)
        }
        #expect(try await fixture.integers("SELECT version FROM migrations") == [[1]])
        let tables = try await fixture.integer(
            "SELECT COUNT(*) FROM sqlite_master WHERE name = 'extra'")
        #expect(tables == 0)
    }

    /// A store with a row in it whose last connection has gone.
    private func closedStore() async throws -> (path: String, folder: String) {
        let folder = NSTemporaryDirectory() + "closed-\(UUID().uuidString)"
        let path = folder + "/store.sqlite"
        let store = try await Store.open(path: path)
        _ = try await store.addServer(name: "vpn1", now: 1)
        return (path, folder)
    }
}
