import Foundation
import Synchronization

/// A folder whose SQLite files belong to one life of a program, and end with it.
///
/// What the program leaves behind is copied for its next life, so that nothing that a dead
/// connection may still do reaches it.
final class Disk: Sendable {
    /// Bytes as they were before a write that was not synced yet.
    private struct Undo {
        var path: String
        var offset: Int64
        var old: [UInt8]
        var oldSize: Int64
    }

    let folder: String
    let life: Life
    /// Whether the machine loses its power with the program: what was not synced is lost.
    let losesPower: Bool
    private let undo = Mutex<[Undo]>([])

    init(folder: String, life: Life, losesPower: Bool) throws {
        self.folder = folder
        self.life = life
        self.losesPower = losesPower
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true,
            attributes: [.posixPermissions: 0o700])
        WatchedDisks.add(self)
    }

    deinit {
        WatchedDisks.remove(folder)
    }

    /// What stands on this disk, for a new life in another folder. Never what is kept in memory
    /// that processes share.
    func copy(to other: String, life: Life, losesPower: Bool) throws -> Disk {
        let disk = try Disk(folder: other, life: life, losesPower: losesPower)
        for name in try FileManager.default.contentsOfDirectory(atPath: folder)
        where !name.hasSuffix("-shm") {
            try FileManager.default.copyItem(
                atPath: "\(folder)/\(name)", toPath: "\(other)/\(name)")
        }
        if self.losesPower { try forget(in: other) }
        return disk
    }

    func remove() {
        try? FileManager.default.removeItem(atPath: folder)
    }

    /// Notes what a write is about to change.
    func willWrite(_ path: String, at offset: Int64, count: Int) {
        guard losesPower, let file = FileHandle(forReadingAtPath: path) else { return }
        defer { try? file.close() }
        let size = Int64((try? file.seekToEnd()) ?? 0)
        var old: [UInt8] = []
        if offset < size {
            try? file.seek(toOffset: UInt64(offset))
            old = Array((try? file.read(upToCount: count)) ?? Data())
        }
        undo.withLock {
            $0.append(Undo(path: path, offset: offset, old: old, oldSize: size))
        }
    }

    func didSync(_ path: String) {
        undo.withLock { $0.removeAll { $0.path == path } }
    }

    private func forget(in other: String) throws {
        for entry in undo.withLock({ $0 }).reversed() {
            let name = (entry.path as NSString).lastPathComponent
            guard let file = FileHandle(forUpdatingAtPath: "\(other)/\(name)") else { continue }
            defer { try? file.close() }
            try file.seek(toOffset: UInt64(entry.offset))
            try file.write(contentsOf: Data(entry.old))
            try file.truncate(atOffset: UInt64(entry.oldSize))
        }
    }
}

/// Every disk that is in use, by its folder.
enum WatchedDisks {
    private static let disks = Mutex<[String: Weak]>([:])

    private struct Weak: Sendable {
        weak let disk: Disk?
    }

    static func add(_ disk: Disk) {
        disks.withLock { $0[disk.folder] = Weak(disk: disk) }
    }

    static func remove(_ folder: String) {
        disks.withLock { $0[folder] = nil }
    }

    /// The disk that holds the file at `path`; nil where it is none of the simulation's.
    static func disk(of path: String) -> Disk? {
        guard let slash = path.lastIndex(of: "/") else { return nil }
        return disks.withLock { $0[String(path[..<slash])]?.disk }
    }
}
