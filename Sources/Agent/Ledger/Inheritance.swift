public import Accounting

extension Ledger {
    /// Whether this ledger has begun anew and does not know yet what the controller knows of the
    /// server's counters: until it does, nothing may be booked.
    public var awaitsCounters: Bool { !hasBegun }

    /// The controller's last reading of a meter that this ledger has not read yet; nil for a
    /// meter that it has read, or that was never reported before.
    public func inheritance(of meter: MeterName) -> Inheritance? {
        guard meters[meter]?.isInherited == true else { return nil }
        return Inheritance(lastReading: lastReading)
    }

    /// Takes over what the controller knows of the server's counters, all of it together.
    ///
    /// Accounts get their credentials and baselines; each meter's first reading is to be taken as
    /// `Succession` says. Does nothing where this ledger has begun already.
    public func begin(after predecessor: Predecessor) throws(LedgerError) {
        guard awaitsCounters else { return }
        try database.transaction { () throws(LedgerError) in
            var found = Inherited()
            for meter in predecessor.meters { _ = try number(of: meter, in: &found) }
            for counter in predecessor.counters { try inherit(counter, in: &found) }
            try database.setFact("last_reading", predecessor.lastReading?.fact ?? "")
            try database.setFact("begun", "1")
        }
        (meters, incarnations, hours) = ([:], [:], [])
        try load()
    }

    private func number(
        of meter: MeterName, in found: inout Inherited
    ) throws(LedgerError) -> Int64 {
        if let number = found.meters[meter] { return number }
        let number = try database.run(
            "INSERT INTO meter (name, inherited) VALUES (?1, 1)", [.text(meter.description)])
        found.meters[meter] = number
        return number
    }

    private func inherit(
        _ counter: Predecessor.Known, in found: inout Inherited
    ) throws(LedgerError) {
        let meter = try number(of: counter.meter, in: &found)
        let owner = Inherited.Owner(meter: meter, key: counter.id.key)
        let account: Int64
        if let known = found.accounts[owner] {
            account = known
        } else {
            account = try addAccount(
                of: counter.id.key, at: meter, credential: counter.credential
            ).id
            found.accounts[owner] = account
        }
        guard !counter.incarnation.token.isEmpty, counter.value.fitsSQL else { return }
        if found.incarnations[counter.incarnation] == nil {
            found.incarnations[counter.incarnation] = try database.run(
                "INSERT INTO incarnation (token) VALUES (?1)", [.text(counter.incarnation.token)])
        }
        try database.run(
            """
            INSERT OR REPLACE INTO baseline (account, incarnation, part, uplink, downlink,
                handshake, place) VALUES (?1, ?2, ?3, ?4, ?5, -1, -1)
            """,
            [
                .integer(account), .integer(found.incarnations[counter.incarnation] ?? 0),
                .text(counter.id.part), .bytes(counter.value.uplink),
                .bytes(counter.value.downlink),
            ])
    }
}

/// When the controller's values of a meter were read.
public struct Inheritance: Hashable, Sendable {
    /// By the host's clocks; nil: the controller does not know.
    public var lastReading: Instant?
}

/// What was written down of a predecessor so far.
private struct Inherited {
    struct Owner: Hashable {
        var meter: Int64
        var key: Key
    }

    var meters: [MeterName: Int64] = [:]
    var accounts: [Owner: Int64] = [:]
    var incarnations: [Incarnation: Int64] = [:]
}

extension Instant {
    /// The instant as one text.
    var fact: String { "\(wall) \(boot) \(boottime)" }

    /// Reads an instant from a text; nil for others.
    init?(fact: String) {
        let parts = fact.split(separator: " ")
        guard parts.count == 3, let wall = Int64(parts[0]), let boot = BootID(parts[1]),
            let boottime = UInt64(parts[2])
        else { return nil }
        self.init(wall: wall, boot: boot, boottime: boottime)
    }
}
