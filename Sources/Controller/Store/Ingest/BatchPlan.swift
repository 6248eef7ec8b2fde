import AgentProtocol
import SwiftProtobuf

/// What one batch changes: pure arithmetic over what is held. Nothing here touches the store.
struct BatchPlan {
    /// Bytes gained by one credential in one hour, for the client as it was.
    struct Hour: Hashable {
        let credential: Int64
        /// When it begins, seconds since 1970.
        let hour: Int64
        let client: Int64
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

        struct Bytes: Hashable {
            var uplink: Int64 = 0
            var downlink: Int64 = 0
        }

        /// Adds to one of them; what no longer fits stays at the most that does.
        mutating func add(_ gained: (uplink: Int64, downlink: Int64), isObserved: Bool) {
            var bytes = isObserved ? observed : charged
            bytes.uplink = bytes.uplink.addingClamped(gained.uplink)
            bytes.downlink = bytes.downlink.addingClamped(gained.downlink)
            if isObserved { observed = bytes } else { charged = bytes }
        }
    }

    /// One of the counters behind a credential.
    struct Counter: Hashable {
        let credential: Int64
        let part: String
    }

    /// What such a counter showed; the incarnation is an index into the batch's.
    struct Raw: Hashable {
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

    private(set) var totals: [Int64: HeldTotals]
    private(set) var changed: Set<Int64> = []
    private(set) var hours: [Hour: (uplink: Int64, downlink: Int64)] = [:]
    private(set) var meterHours: [MeterHour: MeterGain] = [:]
    private(set) var raws: [Counter: Raw] = [:]
    private(set) var quarantined: [Quarantined] = []
    /// Where the buckets lie.
    private(set) var times: BucketTimes

    /// Plans a batch over the totals held of this server's credentials; no bucket lies before
    /// `earliest`, or, where that is nil, before the last one that was booked.
    init(
        _ batch: DecodedBatch, rows: [BatchRow]?, held: [Int64: HeldTotals], times: BucketTimes,
        earliest: Int64?, hours grid: HourGrid
    ) {
        totals = held
        self.times = times
        let ends = batch.batch.buckets.map { bucket in
            let end = self.times.end(bucket.last, notBefore: earliest)
            return (moment: end, hour: grid.hour(of: end))
        }
        guard let rows else {
            quarantined = [Quarantined(row: -1, reason: .columns, bytes: batch.bytes)]
            return
        }
        for (index, row) in rows.enumerated() {
            do throws(RowFault) {
                try book(row, of: batch.batch, ends: ends)
            } catch {
                let single = batch.batch.rows.single(index, row)
                let bytes: [UInt8] = (try? single.serializedBytes()) ?? []
                quarantined.append(Quarantined(row: index, reason: error, bytes: bytes))
            }
        }
    }

    private mutating func book(
        _ row: BatchRow, of batch: WireBatch, ends: [(moment: Int64, hour: Int64)]
    ) throws(RowFault) {
        guard let id = Int64(exactly: row.credential), var held = totals[id] else {
            throw .credential
        }
        guard row.bucket < ends.count else { throw .bucket }
        let counters = try counters(of: row, in: batch, credential: id)
        let end = ends[row.bucket]
        switch WireRowKind(rawValue: Int(row.kind)) {
        case .delta:
            add(
                try held.book(uplink: row.totalUplink, downlink: row.totalDownlink), to: &held,
                end: end)
        case .total:
            add(
                try held.raise(uplink: row.totalUplink, downlink: row.totalDownlink), to: &held,
                end: end)
        case .baseline, .uncertain:
            try held.addBaseline(uplink: row.uplink, downlink: row.downlink)
        case .held:
            try held.withhold(uplink: row.uplink, downlink: row.downlink)
        case .UNRECOGNIZED, nil:
            throw .kind
        }
        held.noteHandshake(row.lastHandshake, times.correction)
        totals[id] = held
        changed.insert(id)
        raws.merge(counters) { _, newer in newer }
    }

    private func counters(
        of row: BatchRow, in batch: WireBatch, credential: Int64
    ) throws(RowFault) -> [Counter: Raw] {
        var counters: [Counter: Raw] = [:]
        for index in row.counters {
            let incarnation = Int(batch.rows.incarnation[index])
            guard incarnation < batch.incarnations.count else { throw .incarnation }
            guard let up = Int64(exactly: batch.rows.rawUplink[index]),
                let down = Int64(exactly: batch.rows.rawDownlink[index])
            else { throw .overflow }
            counters[Counter(credential: credential, part: batch.rows.part[index])] = Raw(
                incarnation: incarnation, uplink: up, downlink: down)
        }
        return counters
    }

    private mutating func add(
        _ gained: (uplink: Int64, downlink: Int64), to totals: inout HeldTotals,
        end: (moment: Int64, hour: Int64)
    ) {
        guard gained.uplink > 0 || gained.downlink > 0 else { return }
        totals.lastTraffic = max(totals.lastTraffic, end.moment)
        let meterHour = MeterHour(meter: totals.meter, hour: end.hour)
        meterHours[meterHour, default: MeterGain()].add(gained, isObserved: totals.isObserved)
        guard !totals.isObserved else { return }
        let hour = Hour(credential: totals.credential, hour: end.hour, client: totals.client)
        // Cannot overflow: an hour's bytes are a part of a total that was checked.
        let held = hours[hour] ?? (0, 0)
        hours[hour] = (held.uplink + gained.uplink, held.downlink + gained.downlink)
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
