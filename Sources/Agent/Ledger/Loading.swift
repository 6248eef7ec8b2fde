import Accounting

extension Ledger {
    /// Reads what is kept in memory.
    func load() throws(LedgerError) {
        var names: [Int64: MeterName] = [:]
        try database.query("SELECT id, name, inherited FROM meter") { row in
            guard let name = MeterName(row.text(1)) else { return }
            names[row.integer(0)] = name
            meters[name] = MeterBook(id: row.integer(0), isInherited: row.integer(2) == 1)
        }
        var owners: [Int64: (MeterName, Key)] = [:]
        try database.query(
            """
            SELECT a.id, a.meter, a.key, a.credential, t.uplink, t.downlink
            FROM account a JOIN total t ON t.account = a.id WHERE a.current = 1
            """
        ) { row in
            guard let meter = names[row.integer(1)], let key = Key(row.text(2), of: meter.kind)
            else { return }
            let total = Traffic(uplink: row.unsigned(4), downlink: row.unsigned(5))
            owners[row.integer(0)] = (meter, key)
            meters[meter]?.accounts[key] = Account(
                id: row.integer(0), credential: row.unsigned(3), total: total)
        }
        try loadBaselines(owners)
        try loadLinks(names)
        try loadContests(names)
        try loadHours()
        chain = try Chain(database)
        hasBegun = try database.fact("begun") != nil
        lastReading = Instant(fact: try database.fact("last_reading") ?? "")
        try loadDesired()
    }

    private func loadContests(_ names: [Int64: MeterName]) throws(LedgerError) {
        try database.query("SELECT meter, falls, contested FROM contest") { row in
            guard let meter = names[row.integer(0)] else { return }
            meters[meter]?.contest = Contest(
                falls: row.text(1).split(separator: " ").compactMap { Int64($0) },
                isContested: row.integer(2) == 1)
        }
    }

    private func loadLinks(_ names: [Int64: MeterName]) throws(LedgerError) {
        try database.query(
            """
            SELECT l.meter, i.token, l.before_uplink, l.before_downlink, l.after_uplink,
                l.after_downlink, l.wall
            FROM link l JOIN incarnation i ON i.id = l.incarnation
            """
        ) { row in
            guard let meter = names[row.integer(0)] else { return }
            meters[meter]?.baselines.link = LinkReading(
                incarnation: Incarnation(token: row.text(1)),
                before: Traffic(uplink: row.unsigned(2), downlink: row.unsigned(3)),
                after: Traffic(uplink: row.unsigned(4), downlink: row.unsigned(5)),
                wall: row.integer(6))
        }
    }

    private func loadBaselines(_ owners: [Int64: (MeterName, Key)]) throws(LedgerError) {
        var tokens: [Int64: Incarnation] = [:]
        try database.query("SELECT id, token FROM incarnation") { row in
            let incarnation = Incarnation(token: row.text(1))
            tokens[row.integer(0)] = incarnation
            incarnations[incarnation] = row.integer(0)
        }
        try database.query(
            "SELECT account, incarnation, part, uplink, downlink, handshake, place FROM baseline"
        ) { row in
            guard let (meter, key) = owners[row.integer(0)],
                let incarnation = tokens[row.integer(1)]
            else { return }
            let handshake = row.integer(5)
            let order = row.integer(6)
            let baseline = Baseline(
                value: Traffic(uplink: row.unsigned(3), downlink: row.unsigned(4)),
                lastHandshake: handshake < 0 ? nil : handshake,
                order: order < 0 ? nil : Int(order))
            let id = CounterID(key: key, part: row.text(2))
            meters[meter]?.baselines.counters[incarnation, default: [:]][id] = baseline
        }
    }

    private func loadHours() throws(LedgerError) {
        try database.query("SELECT id, \(Stretch.columns) FROM hour ORDER BY id") { row in
            guard let stretch = Stretch(row, from: 1) else { return }
            hours.append(Hour(id: row.integer(0), stretch: stretch))
        }
    }
}
