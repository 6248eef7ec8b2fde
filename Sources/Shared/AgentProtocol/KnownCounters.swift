package import Accounting

extension Predecessor {
    /// Adds a page of what the controller knows. What this version cannot read is left out: its
    /// counters' first values are baselines then.
    package mutating func add(_ page: WireKnownCounters) {
        if page.hasLastReading { lastReading = page.lastReading.instant }
        meters += page.meters.compactMap { MeterName($0) }.filter { !meters.contains($0) }
        counters += page.counters.compactMap(Known.init)
    }
}

extension Predecessor.Known {
    /// Reads a counter; nil where its names are none or its value is beyond what SQL can hold.
    package init?(_ wire: WireKnownCounter) {
        guard let meter = MeterName(wire.meter), let key = Key(wire.key, of: meter.kind),
            wire.credential > 0, Int64(exactly: wire.credential) != nil,
            Int64(exactly: wire.uplink) != nil, Int64(exactly: wire.downlink) != nil
        else { return nil }
        self.init(
            credential: wire.credential, meter: meter, id: CounterID(key: key, part: wire.part),
            incarnation: Incarnation(token: wire.incarnation),
            value: Traffic(uplink: wire.uplink, downlink: wire.downlink))
    }
}
