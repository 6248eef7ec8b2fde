import Foundation
import Glibc
import Store

/// The controller's folder: its owner's alone, and used by one controller at a time.
final class StateDirectory: Sendable {
    let path: String
    private let lock: CInt

    /// Makes the folder where it is missing and takes its lock.
    init(_ path: String) throws {
        do {
            try Store.makePrivateFolder(path)
        } catch let error as StoreError {
            throw ServeError("\(error): name another with --state-dir")
        }
        self.path = path
        let file = "\(path)/controller.lock"
        lock = open(file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard lock >= 0 else {
            throw ServeError("cannot write in \(path): \(String(cString: strerror(errno)))")
        }
        // Every property is set by now, so that a throw ends in `deinit`, which closes the lock.
        guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
            throw ServeError(
                "another controller runs on \(path): end it, or name another --state-dir")
        }
    }

    deinit {
        unlock()
        close(lock)
    }

    /// Lets another controller have the folder. Closing alone does not while a process that was
    /// started at that moment, by whoever shares this one, still has the lock's copy open.
    func unlock() {
        flock(lock, LOCK_UN)
    }

    /// The local socket's path.
    var socket: String { "\(path)/controller.sock" }

    /// The path of a file in the folder.
    func file(_ name: String) -> String { "\(path)/\(name)" }

    /// A unix socket's address holds 107 bytes.
    func checkSocketLength() throws {
        guard socket.utf8.count <= 107 else {
            throw ServeError(
                "\(socket) is longer than a socket's path may be: name a shorter --state-dir")
        }
    }

    /// Writes a file of mode 0600 whole, or not at all.
    static func write(_ text: String, to path: String) throws {
        let draft = "\(path).new"
        unlink(draft)
        let descriptor = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw ServeError("cannot write \(path): \(String(cString: strerror(errno)))")
        }
        defer { close(descriptor) }
        let bytes = Array(text.utf8)
        guard Glibc.write(descriptor, bytes, bytes.count) == bytes.count,
            fsync(descriptor) == 0, rename(draft, path) == 0
        else { throw ServeError("cannot write \(path): \(String(cString: strerror(errno)))") }
    }
}
