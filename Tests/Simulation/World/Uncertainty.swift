import Accounting

extension World {
    /// What nobody is charged for because it was there before is told, to the byte.
    func checkBaseline(
        of key: String, _ booked: BookedSums, on host: TrueHost, isFinal: Bool
    ) throws {
        let known = host.baselines.first { "\($0.key)" == key }?.value ?? .zero
        guard known.isAtLeast(booked.baseline), !isFinal || known == booked.baseline else {
            // A controller from an old backup may lack the oldest of what is in no total, and
            // where a clock was wrong nobody can tell a baseline from a gain.
            if hasRestoredController && known.isAtLeast(booked.baseline) { return }
            if host.slack.contains(where: { "\($0.key)" == key }) { return }
            let doubted = host.doubts.first { "\($0.key)" == key }?.key
            if let doubted, host.mayBe(known, beyond: booked.baseline, of: doubted) { return }
            throw Violation(
                "\(host.name): \(key) has a baseline of \(known), and is told to have one of "
                    + "\(booked.baseline)")
        }
    }

    /// What a key is charged too little because nothing proved it is held and told, wherever the
    /// kernel's link shows that something is missing: more than passes while it is read.
    func checkHeld(
        of key: Key, _ booked: BookedSums, _ charge: Traffic, on host: TrueHost
    ) throws {
        guard !host.isUnwatched(key), !hasRestoredController else { return }
        let told = booked.total.adding(booked.held) ?? booked.total
        let most = told.adding(host.unseen[key, default: .zero]) ?? told
        guard most.isAtLeast(charge) else {
            throw Violation(
                "\(host.name): \(key) used \(charge), is charged \(booked.total), and only "
                    + "\(booked.held) is told to be held")
        }
    }
}

extension TrueHost {
    /// Whether `sum` is `charge`, but for what nobody saw.
    func mayBe(_ sum: Traffic, beyond charge: Traffic, of key: Key) -> Bool {
        doubts[key, default: []].contains { charge.adding($0) == sum }
    }

    /// What clients' counters had counted before, by key.
    var baselines: [Key: Traffic] {
        var baselines = settledBaselines
        for counter in history where counter.recorded != nil && !counter.isBaseBooked {
            let sum = baselines[counter.key, default: .zero].adding(counter.base)
            baselines[counter.key] = sum
        }
        return baselines
    }

    /// Whether some of a key's counters leave no trace of a restart that overtook them.
    func isUnwatched(_ key: Key) -> Bool {
        devices.contains { $0.kind != .kernel && $0.configuration[key] != nil }
    }
}
