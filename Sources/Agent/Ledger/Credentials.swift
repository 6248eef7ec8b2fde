public import Accounting

/// Which credential a key is counted for, as the controller says.
public struct CredentialAssignment: Hashable, Sendable {
    /// Where the key is counted.
    public var meter: MeterName
    /// The key.
    public var key: Key
    /// The credential's id; 0 says nothing.
    public var credential: UInt64
    /// Whether all that was counted for the key's credential so far is this one's, which the
    /// controller does not know otherwise.
    public var replaces: Bool

    /// Makes an assignment.
    public init(meter: MeterName, key: Key, credential: UInt64, replaces: Bool = false) {
        self.meter = meter
        self.key = key
        self.credential = credential
        self.replaces = replaces
    }
}

extension Ledger {
    /// Keys that the controller has not named a credential for.
    public func unassigned() -> [(meter: MeterName, key: Key)] {
        counted { $0.credential == 0 }
    }

    /// Every key that is counted.
    public func counted() -> [(meter: MeterName, key: Key)] {
        counted { _ in true }
    }

    private func counted(_ isWanted: (Account) -> Bool) -> [(meter: MeterName, key: Key)] {
        meters.flatMap { name, book in
            book.accounts.filter { isWanted($0.value) }.map { (name, $0.key) }
        }
    }

    /// Counts each key for the credential that the controller names, from now on.
    public func assign(
        _ assignments: [(meter: MeterName, key: Key, credential: UInt64)]
    ) throws(LedgerError) {
        try take(
            assignments.map {
                CredentialAssignment(meter: $0.meter, key: $0.key, credential: $0.credential)
            })
    }

    /// Counts each key for the credential that the controller names, from now on.
    ///
    /// Where a key was counted for another credential before, its deltas are cut here: what was
    /// counted so far stays with the old one. Only where the new one replaces it, all of it is the
    /// new one's.
    public func take(_ assignments: [CredentialAssignment]) throws(LedgerError) {
        var changed: [MeterName: [Key: Account]] = [:]
        try database.transaction { () throws(LedgerError) in
            for assignment in assignments {
                let (meter, key) = (assignment.meter, assignment.key)
                // An answer may name a key twice: the second goes on from the first.
                guard let book = meters[meter], assignment.credential > 0,
                    let account = changed[meter]?[key] ?? book.accounts[key],
                    account.credential != assignment.credential
                else { continue }
                changed[meter, default: [:]][key] = try next(
                    after: account, assignment, of: book.id)
            }
        }
        for (meter, accounts) in changed {
            meters[meter]?.accounts.merge(accounts)
        }
    }

    private func next(
        after account: Account, _ assignment: CredentialAssignment, of meter: Int64
    ) throws(LedgerError) -> Account {
        let earlier = try earlierAccount(assignment, of: meter)
        if account.credential == 0 || assignment.replaces {
            var account = account
            if let earlier { account.total = try fold(earlier, into: account) }
            return try name(account, assignment.credential)
        }
        return try cut(account, assignment, of: meter, resuming: earlier)
    }

    private func name(
        _ account: Account, _ credential: UInt64
    ) throws(LedgerError) -> Account {
        try database.run(
            "UPDATE account SET credential = ?1 WHERE id = ?2",
            [.bytes(credential), .integer(account.id)])
        var account = account
        account.credential = credential
        return account
    }

    /// Goes on counting under another account: a new one, or the one that the credential had.
    private func cut(
        _ account: Account, _ assignment: CredentialAssignment, of meter: Int64,
        resuming earlier: Account?
    ) throws(LedgerError) -> Account {
        try database.run(
            "UPDATE account SET current = 0 WHERE id = ?1", [.integer(account.id)])
        let next: Account
        if let earlier {
            try database.run(
                "UPDATE account SET current = 1 WHERE id = ?1", [.integer(earlier.id)])
            next = earlier
        } else {
            next = try addAccount(
                of: assignment.key, at: meter, credential: assignment.credential)
        }
        try database.run(
            "UPDATE baseline SET account = ?1 WHERE account = ?2",
            [.integer(next.id), .integer(account.id)])
        return next
    }

    /// The account that the key had when it was counted for that credential before; nil: none.
    private func earlierAccount(
        _ assignment: CredentialAssignment, of meter: Int64
    ) throws(LedgerError) -> Account? {
        var earlier: Account?
        try database.query(
            """
            SELECT a.id, t.uplink, t.downlink FROM account a JOIN total t ON t.account = a.id
            WHERE a.current = 0 AND a.meter = ?1 AND a.key = ?2 AND a.credential = ?3
            """,
            [
                .integer(meter), .text(assignment.key.description),
                .bytes(assignment.credential),
            ]
        ) { row in
            earlier = Account(
                id: row.integer(0), credential: assignment.credential,
                total: Traffic(uplink: row.unsigned(1), downlink: row.unsigned(2)))
        }
        return earlier
    }
}
