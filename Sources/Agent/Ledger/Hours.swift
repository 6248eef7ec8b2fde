import Accounting

/// An hour by the host's wall clock, as far as something was counted in it.
struct Hour: Hashable {
    var id: Int64
    var stretch: Stretch
}

extension Ledger {
    /// How long totals at the end of each hour are kept, in nanoseconds.
    static let hoursKept: UInt64 = 72 * 3_600_000_000_000
    /// Most hours that are kept, however often the host starts or its clock steps.
    static let mostHours = 100

    /// Goes on with the hour of `instant`. Where that is another one, what the accounts had come
    /// to in the last is written down.
    func openHour(at instant: Instant, in hours: inout [Hour]) throws(LedgerError) {
        if let current = hours.last, current.holds(instant) {
            hours[hours.count - 1].stretch.last = instant
            try updateEnd(of: hours[hours.count - 1])
            return
        }
        try closeHour(in: &hours)
        try pruneHours(before: instant, in: &hours)
        let stretch = Stretch(first: instant, last: instant)
        let id = try database.run(
            "INSERT INTO hour (\(Stretch.columns)) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            stretch.values)
        hours.append(Hour(id: id, stretch: stretch))
    }

    /// Writes down the totals of the accounts that changed in the hour that ends. One that only a
    /// step of the clock or a new boot parted from the hour before goes into that.
    private func closeHour(in hours: inout [Hour]) throws(LedgerError) {
        guard let ended = hours.last else { return }
        var target = ended
        if hours.count > 1, hours[hours.count - 2].isSameHour(as: ended) {
            hours.removeLast()
            hours[hours.count - 1].stretch.last = ended.stretch.last
            target = hours[hours.count - 1]
            try updateEnd(of: target)
        }
        try database.run(
            """
            INSERT INTO hour_total (hour, account, uplink, downlink)
            SELECT ?1, account, uplink, downlink FROM total WHERE hour = ?2
            ON CONFLICT (hour, account) DO UPDATE SET
                uplink = excluded.uplink, downlink = excluded.downlink
            """,
            [.integer(target.id), .integer(ended.id)])
        if target.id != ended.id {
            try database.run("DELETE FROM hour WHERE id = ?1", [.integer(ended.id)])
        }
    }

    private func updateEnd(of hour: Hour) throws(LedgerError) {
        try database.run(
            "UPDATE hour SET last_boot = ?1, last_wall = ?2, last_boottime = ?3 WHERE id = ?4",
            hour.stretch.last.values + [.integer(hour.id)])
    }

    /// Forgets hours that are too long ago by the boot clock, or too many.
    private func pruneHours(
        before now: Instant, in hours: inout [Hour]
    ) throws(LedgerError) {
        let old = hours.lastIndex { hour in
            let last = hour.stretch.last
            return last.boot == now.boot && last.boottime + Self.hoursKept < now.boottime
        }
        let count = max(old.map { $0 + 1 } ?? 0, hours.count - Self.mostHours + 1)
        guard count > 0 else { return }
        let newest = Value.integer(hours[count - 1].id)
        try database.run("DELETE FROM hour_total WHERE hour <= ?1", [newest])
        try database.run("DELETE FROM hour WHERE id <= ?1", [newest])
        hours.removeFirst(count)
    }
}

extension Hour {
    fileprivate func holds(_ instant: Instant) -> Bool {
        stretch.last.boot == instant.boot
            && Timeline.unit(of: stretch.first.wall, .hour)
                == Timeline.unit(of: instant.wall, .hour)
    }

    /// Whether all of this and of `later` lies in one hour, seen from the end of `later`.
    fileprivate func isSameHour(as later: Hour) -> Bool {
        let timeline = Timeline(from: later.stretch.last)
        let ends = [
            stretch.first, stretch.last, later.stretch.first, later.stretch.last,
        ]
        return Set(ends.map { Timeline.unit(of: timeline.wall(of: $0), .hour) }).count == 1
    }
}
