internal import CFiles
internal import Glibc

/// Gives a new file the owner, mode, access lists and labels of the one that it replaces.
enum Attributes {
    /// Attributes that the kernel makes by itself from a file's content.
    private static let made: Set<String> = ["security.ima", "security.evm"]

    /// Throws `refused` where one of them cannot be given.
    static func copy(
        from old: Int32, _ status: stat, to new: Int32, doing: String
    ) throws(FileError) {
        var now = stat()
        guard fstat(new, &now) == 0 else { throw .system(errno, doing: doing) }
        if now.st_uid != status.st_uid || now.st_gid != status.st_gid,
            fchown(new, status.st_uid, status.st_gid) != 0
        {
            throw FileError(
                .refused, doing: doing,
                reason: "its owner \(status.st_uid):\(status.st_gid) cannot be kept; give it to "
                    + "root, or add CAP_CHOWN in a drop-in")
        }
        for name in try names(old, doing: doing) where !made.contains(name) {
            try copy(name, from: old, to: new, doing: doing)
        }
        // Last: an access list changes the group's bits.
        guard fchmod(new, status.st_mode & 0o7777) == 0 else { throw .system(errno, doing: doing) }
    }

    private static func copy(
        _ name: String, from old: Int32, to new: Int32, doing: String
    ) throws(FileError) {
        guard let value = value(name, of: old), value != self.value(name, of: new) else { return }
        let result = value.withUnsafeBytes { fsetxattr(new, name, $0.baseAddress, $0.count, 0) }
        guard result == 0 else {
            throw FileError(
                .refused, doing: doing,
                reason: "its attribute \(name) cannot be kept: \(String(cString: strerror(errno)))")
        }
    }

    private static func names(_ file: Int32, doing: String) throws(FileError) -> [String] {
        let size = flistxattr(file, nil, 0)
        guard size > 0 else {
            guard size == 0 || errno == ENOTSUP else { throw .system(errno, doing: doing) }
            return []
        }
        var bytes = [CChar](repeating: 0, count: size)
        let count = flistxattr(file, &bytes, size)
        guard count >= 0 else { throw .system(errno, doing: doing) }
        return bytes[..<count].split(separator: 0).map { name in
            String(decoding: name.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }
    }

    private static func value(_ name: String, of file: Int32) -> [UInt8]? {
        let size = fgetxattr(file, name, nil, 0)
        guard size >= 0 else { return nil }
        var bytes = [UInt8](repeating: 0, count: size)
        let count = fgetxattr(file, name, &bytes, size)
        return count < 0 ? nil : Array(bytes[..<count])
    }
}
