internal import CFiles
internal import Glibc

/// The names in a folder.
package enum FolderNames {
    /// Why they could not be read.
    package enum Failure: Error, Hashable {
        /// A call failed, with its `errno`.
        case system(Int32)
        /// There are more than the caller takes.
        case tooMany
    }

    /// Lists the folder at `path`, in no order and without `.` and `..`; only names that are
    /// wanted count against `most`. Throws where there is no folder or it cannot be read.
    package static func list(
        _ path: String, most: Int = .max, where isWanted: (String) -> Bool = { _ in true }
    ) throws(Failure) -> [String] {
        guard let stream = opendir(path) else { throw .system(errno) }
        return try list(stream, most, isWanted)
    }

    /// As above, for a folder that is open and stays so.
    static func list(below folder: Int32, most: Int) throws(Failure) -> [String] {
        let number = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard number >= 0 else { throw .system(errno) }
        guard let stream = fdopendir(number) else {
            let code = errno
            close(number)
            throw .system(code)
        }
        return try list(stream, most) { _ in true }
    }

    private static func list(
        _ stream: OpaquePointer, _ most: Int, _ isWanted: (String) -> Bool
    ) throws(Failure) -> [String] {
        defer { closedir(stream) }
        var names: [String] = []
        while let name = try next(in: stream) {
            guard name != ".", name != "..", isWanted(name) else { continue }
            guard names.count < most else { throw .tooMany }
            names.append(name)
        }
        return names
    }

    private static func next(in stream: OpaquePointer) throws(Failure) -> String? {
        // Only this tells the end from a failure.
        errno = 0
        guard let entry = readdir(stream) else {
            guard errno == 0 else { throw .system(errno) }
            return nil
        }
        return name(of: entry)
    }

    /// The name in an entry, read where it stands and up to its zero byte. `d_name` must never be
    /// loaded: Swift has it as 256 bytes, and an entry that is shorter may end with its mapping.
    static func name(of entry: UnsafePointer<dirent>) -> String {
        String(cString: tk_name(entry))
    }
}
