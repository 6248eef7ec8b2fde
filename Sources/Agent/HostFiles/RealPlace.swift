internal import CFiles
internal import Glibc

/// The folder that a file really is in, and its name there, symbolic links followed.
///
/// Links are followed one by one within the root, at most as many as the kernel would, so that an
/// absolute link in a container leads nowhere else. The folder stays open: whatever is renamed on
/// the way, all further steps are made in it.
struct RealPlace: ~Copyable {
    let folder: Descriptor
    let name: String

    static let mostLinks = 40

    static func find(_ place: FileLocation, doing: String) throws(FileError) -> RealPlace {
        var walk = try Walk(place, doing: doing)
        return try walk.finish()
    }
}

private struct Walk {
    /// The folders on the way; none before the root is ever left.
    private var folders: [FolderHandle]
    private var rest: [Substring]
    private var links = 0
    private let doing: String

    private final class FolderHandle {
        let descriptor: Descriptor
        init(_ descriptor: consuming Descriptor) { self.descriptor = descriptor }
    }

    init(_ place: FileLocation, doing: String) throws(FileError) {
        self.doing = doing
        folders = [FolderHandle(try Self.open(place.root, doing: doing))]
        rest = Self.parts(place.path)
    }

    /// Opens a root; `ENOENT` where whose root it was has ended.
    private static func open(_ root: FileRoot?, doing: String) throws(FileError) -> Descriptor {
        do throws(FileError) {
            return try .open(root?.path ?? "/", O_RDONLY | O_DIRECTORY, doing: doing)
        } catch {
            throw error.code == .system(ESRCH) ? .system(ENOENT, doing: doing) : error
        }
    }

    private static func parts(_ path: some StringProtocol) -> [Substring] {
        Substring(path).split(separator: "/").filter { $0 != "." }.reversed()
    }

    private var here: Int32 { folders.last?.descriptor.number ?? -1 }

    mutating func finish() throws(FileError) -> RealPlace {
        while let part = rest.popLast() {
            let name = String(part)
            if name == ".." {
                if folders.count > 1 { folders.removeLast() }
            } else if let link = try link(name) {
                links += 1
                guard links <= RealPlace.mostLinks else { throw .system(ELOOP, doing: doing) }
                if link.hasPrefix("/") { folders = Array(folders.prefix(1)) }
                rest += Self.parts(link)
            } else if rest.isEmpty {
                let folder = try Descriptor.open(
                    ".", in: here, O_RDONLY | O_DIRECTORY, doing: doing)
                return RealPlace(folder: folder, name: name)
            } else {
                let flags = Int32(TK_O_PATH) | O_DIRECTORY | O_NOFOLLOW
                let next = try Descriptor.open(name, in: here, flags, doing: doing)
                folders.append(FolderHandle(next))
            }
        }
        throw .system(EISDIR, doing: doing)
    }

    /// Where a symbolic link leads; nil for what is none.
    private func link(_ name: String) throws(FileError) -> String? {
        var text = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlinkat(here, name, &text, text.count)
        guard count < 0 else {
            let bytes = text[..<count].map { UInt8(bitPattern: $0) }
            return String(decoding: bytes, as: UTF8.self)
        }
        guard errno == EINVAL || errno == ENOENT && rest.isEmpty else {
            throw .system(errno, doing: doing)
        }
        return nil
    }
}
