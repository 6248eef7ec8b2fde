import Glibc
import Netlink
import Synchronization

/// Runs an actor's work on one POSIX thread of its own.
///
/// Reading counters and writing the ledger wait in the kernel and on the disk, which Swift's pool
/// threads must not do.
final class ThreadExecutor: SerialExecutor {
    private let jobs = Mutex<[UnownedJob]>([])
    /// Counts the jobs that the thread has not fetched yet.
    private let doorbell: Int32

    /// Starts the thread, which lives as long as the process.
    init() throws {
        doorbell = eventfd(0, Int32(EFD_CLOEXEC))
        guard doorbell >= 0 else { throw AgentError.system(errno, doing: "start a thread") }
        try OwnThread.detach { [self] in run() }
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        jobs.withLock { $0.append(job) }
        eventfd_write(doorbell, 1)
    }

    private func run() {
        var count: eventfd_t = 0
        while true {
            guard eventfd_read(doorbell, &count) == 0 else { continue }
            let batch = jobs.withLock { waiting in
                defer { waiting = [] }
                return waiting
            }
            for job in batch { job.runSynchronously(on: asUnownedSerialExecutor()) }
        }
    }
}
