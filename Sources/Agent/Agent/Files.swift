import Glibc

/// Small files that must be whole or not there at all.
enum Files {
    /// The file's bytes; nil where there is none.
    static func read(_ path: String) throws -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            if errno == ENOENT { return nil }
            throw AgentError.system(errno, doing: "read \(path)")
        }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 16_384)
        while true {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            guard count >= 0 else { throw AgentError.system(errno, doing: "read \(path)") }
            if count == 0 { return bytes }
            bytes += buffer[..<count]
        }
    }

    /// Writes a file that only its owner may read, durable and in one step.
    static func writeSecret(_ bytes: [UInt8], to path: String) throws {
        let temporary = "\(path).new"
        unlink(temporary)
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw AgentError.system(errno, doing: "write \(temporary)") }
        do {
            defer { close(descriptor) }
            var rest = bytes[...]
            while !rest.isEmpty {
                let count = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
                guard count > 0 else { throw AgentError.system(errno, doing: "write \(path)") }
                rest = rest.dropFirst(count)
            }
            guard fsync(descriptor) == 0 else {
                throw AgentError.system(errno, doing: "write \(path)")
            }
        } catch {
            unlink(temporary)
            throw error
        }
        guard rename(temporary, path) == 0 else {
            throw AgentError.system(errno, doing: "write \(path)")
        }
        syncFolder(of: path)
    }

    /// Makes a folder that only its owner may enter, unless it is there.
    static func makeFolder(_ path: String) throws {
        guard mkdir(path, 0o700) != 0 else { return }
        let number = errno
        if number == ENOENT, let slash = path.lastIndex(of: "/"), slash != path.startIndex {
            try makeFolder(String(path[..<slash]))
            guard mkdir(path, 0o700) != 0, errno != EEXIST else { return }
        }
        guard number == EEXIST else { throw AgentError.system(number, doing: "make \(path)") }
    }

    private static func syncFolder(of path: String) {
        let folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        fsync(descriptor)
        close(descriptor)
    }
}
