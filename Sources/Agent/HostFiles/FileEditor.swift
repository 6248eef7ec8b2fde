internal import CFiles
internal import Glibc

/// Rewrites small files that others edit too, without ever losing what those write.
///
/// The new content is written beside the file and changes places with it in one step
/// (`renameat2`, `RENAME_EXCHANGE`). What came out is then looked at: if it is not what was read,
/// somebody else was quicker, the two change places again, and it is all done anew.
public enum FileEditor {
    /// What an edit came to.
    public enum Outcome {
        /// There is no such file.
        case absent
        /// There was nothing to change.
        case unchanged
        /// The file was replaced.
        case changed(FileEdit)
    }

    /// How often an edit is begun anew because somebody else changes the file.
    static let mostTries = 6

    /// Points at which a test lets somebody else interfere.
    struct Pauses {
        var beforeExchange: () -> Void = {}
        var afterExchange: () -> Void = {}
        var beforePuttingBack: () -> Void = {}
        /// As on a file system that cannot exchange two files.
        var lacksExchange = false
    }

    /// Replaces a file's bytes by what `change` makes of them; nil leaves it as it is. `change` is
    /// called again whenever somebody else has changed the file meanwhile.
    ///
    /// Mode, owner, access lists and labels stay. Throws `busy` where others would not leave off,
    /// `refused` where the file could not stay what it is.
    public static func edit(
        _ place: FileLocation, _ change: ([UInt8]) -> [UInt8]?
    ) throws(FileError) -> Outcome {
        try edit(place, pauses: Pauses(), change)
    }

    static func edit(
        _ place: FileLocation, pauses: Pauses, _ change: ([UInt8]) -> [UInt8]?
    ) throws(FileError) -> Outcome {
        do throws(FileError) {
            return try insist(place, pauses, change)
        } catch {
            // The host's way out is none for a container.
            guard error.code == .system(EROFS), place.root != nil else { throw error }
            throw FileError(
                error.code, doing: error.doing,
                reason: "its file system cannot be written; a restart lets in who is shut until "
                    + "the next reading")
        }
    }

    /// Tries again while others are quicker.
    private static func insist(
        _ place: FileLocation, _ pauses: Pauses, _ change: ([UInt8]) -> [UInt8]?
    ) throws(FileError) -> Outcome {
        let doing = "change \(place)"
        var latest = FileError(
            .busy, doing: doing, reason: "somebody else keeps changing it; it is tried again")
        for number in 0..<mostTries {
            if number > 0 { usleep(5_000 << UInt32(number)) }
            do throws(FileError) {
                if let outcome = try attempt(place, doing, pauses, change) { return outcome }
            } catch {
                guard error.code == .busy else { throw error }
                latest = error
            }
        }
        throw latest
    }

    /// One try; nil where somebody else was quicker.
    private static func attempt(
        _ place: FileLocation, _ doing: String, _ pauses: Pauses, _ change: ([UInt8]) -> [UInt8]?
    ) throws(FileError) -> Outcome? {
        let real: RealPlace
        do throws(FileError) {
            real = try RealPlace.find(place, doing: doing)
        } catch {
            guard error.code == .system(ENOENT) else { throw error }
            return .absent
        }
        try Leftovers(real, doing: doing).settle()
        guard let old = try HeldFile.open(real, doing: doing) else { return .absent }
        guard let bytes = change(old.bytes), bytes != old.bytes else { return .unchanged }
        let swap = try Swap.write(bytes, for: old, in: real, doing: doing)
        guard try swap.replace(old, in: real, pauses) else { return nil }
        return .changed(FileEdit(place, replacing: old, by: bytes))
    }

    /// A file's bytes; nil where there is none.
    public static func read(_ place: FileLocation) throws(FileError) -> [UInt8]? {
        let doing = "read \(place)"
        do throws(FileError) {
            let real = try RealPlace.find(place, doing: doing)
            let file = try Descriptor.openRegular(
                real.name, in: real.folder.number, doing: doing)
            return try file.contents(limit: HeldFile.largest, doing: doing)
        } catch {
            guard error.code == .system(ENOENT) else { throw error }
            return nil
        }
    }

    /// The names of files beside this one that hold edits of others which could not be brought in.
    public static func saved(beside place: FileLocation) throws(FileError) -> [String] {
        let doing = "look at what is beside \(place)"
        do throws(FileError) {
            let real = try RealPlace.find(place, doing: doing)
            return try Leftovers(real, doing: doing).saved().sorted()
        } catch {
            guard error.code == .system(ENOENT) else { throw error }
            return []
        }
    }

    /// What changes when a file does; nil where there is none.
    public static func stamp(of place: FileLocation) throws(FileError) -> FileStamp? {
        let doing = "look at \(place)"
        do throws(FileError) {
            let real = try RealPlace.find(place, doing: doing)
            var status = stat()
            guard fstatat(real.folder.number, real.name, &status, AT_SYMLINK_NOFOLLOW) == 0 else {
                throw .system(errno, doing: doing)
            }
            return FileStamp(status)
        } catch {
            guard error.code == .system(ENOENT) else { throw error }
            return nil
        }
    }
}
