public import Accounting
internal import FoundationEssentials
internal import Glibc

/// Both of this host's clocks, and the boot that they belong to.
public struct HostClock: Sendable {
    /// The running kernel's boot (`/proc/sys/kernel/random/boot_id`).
    public let boot: BootID
    private let read: @Sendable () -> Instant

    /// A clock of the boot `boot` that shows what `read` returns.
    public init(boot: BootID, read: @escaping @Sendable () -> Instant) {
        self.boot = boot
        self.read = read
    }

    /// Reads which boot this is; throws where `/proc` does not tell.
    public static func open() throws(MeterError) -> HostClock {
        let path = "/proc/sys/kernel/random/boot_id"
        guard let text = try? String(contentsOfFile: path, encoding: .utf8),
            let boot = BootID(text)
        else {
            throw MeterError(
                .failed, doing: "tell this boot from others",
                reason: "\(path) does not hold an id; is /proc mounted?")
        }
        return HostClock(boot: boot) {
            Instant(
                wall: Int64(nanoseconds(CLOCK_REALTIME)), boot: boot,
                boottime: UInt64(nanoseconds(CLOCK_BOOTTIME)))
        }
    }

    /// The moment it is, on both clocks.
    public func now() -> Instant {
        read()
    }

    private static func nanoseconds(_ clock: Int32) -> Int {
        var time = timespec()
        // Fails only for a clock that the kernel does not have; both are older than its oldest.
        clock_gettime(clock, &time)
        return time.tv_sec * 1_000_000_000 + time.tv_nsec
    }
}
