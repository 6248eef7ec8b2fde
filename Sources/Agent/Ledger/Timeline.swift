import Accounting

/// When moments were, seen from a later one of the same host.
///
/// Within a boot the boot clock tells, which cannot step; of another boot only the wall clock is
/// left.
struct Timeline {
    /// Stretches of time that begin at whole multiples of their length since 1970, UTC.
    enum Unit: Int64, CaseIterable {
        case minute = 60
        case tenMinutes = 600
        case hour = 3_600
        case day = 86_400
    }

    /// The newest moment known of each boot.
    private var anchors: [BootID: Instant] = [:]

    /// Makes a timeline that is seen from `now`.
    init(from now: Instant) {
        anchors[now.boot] = now
    }

    /// Takes `instant` for the newest of its boot, unless a newer one is known.
    mutating func anchor(_ instant: Instant) {
        if let known = anchors[instant.boot], known.boottime >= instant.boottime { return }
        anchors[instant.boot] = instant
    }

    /// When `instant` was by the wall clock as it was last known in that boot.
    func wall(of instant: Instant) -> Int64 {
        guard let anchor = anchors[instant.boot] else { return instant.wall }
        let passed = Int64(clamping: anchor.boottime) - Int64(clamping: instant.boottime)
        let wall = anchor.wall.subtractingReportingOverflow(passed)
        return wall.overflow ? instant.wall : wall.partialValue
    }

    /// Which of the units since 1970 a time in nanoseconds falls into.
    static func unit(of wall: Int64, _ unit: Unit) -> Int64 {
        let length = unit.rawValue * 1_000_000_000
        return wall >= 0 ? wall / length : (wall + 1) / length - 1
    }
}
