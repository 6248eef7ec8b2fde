internal import CFiles
internal import Glibc

/// A new file, complete and on the disk, that is to change places with an old one.
struct Swap: ~Copyable {
    private let name: String
    private let stamp: FileStamp
    private let doing: String

    /// Writes `bytes` beside `old`, with its attributes.
    static func write(
        _ bytes: [UInt8], for old: HeldFile, in place: borrowing RealPlace, doing: String
    ) throws(FileError) -> Swap {
        let folder = place.folder.number
        let unfinished = SwapName.unfinished(of: place.name)
        let flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW
        let file = try Descriptor.open(unfinished, in: folder, flags, mode: 0o600, doing: doing)
        do throws(FileError) {
            try Attributes.copy(
                from: old.descriptor.number, old.status, to: file.number, doing: doing)
            try file.write(bytes, doing: doing)
            let stamp = FileStamp(try file.status(doing: doing))
            let name = SwapName(new: stamp, old: old.stamp).text(of: place.name)
            guard renameat(folder, unfinished, folder, name) == 0 else {
                throw .system(errno, doing: doing)
            }
            return Swap(name: name, stamp: stamp, doing: doing)
        } catch {
            unlinkat(folder, unfinished, 0)
            throw error
        }
    }

    /// Puts the new file in the old one's place; false where somebody else was quicker, whose file
    /// is in its place again.
    func replace(
        _ old: HeldFile, in place: borrowing RealPlace, _ pauses: FileEditor.Pauses
    ) throws(FileError) -> Bool {
        let folder = place.folder.number
        guard try isThere(place.name, old.stamp, folder), try old.isUntouched(doing: doing) else {
            unlinkat(folder, name, 0)
            return false
        }
        pauses.beforeExchange()
        guard try exchange(place, pauses) else { return true }
        pauses.afterExchange()
        if try isThere(name, old.stamp, folder), try old.isUntouched(doing: doing) {
            fsync(folder)
            unlinkat(folder, name, 0)
            fsync(folder)
            return true
        }
        pauses.beforePuttingBack()
        try putBack(place)
        return false
    }

    /// Exchanges the two; false where that is not to be had here and the old one was replaced.
    private func exchange(
        _ place: borrowing RealPlace, _ pauses: FileEditor.Pauses
    ) throws(FileError) -> Bool {
        let folder = place.folder.number
        if !pauses.lacksExchange {
            if tk_renameat2(folder, name, place.name, UInt32(TK_RENAME_EXCHANGE)) == 0 {
                return true
            }
            guard errno == EINVAL || errno == ENOSYS else { try giveUp(errno, folder) }
        }
        guard renameat(folder, name, folder, place.name) == 0 else { try giveUp(errno, folder) }
        fsync(folder)
        return false
    }

    private func giveUp(_ number: Int32, _ folder: Int32) throws(FileError) -> Never {
        unlinkat(folder, name, 0)
        throw .system(number, doing: doing)
    }

    /// Exchanges the two again. Where even now somebody else was quicker, the newest of the three
    /// files stays in place and the one before it is kept beside it: nothing is lost, and told.
    private func putBack(_ place: borrowing RealPlace) throws(FileError) {
        let folder = place.folder.number
        guard tk_renameat2(folder, name, place.name, UInt32(TK_RENAME_EXCHANGE)) == 0 else {
            try Leftovers(place, doing: doing).save(name)
        }
        if try isThere(name, stamp, folder) {
            fsync(folder)
            unlinkat(folder, name, 0)
            return
        }
        // Where this fails, the newest is the one that is kept beside it.
        _ = tk_renameat2(folder, name, place.name, UInt32(TK_RENAME_EXCHANGE))
        try Leftovers(place, doing: doing).save(name)
    }

    private func isThere(
        _ name: String, _ stamp: FileStamp, _ folder: Int32
    ) throws(FileError) -> Bool {
        var status = stat()
        guard fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else {
            guard errno == ENOENT else { throw .system(errno, doing: doing) }
            return false
        }
        return FileStamp(status) == stamp
    }
}
