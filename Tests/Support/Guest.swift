package import Foundation

/// The machine under QEMU whose kernel has WireGuard, which that of most machines that test lacks.
package enum Guest {
    /// Whether this process runs in the guest.
    package static let isHere = ProcessInfo.processInfo.environment["IN_TEST_GUEST"] == "1"

    /// Whether the guest was booted by systemd.
    package static let hasSystemd =
        isHere && FileManager.default.fileExists(atPath: "/run/systemd/system")

    /// Boots the guest and runs this very test program there, one test after the other.
    ///
    /// - Parameters:
    ///   - arguments: What to run: `--filter` and the like.
    ///   - programs: Programs of this package to lay beside it.
    ///   - tools: Programs of this host to put into the guest.
    ///   - first: Shell commands that run before it.
    ///   - installed: A folder laid over the files of a Debian that boots with systemd; nil for
    ///     the small guest without.
    ///   - seconds: After how long the guest is ended.
    ///   - memory: The guest's memory in megabytes.
    ///   - disk: The socket of a disk with a file system, which is mounted on /disk.
    ///   - cut: What the guest says when its power is to be cut; the status is `cut` then.
    /// - Returns: The test program's exit status, and all that was written.
    package static func test(
        _ arguments: [String], programs: [String] = [], tools: [String] = [], first: [String] = [],
        installed: String? = nil, seconds: Int, memory: Int = 1024, disk: String? = nil,
        cut: String? = nil
    ) throws -> (status: Int32, output: String) {
        let payload = try TemporaryFolder()
        let program = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        try Command.run("strip", "-o", "\(payload.path)/tests", program)
        for name in programs {
            try Command.run("strip", "-o", "\(payload.path)/\(name)", Command.built(name))
        }
        var options = tools.flatMap { ["--program", $0] }
        if let installed { options += ["--systemd", "--root", installed] }
        if let disk { options += ["--disk", disk] }
        if let cut { options += ["--cut", cut] }
        let tests = "./tests --testing-library swift-testing --no-parallel"
        let command = first + ["\(tests) \(arguments.joined(separator: " "))"]
        let job = try Job(
            [script, "run", "--seconds", "\(seconds)", "--memory", "\(memory)"] + options
                + [payload.path, command.joined(separator: " && ")])
        // The image is made first where there is none: packages are fetched for it.
        let status = job.wait(limit: Double(seconds) + 600) ?? -1
        return (status, job.output + job.errors)
    }

    /// `Tests/VM/guest`, which says what the guest is made of.
    private static let script = repository.appending(path: "Tests/VM/guest").path

    /// The clone that this was built from.
    package static let repository = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    /// The status of a guest that ended before its command did, as at a power cut.
    package static let cut: Int32 = 125

    /// A disk with a volatile write cache (`Tests/VM/disk`): a power cut loses any of what was
    /// written since the last flush.
    package final class Disk {
        private let folder: TemporaryFolder
        private var job: Job?

        /// Makes an empty ext4 file system.
        package init(megabytes: Int) throws {
            folder = try TemporaryFolder()
            try Command.run("truncate", "-s", "\(megabytes)M", image)
            try Command.run("mkfs.ext4", "-q", "-F", image)
        }

        private var image: String { "\(folder.path)/image" }

        /// Switches it on for one run of the guest, and returns where it is reached.
        package func start(seed: UInt64) throws -> String {
            let socket = "\(folder.path)/socket-\(Unique.number())"
            let script = Guest.repository.appending(path: "Tests/VM/disk").path
            job = try Job([script, socket, image, "\(seed)"])
            guard eventually({ FileManager.default.fileExists(atPath: socket) }) else {
                throw CommandFailure(
                    words: [script], status: -1, output: "", errors: job?.errors ?? "")
            }
            return socket
        }

        /// Waits until it is off, and returns what it says of that.
        package func stop() -> String {
            job?.wait(limit: 30)
            return (job?.output ?? "") + (job?.errors ?? "")
        }
    }
}
