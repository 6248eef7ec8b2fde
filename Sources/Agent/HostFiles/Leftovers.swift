internal import CFiles
internal import Glibc

/// What a stop in the middle of an edit left beside a file.
struct Leftovers: ~Copyable {
    private let folder: Int32
    private let name: String
    private let doing: String

    /// The most entries that a folder may have: in a container anybody may make any number.
    private static let most = 100_000

    /// Looks in an open folder, which must stay open.
    init(_ place: borrowing RealPlace, doing: String) {
        folder = place.folder.number
        name = place.name
        self.doing = doing
    }

    /// Brings them to an end. A new file that never came into place goes, and so does an old one
    /// that did; if what came out is somebody else's edit, it is put back.
    func settle() throws(FileError) {
        for entry in try entries() {
            if entry == SwapName.unfinished(of: name) { unlinkat(folder, entry, 0) }
            if let swap = SwapName(entry, of: name) { try settle(entry, swap) }
        }
    }

    private func settle(_ entry: String, _ swap: SwapName) throws(FileError) {
        let left = stamp(entry)
        guard let left, left.inode != swap.new.inode, left != swap.old else {
            unlinkat(folder, entry, 0)
            return
        }
        guard stamp(name) == swap.new,
            tk_renameat2(folder, entry, name, UInt32(TK_RENAME_EXCHANGE)) == 0
        else { try save(entry) }
        fsync(folder)
        unlinkat(folder, entry, 0)
    }

    /// The names of edits that are kept beside the file.
    func saved() throws(FileError) -> [String] {
        try entries().filter { SwapName.isSaved($0, of: name) }
    }

    /// Keeps an edit of somebody else, which cannot be brought in, beside the file, and tells.
    func save(_ entry: String) throws(FileError) -> Never {
        for number in 1...10_000 {
            let kept = SwapName.saved(number, of: name)
            guard tk_renameat2(folder, entry, kept, UInt32(TK_RENAME_NOREPLACE)) != 0 else {
                fsync(folder)
                throw FileError(
                    .conflict, doing: doing,
                    reason: "others changed it twice at that instant; the older of their edits is "
                        + "kept as \(kept): bring in what is missing, and delete it")
            }
            guard errno == EEXIST else { throw .system(errno, doing: doing) }
        }
        throw .system(EEXIST, doing: doing)
    }

    private func stamp(_ entry: String) -> FileStamp? {
        var status = stat()
        return fstatat(folder, entry, &status, AT_SYMLINK_NOFOLLOW) == 0 ? FileStamp(status) : nil
    }

    private func entries() throws(FileError) -> [String] {
        do throws(FolderNames.Failure) {
            return try FolderNames.list(below: folder, most: Self.most)
        } catch {
            switch error {
            case .system(let number): throw .system(number, doing: doing)
            case .tooMany:
                throw FileError(
                    .refused, doing: doing,
                    reason: "its folder has more than \(Self.most) entries")
            }
        }
    }
}
