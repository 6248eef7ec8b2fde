import Foundation

/// A file system in memory that is soon full, mounted on a folder within another, which it keeps for
/// as long as it is mounted.
package final class SmallDisk {
    private let parent: TemporaryFolder
    private let folder: String
    private var filler: String { "\(folder)/filler" }

    /// Mounts it on the folder `name` in `parent`, which is made where there is none, with mode 0700.
    package init(named name: String, in parent: TemporaryFolder, kilobytes: Int) throws {
        self.parent = parent
        folder = "\(parent.path)/\(name)"
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true)
        let options = "size=\(kilobytes)k,mode=700"
        try Command.run("mount", "-t", "tmpfs", "-o", options, "tollkeeper-test", folder)
    }

    deinit {
        umount2(folder, Int32(MNT_DETACH))
    }

    /// Takes all that is left, to the last byte.
    package func fill() {
        let descriptor = open(filler, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        defer { close(descriptor) }
        for size in [4096, 64, 1] {
            let bytes = [UInt8](repeating: 0x78, count: size)
            while write(descriptor, bytes, size) > 0 {}
        }
    }

    /// Gives back what `fill` took.
    package func free() {
        unlink(filler)
    }
}
