public import Accounting

extension Ledger {
    /// Keys that the controller has not named a credential for.
    public func unassigned() -> [(meter: MeterName, key: Key)] {
        meters.flatMap { name, book in
            book.accounts.filter { $0.value.credential == 0 }.map { (name, $0.key) }
        }
    }

    /// Counts each key for the credential that the controller names, from now on.
    ///
    /// Where a key was counted for another credential before, its deltas are cut here: what was
    /// counted so far stays with the old one, and a new running total begins.
    public func assign(
        _ assignments: [(meter: MeterName, key: Key, credential: UInt64)]
    ) throws(LedgerError) {
        var changed: [(MeterName, Key, Account)] = []
        try database.transaction { () throws(LedgerError) in
            for assignment in assignments {
                guard let book = meters[assignment.meter], assignment.credential > 0,
                    let account = book.accounts[assignment.key],
                    account.credential != assignment.credential
                else { continue }
                let next =
                    account.credential == 0
                    ? try name(account, assignment.credential)
                    : try cut(account, assignment.credential, book.id, assignment.key)
                changed.append((assignment.meter, assignment.key, next))
            }
        }
        for (meter, key, account) in changed { meters[meter]?.accounts[key] = account }
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

    private func cut(
        _ account: Account, _ credential: UInt64, _ meter: Int64, _ key: Key
    ) throws(LedgerError) -> Account {
        try database.run(
            "UPDATE account SET current = 0 WHERE id = ?1", [.integer(account.id)])
        let id = try database.run(
            "INSERT INTO account (meter, key, credential) VALUES (?1, ?2, ?3)",
            [.integer(meter), .text(key.description), .bytes(credential)])
        try database.run(
            "UPDATE baseline SET account = ?1 WHERE account = ?2",
            [.integer(id), .integer(account.id)])
        return Account(id: id, credential: credential, total: .zero)
    }
}
