import AgentProtocol

/// One row of a batch.
struct BatchRow: Hashable, Sendable {
    var credential: UInt64
    var bucket: Int
    var kind: UInt32
    var uplink: UInt64
    var downlink: UInt64
    var totalUplink: UInt64
    var totalDownlink: UInt64
    var lastHandshake: Int64
    /// Which of the batch's counters stand behind this row.
    var counters: Range<Int>
}

extension WireRows {
    /// The rows; nil where the columns' lengths contradict each other.
    func rows() -> [BatchRow]? {
        let count = credential.count
        let lengths = [
            bucket.count, kind.count, uplink.count, downlink.count, totalUplink.count,
            totalDownlink.count, lastHandshake.count, counters.count,
        ]
        guard lengths.allSatisfy({ $0 == count }), haveEqualCounters else { return nil }
        var rows: [BatchRow] = []
        rows.reserveCapacity(count)
        var next = 0
        for index in 0..<count {
            let end = next + Int(counters[index])
            guard end <= part.count else { return nil }
            rows.append(row(index, counters: next..<end))
            next = end
        }
        return next == part.count ? rows : nil
    }

    private var haveEqualCounters: Bool {
        let count = part.count
        return incarnation.count == count && rawUplink.count == count
            && rawDownlink.count == count
    }

    private func row(_ index: Int, counters: Range<Int>) -> BatchRow {
        BatchRow(
            credential: credential[index], bucket: Int(bucket[index]), kind: kind[index],
            uplink: uplink[index], downlink: downlink[index], totalUplink: totalUplink[index],
            totalDownlink: totalDownlink[index], lastHandshake: lastHandshake[index],
            counters: counters)
    }

    /// One row alone, as it came, to be kept for people to look at.
    func single(_ index: Int, _ row: BatchRow) -> WireRows {
        var single = WireRows()
        single.credential = [row.credential]
        single.bucket = [bucket[index]]
        single.kind = [row.kind]
        (single.uplink, single.downlink) = ([row.uplink], [row.downlink])
        (single.totalUplink, single.totalDownlink) = ([row.totalUplink], [row.totalDownlink])
        single.lastHandshake = [row.lastHandshake]
        single.counters = [counters[index]]
        single.part = Array(part[row.counters])
        single.incarnation = Array(incarnation[row.counters])
        single.rawUplink = Array(rawUplink[row.counters])
        single.rawDownlink = Array(rawDownlink[row.counters])
        return single
    }
}
