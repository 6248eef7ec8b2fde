import Accounting
import Glibc

/// What readings of a meter cost: processor time (user and system) of the thread that took them, in
/// nanoseconds. A daemon that was waited for has spent its own.
struct Effort: Hashable, Sendable {
    /// For the last reading itself, taken again where it was doubtful.
    var reading: UInt64 = 0
    /// For the difference and for the ledger's transactions.
    var booking: UInt64 = 0
    /// How many readings there were, the last one included, and what they cost together.
    var readings: UInt64 = 0
    var allReadings: UInt64 = 0
    var allBookings: UInt64 = 0

    /// Begins another reading.
    mutating func begin() {
        (reading, booking, readings) = (0, 0, readings + 1)
    }

    mutating func add(_ time: UInt64, reading isReading: Bool) {
        if isReading {
            (reading, allReadings) = (reading + time, allReadings + time)
        } else {
            (booking, allBookings) = (booking + time, allBookings + time)
        }
    }
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
    /// Reads a meter by `body`, and notes what it cost.
    func measureReading<Result>(
        of meter: MeterName, _ body: () throws -> Result
    ) rethrows -> Result {
        try measure(of: meter, reading: true, body)
    }

    /// Books something of a meter by `body`, and notes what it cost.
    func measureBooking<Result>(
        of meter: MeterName, _ body: () throws -> Result
    ) rethrows -> Result {
        try measure(of: meter, reading: false, body)
    }

    private func measure<Result>(
        of meter: MeterName, reading: Bool, _ body: () throws -> Result
    ) rethrows -> Result {
        let start = ProcessorTime.ofThread
        defer {
            efforts[meter, default: Effort()].add(ProcessorTime.ofThread - start, reading: reading)
        }
        return try body()
    }
}
