import CSQLite
import Foundation

/// SQLite's extended result codes, which Swift does not import.
private enum Failed {
    static let read = SQLITE_IOERR | 1 << 8
    static let write = SQLITE_IOERR | 3 << 8
    static let fsync = SQLITE_IOERR | 4 << 8
    static let truncate = SQLITE_IOERR | 6 << 8
    static let delete = SQLITE_IOERR | 10 << 8
}

/// A layer between SQLite and the operating system's files: it lets a program die, or run out of
/// disk, within any single write. Both programs' databases go through it, unchanged.
enum WatchedFiles {
    /// Puts the layer under every database that is opened from now on.
    static let isInstalled: Bool = install()

    private static func install() -> Bool {
        guard let original = sqlite3_vfs_find(nil) else { return false }
        let layer = UnsafeMutablePointer<sqlite3_vfs>.allocate(capacity: 1)
        layer.initialize(to: original.pointee)
        layer.pointee.zName = UnsafePointer(strdup("watched"))
        layer.pointee.pNext = nil
        layer.pointee.pAppData = UnsafeMutableRawPointer(original)
        layer.pointee.szOsFile = original.pointee.szOsFile + Int32(WatchedFile.offset)
        layer.pointee.xOpen = { layer, name, file, flags, outFlags in
            WatchedFile.open(layer, name, file, flags, outFlags)
        }
        layer.pointee.xDelete = { layer, name, sync in
            guard let original = WatchedFiles.original(layer), let name else { return SQLITE_IOERR }
            if let disk = WatchedDisks.disk(of: String(cString: name)),
                disk.life.step() != .done
            {
                return Failed.delete
            }
            return original.pointee.xDelete(original, name, sync)
        }
        return sqlite3_vfs_register(layer, 1) == SQLITE_OK
    }

    static func original(_ layer: UnsafeMutablePointer<sqlite3_vfs>?)
        -> UnsafeMutablePointer<sqlite3_vfs>?
    {
        layer?.pointee.pAppData?.assumingMemoryBound(to: sqlite3_vfs.self)
    }
}

/// What SQLite holds of one open file: ours first, the operating system's behind it.
struct WatchedFile {
    var base: sqlite3_file
    var disk: Unmanaged<Disk>?
    var path: UnsafeMutablePointer<CChar>?

    static let offset = (MemoryLayout<WatchedFile>.size + 15) / 16 * 16

    private static let methods = Methods()

    typealias Handle = UnsafeMutablePointer<sqlite3_file>

    static func this(_ file: Handle?) -> UnsafeMutablePointer<WatchedFile>? {
        guard let file else { return nil }
        return UnsafeMutableRawPointer(file).assumingMemoryBound(to: WatchedFile.self)
    }

    /// The operating system's file behind ours.
    static func real(_ file: Handle?) -> Handle? {
        guard let file else { return nil }
        return (UnsafeMutableRawPointer(file) + offset).assumingMemoryBound(to: sqlite3_file.self)
    }

    static func disk(_ file: Handle?) -> Disk? {
        this(file)?.pointee.disk?.takeUnretainedValue()
    }

    static func open(
        _ layer: UnsafeMutablePointer<sqlite3_vfs>?, _ name: UnsafePointer<CChar>?, _ file: Handle?,
        _ flags: Int32, _ outFlags: UnsafeMutablePointer<Int32>?
    ) -> Int32 {
        guard let original = WatchedFiles.original(layer), let file, let real = real(file),
            let this = this(file)
        else { return SQLITE_IOERR }
        this.initialize(to: WatchedFile(base: sqlite3_file(pMethods: nil), disk: nil, path: nil))
        real.pointee.pMethods = nil
        let disk = name.flatMap { WatchedDisks.disk(of: String(cString: $0)) }
        guard disk?.life.isDead != true else { return SQLITE_CANTOPEN }
        let result = original.pointee.xOpen(original, name, real, flags, outFlags)
        guard real.pointee.pMethods != nil else { return result }
        this.pointee.base.pMethods = UnsafePointer(methods.pointer)
        if let disk, let name {
            this.pointee.disk = Unmanaged.passRetained(disk)
            this.pointee.path = strdup(name)
        }
        return result
    }

    static func close(_ file: Handle?) -> Int32 {
        guard let real = real(file), let this = this(file) else { return SQLITE_IOERR }
        let result = real.pointee.pMethods.pointee.xClose(real)
        this.pointee.disk?.release()
        free(this.pointee.path)
        this.pointee.base.pMethods = nil
        return result
    }

    static func write(
        _ file: Handle?, _ bytes: UnsafeRawPointer?, _ count: Int32, _ offset: Int64
    ) -> Int32 {
        guard let real = real(file) else { return SQLITE_IOERR }
        var count = count
        var result = SQLITE_OK
        if let disk = disk(file) {
            if disk.life.isDiskFull { return SQLITE_FULL }
            switch disk.life.step() {
            case .done: break
            case .torn: (count, result) = (count / 2, Failed.write)
            case .dead: return Failed.write
            }
            if let path = this(file)?.pointee.path {
                disk.willWrite(String(cString: path), at: offset, count: Int(count))
            }
        }
        let written = real.pointee.pMethods.pointee.xWrite(real, bytes, count, offset)
        return result == SQLITE_OK ? written : result
    }

    static func sync(_ file: Handle?, _ flags: Int32) -> Int32 {
        if let disk = disk(file) {
            guard disk.life.step() == .done else { return Failed.fsync }
            if disk.losesPower, let path = this(file)?.pointee.path {
                disk.didSync(String(cString: path))
            }
        }
        // What is on /dev/shm needs no sync.
        return SQLITE_OK
    }
}

/// The table of a watched file's methods.
///
/// Unchecked: the table is written once, before anybody sees it.
private struct Methods: @unchecked Sendable {
    let pointer: UnsafeMutablePointer<sqlite3_io_methods>

    init() {
        pointer = .allocate(capacity: 1)
        var table = sqlite3_io_methods()
        table.iVersion = 2
        table.xClose = { WatchedFile.close($0) }
        table.xRead = { file, bytes, count, offset in
            guard let real = WatchedFile.real(file) else { return SQLITE_IOERR }
            if WatchedFile.disk(file)?.life.isDead == true { return Failed.read }
            return real.pointee.pMethods.pointee.xRead(real, bytes, count, offset)
        }
        table.xWrite = { WatchedFile.write($0, $1, $2, $3) }
        table.xTruncate = { file, size in
            guard let real = WatchedFile.real(file) else { return SQLITE_IOERR }
            if let disk = WatchedFile.disk(file), disk.life.step() != .done {
                return Failed.truncate
            }
            return real.pointee.pMethods.pointee.xTruncate(real, size)
        }
        table.xSync = { WatchedFile.sync($0, $1) }
        table.xFileSize = { file, size in
            guard let real = WatchedFile.real(file) else { return SQLITE_IOERR }
            return real.pointee.pMethods.pointee.xFileSize(real, size)
        }
        table.xLock = { file, level in
            guard let real = WatchedFile.real(file) else { return SQLITE_IOERR }
            return real.pointee.pMethods.pointee.xLock(real, level)
        }
        table.xUnlock = { file, level in
            guard let real = WatchedFile.real(file) else { return SQLITE_IOERR }
            return real.pointee.pMethods.pointee.xUnlock(real, level)
        }
        table.xCheckReservedLock = { file, answer in
            guard let real = WatchedFile.real(file) else { return SQLITE_IOERR }
            return real.pointee.pMethods.pointee.xCheckReservedLock(real, answer)
        }
        table.xFileControl = { file, verb, argument in
            guard let real = WatchedFile.real(file) else { return SQLITE_IOERR }
            return real.pointee.pMethods.pointee.xFileControl(real, verb, argument)
        }
        table.xSectorSize = { file in
            guard let real = WatchedFile.real(file) else { return 4096 }
            return real.pointee.pMethods.pointee.xSectorSize(real)
        }
        table.xDeviceCharacteristics = { file in
            guard let real = WatchedFile.real(file) else { return 0 }
            return real.pointee.pMethods.pointee.xDeviceCharacteristics(real)
        }
        addSharedMemory(to: &table)
        pointer.initialize(to: table)
    }

    private func addSharedMemory(to table: inout sqlite3_io_methods) {
        table.xShmMap = { file, region, size, extend, address in
            guard let real = WatchedFile.real(file) else { return SQLITE_IOERR }
            return real.pointee.pMethods.pointee.xShmMap(real, region, size, extend, address)
        }
        table.xShmLock = { file, offset, count, flags in
            guard let real = WatchedFile.real(file) else { return SQLITE_IOERR }
            return real.pointee.pMethods.pointee.xShmLock(real, offset, count, flags)
        }
        table.xShmBarrier = { file in
            guard let real = WatchedFile.real(file) else { return }
            real.pointee.pMethods.pointee.xShmBarrier(real)
        }
        table.xShmUnmap = { file, delete in
            guard let real = WatchedFile.real(file) else { return SQLITE_IOERR }
            return real.pointee.pMethods.pointee.xShmUnmap(real, delete)
        }
    }
}
