import Foundation

/// A file system in memory that is soon full, mounted on a folder.
package final class SmallDisk {
    private let folder: String
    private var filler: String { "\(folder)/filler" }

    /// Mounts it on `folder`, which is made where there is none, with mode 0700.
    package init(on folder: String, kilobytes: Int) throws {
        self.folder = folder
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
