import Glibc
import Synchronization

/// Room that is kept beside the store, so that a shut can be written on a full disk, too.
///
/// Whatever else fills the disk meets its end earlier. The room is given up for the length of one
/// transaction that must not wait, and what that leaves of it is taken again before any other.
final class Reserve: Sendable {
    /// Bytes that it has where the disk has plenty: a shut takes some ten pages of 4 KiB, and bringing
    /// the journal into the store up to as much as the journal has.
    static let usual = 4 << 20
    /// It takes at most one part in this many of what is free.
    private static let share = 4

    private let path: String
    private let size: Int
    /// Bytes that are held now.
    private let held: Mutex<Int>

    /// The reserve of the store at `path`, as it was left, which is to have `size` bytes.
    init(ofStore path: String, size: Int) {
        self.path = "\(path)-reserve"
        self.size = size
        var status = stat()
        held = Mutex(stat(self.path, &status) == 0 ? Int(status.st_size) : 0)
    }

    /// Takes what is missing while there is room enough; what cannot be taken now is left.
    func fill() {
        held.withLock { held in
            guard held < size, let free = free() else { return }
            let goal = min(size, (held + free) / Self.share)
            if goal > held { held = take(goal) }
        }
    }

    /// Does `body` in the reserve's room. Nobody else may write to the store meanwhile.
    func spend<Value: Sendable, Failure: Error>(
        _ body: () throws(Failure) -> Value
    ) throws(Failure) -> Value {
        try held.withLock { (held) throws(Failure) in
            unlink(path)
            defer { held = take(held) }
            return try body()
        }
    }

    /// Bytes that are free on the store's disk; nil where that cannot be told.
    private func free() -> Int? {
        var status = statvfs()
        let folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
        guard statvfs(folder.isEmpty ? "/" : folder, &status) == 0 else { return nil }
        return Int(clamping: UInt64(status.f_bavail)).multipliedReportingOverflow(
            by: Int(clamping: UInt64(status.f_frsize))
        ).partialValue
    }

    /// Lets the file grow to `goal` bytes, or as far as there is room; returns how far.
    private func take(_ goal: Int) -> Int {
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { return 0 }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { return 0 }
        var size = Int(status.st_size)
        for step in [1 << 20, 1 << 16, 1 << 12] {
            while size + step <= goal, posix_fallocate(descriptor, size, step) == 0 {
                size += step
            }
        }
        // A step that failed may have taken a part of it.
        ftruncate(descriptor, size)
        return size
    }
}
