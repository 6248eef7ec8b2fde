import AgentProtocol

/// Places a server's buckets in the controller's time: none before the last that was applied, none
/// after the arrival (A11).
struct BucketTimes: Sendable {
    let correction: ClockCorrection
    /// The end of the newest bucket so far, by the controller's clock.
    private(set) var last: Int64
    /// The latest end that was handed out; 0 for none.
    private(set) var newest: Int64 = 0
    /// The newest bucket's end by the host's own clocks; nil where nothing was ever read.
    private(set) var reading: WireClock?

    init(correction: ClockCorrection, last: Int64, reading: WireClock? = nil) {
        (self.correction, self.last, self.reading) = (correction, last, reading)
    }

    /// When a bucket that ended at `moment` ended; `earliest` stands in for the last one's end.
    ///
    /// A clock that claims to be ahead of the arrival holds back no later bucket.
    mutating func end(_ moment: WireClock, notBefore earliest: Int64? = nil) -> Int64 {
        let end = correction.utc(moment, notBefore: earliest ?? last)
        if end >= last { reading = moment }
        newest = max(newest, end)
        if correction.isBelievable(moment) { last = max(last, end) }
        return end
    }
}

extension WireClock {
    /// A moment as the store keeps it, in three columns; nil where the boot id is empty.
    init?(_ row: Row, at column: Int) {
        guard !row.bytes(column + 1).isEmpty else { return nil }
        self.init()
        wall = row.integer(column)
        boot = .init(row.bytes(column + 1))
        boottime = UInt64(clamping: row.integer(column + 2))
    }
}
