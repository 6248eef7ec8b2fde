import AgentProtocol

/// Turns a host's clocks into the controller's, by what both said when a push arrived.
struct ClockCorrection: Sendable {
    /// The host's clocks when it sent the push; nil where it did not say.
    let now: WireClock?
    /// The controller's clock when the push arrived.
    let receivedAt: Int64

    /// Nanoseconds that the host's wall clock is ahead; nil where it did not say, or nonsense.
    var offset: Int64? {
        guard let now else { return nil }
        let difference = now.wall.subtractingReportingOverflow(receivedAt)
        return difference.overflow ? nil : difference.partialValue
    }

    /// When a moment of the host was, at least `earliest` and at most the arrival.
    ///
    /// Within the boot of the push the boot clock counts, which cannot step; else the wall clock.
    func utc(_ moment: WireClock, notBefore earliest: Int64) -> Int64 {
        let time = isOfThisBoot(moment) ? byBootClock(moment) : byWallClock(moment.wall)
        return max(min(time, receivedAt), min(earliest, receivedAt))
    }

    /// A wall-clock moment of the host, at most the arrival.
    func byWallClock(_ wall: Int64) -> Int64 {
        let time = wall.subtractingReportingOverflow(offset ?? 0)
        guard !time.overflow else { return wall < 0 ? 0 : receivedAt }
        return min(max(time.partialValue, 0), receivedAt)
    }

    private func isOfThisBoot(_ moment: WireClock) -> Bool {
        guard let now, now.boot.count == 16 else { return false }
        return moment.boot == now.boot
    }

    private func byBootClock(_ moment: WireClock) -> Int64 {
        guard let now, now.boottime > moment.boottime else { return receivedAt }
        let age = Int64(clamping: now.boottime - moment.boottime)
        return receivedAt.subtractingReportingOverflow(age).partialValue
    }
}
