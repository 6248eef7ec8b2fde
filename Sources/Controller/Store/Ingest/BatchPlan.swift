import AgentProtocol
import SwiftProtobuf

/// What one batch changes: pure arithmetic over what is held. Nothing here touches the store.
struct BatchPlan {
    /// Bytes gained in one direction and the other.
    struct Bytes: Hashable {
        var uplink: Int64 = 0
        var downlink: Int64 = 0
    }

    /// Bytes gained by one credential in one hour, for the client as it was.
    struct HourGain: Hashable {
        /// Where the credential stands among the totals.
        let place: Int
        /// When it begins, seconds since 1970.
        let hour: Int64
        var bytes: Bytes
    }

    /// Bytes gained at one meter in one hour.
    struct MeterHour: Hashable {
        let meter: Int64
        /// When it begins, seconds since 1970.
        let hour: Int64
    }

    /// What a meter's credentials gained, and beside it what was observed there.
    struct MeterGain: Hashable {
        private(set) var charged = Bytes()
        private(set) var observed = Bytes()

        /// Adds to one of them; what no longer fits stays at the most that does.
        mutating func add(_ gained: (uplink: Int64, downlink: Int64), isObserved: Bool) {
            var bytes = isObserved ? observed : charged
            bytes.uplink = bytes.uplink.addingClamped(gained.uplink)
            bytes.downlink = bytes.downlink.addingClamped(gained.downlink)
            if isObserved { observed = bytes } else { charged = bytes }
        }
    }

    /// What one of the counters behind a credential showed.
    struct Raw: Hashable {
        /// Where the credential stands among the totals.
        let place: Int
        let part: String
        /// An index into the batch's.
        let incarnation: Int
        let uplink: Int64
        let downlink: Int64
    }

    /// A row, or with index −1 the whole batch, that could not be booked.
    struct Quarantined: Hashable {
        let row: Int
        let reason: RowFault
        let bytes: [UInt8]
    }

    /// What is held once the plan is written, in the order of the credentials.
    private(set) var totals: [HeldTotals]
    /// Which of them the plan changes.
    private(set) var isChanged: [Bool]
    /// To be added up; an hour may stand there several times.
    private(set) var hours: [HourGain] = []
    private(set) var meterHours: [MeterHour: MeterGain] = [:]
    /// The last one of a counter is what it showed last.
    private(set) var raws: [Raw] = []
    private(set) var quarantined: [Quarantined] = []
    /// Where the buckets lie.
    private(set) var times: BucketTimes
    /// For each credential, where its newest gain stands among the hours; −1 for none.
    private var newestHour: [Int]
    /// The same for its newest counter among the raws.
    private var newestRaw: [Int]
    /// Where the credential of the row before stands among the totals.
    private var place = -1

    /// Plans a batch over the totals held of this server's credentials, in the order of their ids; no
    /// bucket lies before `earliest`, or, where that is nil, before the last one that was booked.
    init(
        _ batch: DecodedBatch, rows: [BatchRow]?, held: [HeldTotals], times: BucketTimes,
        earliest: Int64?, hours grid: HourGrid
    ) {
        totals = held
        isChanged = held.map { _ in false }
        newestHour = held.map { _ in -1 }
        newestRaw = newestHour
        self.times = times
        let ends = batch.batch.buckets.map { bucket in
            let end = self.times.end(bucket.last, notBefore: earliest)
            return (moment: end, hour: grid.hour(of: end))
        }
        guard let rows else {
            quarantined = [Quarantined(row: -1, reason: .columns, bytes: batch.bytes)]
            return
        }
        // Taken out once: each look at a message's part would copy all of its columns.
        let wire = batch.batch.rows
        let incarnations = batch.batch.incarnations.count
        for (index, row) in rows.enumerated() {
            do throws(RowFault) {
                try book(row, of: wire, incarnations: incarnations, ends: ends)
            } catch {
                let single = wire.single(index, row)
                let bytes: [UInt8] = (try? single.serializedBytes()) ?? []
                quarantined.append(Quarantined(row: index, reason: error, bytes: bytes))
            }
        }
    }

    private mutating func book(
        _ row: BatchRow, of wire: WireRows, incarnations: Int,
        ends: [(moment: Int64, hour: Int64)]
    ) throws(RowFault) {
        guard let id = Int64(exactly: row.credential), let place = find(id) else {
            throw .credential
        }
        guard row.bucket < ends.count else { throw .bucket }
        try Self.check(row.counters, in: wire, incarnations: incarnations)
        var held = totals[place]
        let end = ends[row.bucket]
        switch WireRowKind(rawValue: Int(row.kind)) {
        case .delta:
            add(
                try held.book(uplink: row.totalUplink, downlink: row.totalDownlink), to: &held,
                at: place, end: end)
        case .total:
            add(
                try held.raise(uplink: row.totalUplink, downlink: row.totalDownlink), to: &held,
                at: place, end: end)
        case .baseline, .uncertain:
            try held.addBaseline(uplink: row.uplink, downlink: row.downlink)
        case .held:
            try held.withhold(uplink: row.uplink, downlink: row.downlink)
        case .UNRECOGNIZED, nil:
            throw .kind
        }
        held.noteHandshake(row.lastHandshake, times.correction)
        totals[place] = held
        isChanged[place] = true
        note(row.counters, in: wire, at: place)
    }

    /// Where a credential stands among the totals: mostly behind the one before. Nil for none.
    private mutating func find(_ credential: Int64) -> Int? {
        if place + 1 < totals.count, totals[place + 1].credential == credential {
            place += 1
            return place
        }
        var (low, high) = (0, totals.count)
        while low < high {
            let middle = (low + high) / 2
            if totals[middle].credential < credential { low = middle + 1 } else { high = middle }
        }
        guard low < totals.count, totals[low].credential == credential else { return nil }
        place = low
        return low
    }

    /// Refuses counters that cannot be kept.
    private static func check(
        _ counters: Range<Int>, in wire: WireRows, incarnations: Int
    ) throws(RowFault) {
        for index in counters {
            guard Int(wire.incarnation[index]) < incarnations else { throw .incarnation }
            guard Int64(exactly: wire.rawUplink[index]) != nil,
                Int64(exactly: wire.rawDownlink[index]) != nil
            else { throw .overflow }
        }
    }

    /// Takes over what counters that were checked have shown.
    private mutating func note(_ counters: Range<Int>, in wire: WireRows, at place: Int) {
        for index in counters {
            let raw = Raw(
                place: place, part: wire.part[index],
                incarnation: Int(wire.incarnation[index]),
                uplink: Int64(clamping: wire.rawUplink[index]),
                downlink: Int64(clamping: wire.rawDownlink[index]))
            let last = newestRaw[place]
            if last >= 0, raws[last].part == raw.part {
                raws[last] = raw
            } else {
                newestRaw[place] = raws.count
                raws.append(raw)
            }
        }
    }

    private mutating func add(
        _ gained: (uplink: Int64, downlink: Int64), to totals: inout HeldTotals, at place: Int,
        end: (moment: Int64, hour: Int64)
    ) {
        guard gained.uplink > 0 || gained.downlink > 0 else { return }
        totals.lastTraffic = max(totals.lastTraffic, end.moment)
        let meterHour = MeterHour(meter: totals.meter, hour: end.hour)
        meterHours[meterHour, default: MeterGain()].add(gained, isObserved: totals.isObserved)
        guard !totals.isObserved else { return }
        let last = newestHour[place]
        if last >= 0, hours[last].hour == end.hour {
            // Cannot overflow: an hour's bytes are a part of a total that was checked.
            hours[last].bytes.uplink += gained.uplink
            hours[last].bytes.downlink += gained.downlink
        } else {
            newestHour[place] = hours.count
            hours.append(
                HourGain(
                    place: place, hour: end.hour,
                    bytes: Bytes(uplink: gained.uplink, downlink: gained.downlink)))
        }
    }
}

extension BatchPlan.Raw {
    /// Appends what is written of it.
    func append(to values: inout [Int64], credential: Int64, incarnation: Int64) {
        values.append(credential)
        values.append(incarnation)
        values.append(uplink)
        values.append(downlink)
    }
}

extension HeldTotals {
    /// Takes a handshake's time by the host's clock, in seconds; 0 and −1 say nothing.
    fileprivate mutating func noteHandshake(_ seconds: Int64, _ correction: ClockCorrection) {
        guard seconds > 0 else { return }
        let wall = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        guard !wall.overflow else { return }
        let time = correction.byWallClock(wall.partialValue) / 1_000_000_000
        lastHandshake = max(lastHandshake, time)
    }
}
