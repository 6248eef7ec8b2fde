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
    /// Within the boot of the push the boot clock counts, which cannot step; else the wall clock,
    /// up to where this boot began.
    func utc(_ moment: WireClock, notBefore earliest: Int64) -> Int64 {
        max(min(time(of: moment), latest(for: moment)), min(earliest, receivedAt))
    }

    /// Whether a moment lies where it can: not ahead of the arrival, nor a former boot's in this.
    func isBelievable(_ moment: WireClock) -> Bool {
        time(of: moment) <= latest(for: moment)
    }

    /// A wall-clock moment of the host, at most the arrival.
    func byWallClock(_ wall: Int64) -> Int64 {
        min(corrected(wall), receivedAt)
    }

    private func time(of moment: WireClock) -> Int64 {
        isOfThisBoot(moment) ? byBootClock(moment) : corrected(moment.wall)
    }

    /// The wall clock by the controller's; never negative.
    private func corrected(_ wall: Int64) -> Int64 {
        let time = wall.subtractingReportingOverflow(offset ?? 0)
        guard !time.overflow else { return wall < 0 ? 0 : .max }
        return max(time.partialValue, 0)
    }

    private func latest(for moment: WireClock) -> Int64 {
        guard let now, now.boot.count == 16, moment.boot.count == 16, moment.boot != now.boot else {
            return receivedAt
        }
        return max(receivedAt.subtractingClamped(now.boottime), 0)
    }

    private func isOfThisBoot(_ moment: WireClock) -> Bool {
        guard let now, now.boot.count == 16 else { return false }
        return moment.boot == now.boot
    }

    private func byBootClock(_ moment: WireClock) -> Int64 {
        guard let now, now.boottime >= moment.boottime else { return .max }
        return receivedAt.subtractingClamped(now.boottime - moment.boottime)
    }
}

extension Int64 {
    /// This less an amount, no lower than −2^63.
    fileprivate func subtractingClamped(_ amount: UInt64) -> Int64 {
        let difference = subtractingReportingOverflow(Int64(clamping: amount))
        return difference.overflow ? .min : difference.partialValue
    }
}
