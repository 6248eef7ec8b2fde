import Accounting
import AgentProtocol

/// How far the numbered order of batches has come, and how much of it the controller has.
struct Chain: Hashable {
    /// The newest batch ever made; 0: none.
    var made: UInt64 = 0
    /// Its SHA-256; empty for none.
    var madeDigest: [UInt8] = []
    /// What the next batch names as the one before; empty for none.
    var previous: [UInt8] = []
    /// The newest batch that the controller is known to have applied; 0: none.
    var acknowledged: UInt64 = 0
    /// Its SHA-256 where it is known.
    var acknowledgedDigest: [UInt8] = []
    /// The newest reading ticket that a batch answers; 0: none.
    var ticket: UInt64 = 0
    /// How often a controller was caught up, or began to be.
    var catchUps: UInt64 = 0
    /// How far the catch-up that goes on has come; nil: none does.
    var catchUp: CatchUpCursor?
}

/// How far a catch-up has come: which hour's totals went into batches, and whose present ones.
struct CatchUpCursor: Hashable {
    /// The last total of an hour that a batch holds.
    var hour: Int64 = 0
    var account: Int64 = 0
    /// The last account whose present total a batch holds.
    var present: Int64 = 0
}

extension Chain {
    init(_ database: Database) throws(LedgerError) {
        func number(_ name: String) throws(LedgerError) -> UInt64 {
            UInt64(try database.fact(name) ?? "") ?? 0
        }
        func digest(_ name: String) throws(LedgerError) -> [UInt8] {
            Hexadecimal.decode(try database.fact(name) ?? "") ?? []
        }
        made = try number("batch_sequence")
        madeDigest = try digest("batch_digest")
        previous = try digest("batch_previous")
        acknowledged = try number("acknowledged_sequence")
        acknowledgedDigest = try digest("acknowledged_digest")
        ticket = try number("batch_ticket")
        catchUps = try number("catch_ups")
        catchUp = CatchUpCursor(try database.fact("catch_up") ?? "")
    }

    /// Writes down what differs from `old`.
    func save(over old: Chain, in database: Database) throws(LedgerError) {
        for (name, value) in facts where old.facts[name] != value {
            try database.setFact(name, value)
        }
    }

    private var facts: [String: String] {
        [
            "batch_sequence": String(made),
            "batch_digest": Hexadecimal.encode(madeDigest),
            "batch_previous": Hexadecimal.encode(previous),
            "acknowledged_sequence": String(acknowledged),
            "acknowledged_digest": Hexadecimal.encode(acknowledgedDigest),
            "batch_ticket": String(ticket),
            "catch_ups": String(catchUps),
            "catch_up": catchUp?.text ?? "",
        ]
    }
}

extension CatchUpCursor {
    init?(_ text: String) {
        let numbers = text.split(separator: " ").compactMap { Int64($0) }
        guard numbers.count == 3 else { return nil }
        self.init(hour: numbers[0], account: numbers[1], present: numbers[2])
    }

    var text: String { "\(hour) \(account) \(present)" }
}

extension Ledger {
    /// Does `body` in one transaction, which may move the chain on.
    func advance<Result>(
        _ body: (inout Chain) throws(LedgerError) -> Result
    ) throws(LedgerError) -> Result {
        var next = chain
        let result = try database.transaction { () throws(LedgerError) in
            let result = try body(&next)
            try next.save(over: chain, in: database)
            return result
        }
        chain = next
        return result
    }

    /// The newest batch that this ledger has made, as every call names it: `N.DIGEST`, or `0.`
    /// for none.
    public var newestBatch: String { "\(chain.made).\(Hexadecimal.encode(chain.madeDigest))" }
}
