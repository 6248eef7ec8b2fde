import Glibc
import Netlink
import Synchronization

/// Runs an actor's work on one POSIX thread of its own.
///
/// Reading counters and writing the ledger wait in the kernel and on the disk, which Swift's pool
/// threads must not do.
final class ThreadExecutor: SerialExecutor {
    private let jobs = Mutex<[UnownedJob]>([])
    /// A pipe: a byte in it says that jobs wait.
    private let doorbell: (read: Int32, write: Int32)

    /// Starts the thread, which lives as long as the process.
    init() throws {
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0, fcntl(ends[1], F_SETFL, O_NONBLOCK) == 0 else {
            throw AgentError.system(errno, doing: "start a thread")
        }
        doorbell = (ends[0], ends[1])
        try OwnThread.detach { [self] in run() }
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let isFirst = jobs.withLock { waiting in
            waiting.append(job)
            return waiting.count == 1
        }
        // Full means that bytes enough wait already.
        if isFirst { _ = write(doorbell.write, [1], 1) }
    }

    private func run() {
        var byte: UInt8 = 0
        while true {
            guard read(doorbell.read, &byte, 1) == 1 else { continue }
            let batch = jobs.withLock { waiting in
                defer { waiting = [] }
                return waiting
            }
            for job in batch { job.runSynchronously(on: asUnownedSerialExecutor()) }
        }
    }
}
