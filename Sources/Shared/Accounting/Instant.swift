/// The kernel's random id of one boot (`/proc/sys/kernel/random/boot_id`).
public struct BootID: Hashable, Sendable, CustomStringConvertible {
    /// The id as 32 lower-case hexadecimal digits.
    public let description: String

    /// Reads the id with or without hyphens; nil unless it is 32 hexadecimal digits.
    public init?(_ text: some StringProtocol) {
        let digits = text.lowercased().filter { $0 != "-" && $0 != "\n" }
        guard digits.utf8.count == 32, Hexadecimal.decode(digits) != nil else { return nil }
        description = digits
    }
}

/// A moment on one host, on both of its clocks, uncorrected.
public struct Instant: Hashable, Sendable {
    /// Nanoseconds since 1970 by the host's wall clock, which may be wrong or step.
    public var wall: Int64
    /// Which boot `boottime` belongs to.
    public var boot: BootID
    /// Nanoseconds since that boot, sleep included (`CLOCK_BOOTTIME`); never goes back.
    public var boottime: UInt64

    /// Makes a moment from both clocks.
    public init(wall: Int64, boot: BootID, boottime: UInt64) {
        self.wall = wall
        self.boot = boot
        self.boottime = boottime
    }
}
