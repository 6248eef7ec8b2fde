import Accounting
import Glibc

/// What the last reading of a meter cost: processor time (user and system) of the thread that took
/// it, in nanoseconds. A daemon that was waited for has spent its own.
struct Effort: Hashable, Sendable {
    /// For the reading itself, taken again where it was doubtful.
    var reading: UInt64 = 0
    /// For the difference and for the ledger's transactions.
    var booking: UInt64 = 0
}

/// Processor time that was spent so far, in nanoseconds.
enum ProcessorTime {
    /// By the thread that asks.
    static var ofThread: UInt64 { read(CLOCK_THREAD_CPUTIME_ID) }
    /// By the whole process.
    static var ofProcess: UInt64 { read(CLOCK_PROCESS_CPUTIME_ID) }

    private static func read(_ clock: Int32) -> UInt64 {
        var time = timespec()
        // Fails only for a clock that the kernel does not have.
        clock_gettime(clock, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}

extension Keeper {
    /// Does `body`, and adds the processor time that it took to what the meter costs.
    func measure<Result>(
        _ part: WritableKeyPath<Effort, UInt64>, of meter: MeterName,
        _ body: () throws -> Result
    ) rethrows -> Result {
        let start = ProcessorTime.ofThread
        defer { efforts[meter, default: Effort()][keyPath: part] += ProcessorTime.ofThread - start }
        return try body()
    }
}
