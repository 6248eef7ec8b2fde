public import Accounting

/// What the ledger knows of one meter, kept in memory beside its rows.
struct MeterBook {
    var id: Int64
    /// Whether another ledger reported it and this one has not read it yet.
    var isInherited = false
    var accounts = CompactTable<Key, Account>()
    var baselines = MeterBaselines(isKnown: true)
    var contest = Contest()
}

/// A key's account: for whom it is counted, and the running total since the ledger began.
struct Account {
    var id: Int64
    /// 0 until the controller has named one.
    var credential: UInt64
    var total: Traffic
}

/// The stretch of time that new deltas are added to.
struct OpenBucket {
    var id: Int64
    var boot: BootID
    var minute: Int64
}

extension Ledger {
    /// What is remembered of a meter; of one never accounted for, nothing.
    public func baselines(of meter: MeterName) -> MeterBaselines {
        meters[meter]?.baselines ?? MeterBaselines()
    }

    /// Whether another program keeps resetting a meter's counters.
    public func contest(of meter: MeterName) -> Contest {
        meters[meter]?.contest ?? Contest()
    }

    /// Which meter of a kind counts under an incarnation; nil for none.
    public func meter(of incarnation: Incarnation, kind: MeterKind) -> MeterName? {
        meters.first {
            $0.key.kind == kind && $0.value.baselines.counters[incarnation] != nil
        }?.key
    }

    /// Goes on with a meter under another name, one that the ledger does not know yet.
    public func rename(_ old: MeterName, to new: MeterName) throws(LedgerError) {
        guard let book = meters[old], meters[new] == nil else { return }
        try database.transaction { () throws(LedgerError) in
            try database.run(
                "UPDATE meter SET name = ?1 WHERE id = ?2",
                [.text(new.description), .integer(book.id)])
            try database.run(
                "UPDATE kept_out SET meter = ?1 WHERE meter = ?2",
                [.text(new.description), .text(old.description)])
        }
        meters[old] = nil
        meters[new] = book
    }

    /// A key's running total since the ledger began, bytes; nil for a key that it does not know.
    public func total(of key: Key, at meter: MeterName) -> Traffic? {
        meters[meter]?.accounts[key]?.total
    }

    /// Which credential a key is counted for; nil until the controller has said.
    public func credential(of key: Key, at meter: MeterName) -> UInt64? {
        guard let credential = meters[meter]?.accounts[key]?.credential else { return nil }
        return credential == 0 ? nil : credential
    }

    /// The highest credential that any key ever had here; 0: none had one.
    public func newestCredential() throws(LedgerError) -> UInt64 {
        var newest: UInt64 = 0
        try database.query("SELECT coalesce(max(credential), 0) FROM account") { row in
            newest = row.unsigned(0)
        }
        return newest
    }

    /// Books a difference: running totals, deltas to send, and new baselines, together.
    ///
    /// Returns the keys whose running total would not fit 63 bits: they are left as they were.
    @discardableResult
    public func record(
        _ difference: Difference, of meter: MeterName, at instant: Instant
    ) throws(LedgerError) -> [Key] {
        let (sound, held) = Self.split(difference, meters[meter] ?? MeterBook(id: 0))
        var entry = Entry(meter: meter, bucket: bucket, hours: hours)
        var contest = contest(of: meter)
        contest.note(fell: !difference.restarts.isEmpty, at: instant.wall / 1_000_000_000)
        try database.transaction { () throws(LedgerError) in
            entry.meterID = if let known = meters[meter] { known.id } else { try insert(meter) }
            if meters[meter]?.isInherited == true {
                try database.run(
                    "UPDATE meter SET inherited = 0 WHERE id = ?1", [.integer(entry.meterID)])
            }
            if !sound.deltas.isEmpty {
                try openBucket(at: instant, in: &entry)
                try openHour(at: instant, in: &entry.hours)
            }
            for delta in sound.deltas { try book(delta, in: &entry) }
            try store(sound, in: &entry)
            if contest != self.contest(of: meter) { try store(contest, in: entry) }
        }
        // Only what is durable is remembered.
        bucket = entry.bucket
        hours = entry.hours
        incarnations.merge(entry.incarnations) { _, new in new }
        meters[meter, default: MeterBook(id: entry.meterID)].take(entry.accounts, sound)
        meters[meter]?.contest = contest
        return held
    }

    private func insert(_ meter: MeterName) throws(LedgerError) -> Int64 {
        try database.run("INSERT INTO meter (name) VALUES (?1)", [.text(meter.description)])
    }

    /// Takes out the keys whose running total would overflow.
    private static func split(
        _ difference: Difference, _ book: MeterBook
    ) -> (sound: Difference, held: [Key]) {
        let limit = Traffic(uplink: UInt64(Int64.max), downlink: UInt64(Int64.max))
        var held = Set<Key>()
        var difference = difference
        if case .replaced(let link) = difference.link, !limit.isAtLeast(link.after) {
            difference.link = .forgotten
        }
        for delta in difference.deltas {
            let total = book.accounts[delta.key]?.total ?? .zero
            let raw = delta.counters.allSatisfy { limit.isAtLeast($0.value) }
            guard raw, let sum = total.adding(delta.amount), limit.isAtLeast(sum) else {
                held.insert(delta.key)
                continue
            }
        }
        guard !held.isEmpty else { return (difference, []) }
        var sound = difference
        sound.deltas.removeAll { held.contains($0.key) }
        sound.updates.removeAll { held.contains($0.id.key) }
        // What the link carried of them is not accounted for.
        sound.link = .forgotten
        return (sound, Array(held))
    }

    private func openBucket(
        at instant: Instant, in entry: inout Entry
    ) throws(LedgerError) {
        let minute = Timeline.unit(of: instant.wall, .minute)
        if let bucket = entry.bucket, bucket.boot == instant.boot, bucket.minute == minute {
            try database.run(
                """
                UPDATE bucket SET last_boot = ?1, last_wall = ?2, last_boottime = ?3 WHERE id = ?4
                """,
                instant.values + [.integer(bucket.id)])
            if database.changes == 1 { return }
        }
        let id = try database.run(
            "INSERT INTO bucket (\(Stretch.columns)) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            Stretch(first: instant, last: instant).values)
        entry.bucket = OpenBucket(id: id, boot: instant.boot, minute: minute)
    }

    private func book(_ delta: Delta, in entry: inout Entry) throws(LedgerError) {
        var account = try account(of: delta.key, in: &entry)
        if delta.kind == .gained {
            account.total = account.total.adding(delta.amount) ?? account.total
            entry.accounts[delta.key] = account
            try database.run(
                "UPDATE total SET uplink = ?1, downlink = ?2, hour = ?3 WHERE account = ?4",
                [
                    Int64(clamping: account.total.uplink), Int64(clamping: account.total.downlink),
                    entry.hours.last?.id ?? 0, account.id,
                ])
        }
        try spool(delta, account, in: entry)
    }

    private func spool(
        _ delta: Delta, _ account: Account, in entry: Entry
    ) throws(LedgerError) {
        let handshake = delta.counters.compactMap(\.lastHandshake).max() ?? -1
        let values: InlineArray<8, Int64> = [
            entry.bucket?.id ?? 0, account.id, Int64(delta.kind.rawValue),
            Int64(clamping: delta.amount.uplink), Int64(clamping: delta.amount.downlink),
            Int64(clamping: account.total.uplink), Int64(clamping: account.total.downlink),
            handshake,
        ]
        // Mostly the row is there, and an `UPDATE` costs half of what the `INSERT` would.
        try database.run(
            """
            UPDATE spool SET uplink = uplink + ?4, downlink = downlink + ?5, total_uplink = ?6,
                total_downlink = ?7, handshake = ?8
            WHERE bucket = ?1 AND account = ?2 AND kind = ?3
            """, values)
        if database.changes == 1 { return }
        try database.run(
            """
            INSERT INTO spool (bucket, account, kind, uplink, downlink, total_uplink,
                total_downlink, handshake)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
            """, values)
    }

    private func account(of key: Key, in entry: inout Entry) throws(LedgerError) -> Account {
        if let account = entry.accounts[key] ?? meters[entry.meter]?.accounts[key] {
            return account
        }
        let account = try addAccount(of: key, at: entry.meterID, credential: 0)
        entry.accounts[key] = account
        return account
    }

    /// Opens an account for a key that has no present one.
    func addAccount(
        of key: Key, at meter: Int64, credential: UInt64
    ) throws(LedgerError) -> Account {
        let id = try database.run(
            "INSERT INTO account (meter, key, credential) VALUES (?1, ?2, ?3)",
            [.integer(meter), .text(key.description), .bytes(credential)])
        try database.run("INSERT INTO total (account) VALUES (?1)", [.integer(id)])
        return Account(id: id, credential: credential, total: .zero)
    }

    private func store(_ difference: Difference, in entry: inout Entry) throws(LedgerError) {
        for name in difference.removed {
            let account = try account(of: name.id.key, in: &entry)
            let incarnation = try number(of: name.incarnation, in: &entry)
            try database.run(
                "DELETE FROM baseline WHERE account = ?1 AND incarnation = ?2 AND part = ?3",
                [.integer(account.id), .integer(incarnation), .text(name.id.part)])
        }
        for update in difference.updates { try store(update, in: &entry) }
        try store(difference.link, in: &entry)
    }

    /// Writes a baseline: over the one that is there, or a new one.
    private func store(
        _ update: BaselineUpdate, in entry: inout Entry
    ) throws(LedgerError) {
        let account = try account(of: update.id.key, in: &entry)
        let incarnation = try number(of: update.incarnation, in: &entry)
        let baseline = update.baseline
        let (uplink, downlink) = (
            Int64(clamping: baseline.value.uplink), Int64(clamping: baseline.value.downlink)
        )
        let handshake = baseline.lastHandshake ?? -1
        let place = Int64(baseline.order ?? -1)
        if update.id.part.isEmpty {
            try database.run(
                """
                UPDATE baseline SET uplink = ?3, downlink = ?4, handshake = ?5, place = ?6
                WHERE account = ?1 AND incarnation = ?2 AND part = ''
                """, [account.id, incarnation, uplink, downlink, handshake, place])
            if database.changes == 1 { return }
        }
        try database.run(
            """
            INSERT INTO baseline (account, incarnation, part, uplink, downlink, handshake, place)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
            ON CONFLICT (account, incarnation, part) DO UPDATE SET
                uplink = excluded.uplink, downlink = excluded.downlink,
                handshake = excluded.handshake, place = excluded.place
            """,
            [
                .integer(account.id), .integer(incarnation), .text(update.id.part),
                .integer(uplink), .integer(downlink), .integer(handshake), .integer(place),
            ])
    }

    private func store(_ contest: Contest, in entry: Entry) throws(LedgerError) {
        try database.run(
            """
            INSERT INTO contest (meter, falls, contested) VALUES (?1, ?2, ?3)
            ON CONFLICT (meter) DO UPDATE SET
                falls = excluded.falls, contested = excluded.contested
            """,
            [
                .integer(entry.meterID),
                .text(contest.falls.map(String.init).joined(separator: " ")),
                .integer(contest.isContested ? 1 : 0),
            ])
    }

    private func store(_ link: LinkChange, in entry: inout Entry) throws(LedgerError) {
        guard case .replaced(let link) = link else {
            guard link == .forgotten else { return }
            try database.run("DELETE FROM link WHERE meter = ?1", [.integer(entry.meterID)])
            return
        }
        let incarnation = try number(of: link.incarnation, in: &entry)
        try database.run(
            """
            INSERT INTO link (meter, incarnation, before_uplink, before_downlink, after_uplink,
                after_downlink, wall)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
            ON CONFLICT (meter) DO UPDATE SET incarnation = excluded.incarnation,
                before_uplink = excluded.before_uplink,
                before_downlink = excluded.before_downlink,
                after_uplink = excluded.after_uplink, after_downlink = excluded.after_downlink,
                wall = excluded.wall
            """,
            [
                .integer(entry.meterID), .integer(incarnation), .bytes(link.before.uplink),
                .bytes(link.before.downlink), .bytes(link.after.uplink),
                .bytes(link.after.downlink), .integer(link.wall),
            ])
    }

    private func number(
        of incarnation: Incarnation, in entry: inout Entry
    ) throws(LedgerError) -> Int64 {
        if let last = entry.lastIncarnation, last.incarnation == incarnation { return last.number }
        let number = try findNumber(of: incarnation, in: &entry)
        entry.lastIncarnation = (incarnation, number)
        return number
    }

    private func findNumber(
        of incarnation: Incarnation, in entry: inout Entry
    ) throws(LedgerError) -> Int64 {
        if let number = incarnations[incarnation] ?? entry.incarnations[incarnation] {
            return number
        }
        let number = try database.run(
            "INSERT INTO incarnation (token) VALUES (?1)", [.text(incarnation.token)])
        entry.incarnations[incarnation] = number
        return number
    }
}

/// What one transaction adds to what is kept in memory, should it become durable.
private struct Entry {
    let meter: MeterName
    var bucket: OpenBucket?
    var hours: [Hour]
    var meterID: Int64 = 0
    var accounts: [Key: Account] = [:]
    var incarnations: [Incarnation: Int64] = [:]
    /// The one that was looked for last: it is the next one's too in nearly every reading.
    var lastIncarnation: (incarnation: Incarnation, number: Int64)?

    init(meter: MeterName, bucket: OpenBucket?, hours: [Hour]) {
        self.meter = meter
        self.bucket = bucket
        self.hours = hours
    }
}

extension MeterBook {
    fileprivate mutating func take(_ changed: [Key: Account], _ difference: Difference) {
        isInherited = false
        accounts.merge(changed)
        baselines.apply(difference)
    }
}

extension Value {
    /// Bytes as the signed 64 bits that SQL has; amounts beyond were refused before.
    static func bytes(_ amount: UInt64) -> Value { .integer(Int64(clamping: amount)) }
}
