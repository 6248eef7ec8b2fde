public import Accounting

/// A block that this agent commented out in a configuration file.
public struct CommentedBlock: Hashable, Sendable {
    /// The meter whose file it is.
    public var meter: MeterName
    /// The file, below the root of where the meter is.
    public var path: String
    /// The block's key.
    public var key: Key

    /// Makes a value.
    public init(meter: MeterName, path: String, key: Key) {
        self.meter = meter
        self.path = path
        self.key = key
    }
}

extension Ledger {
    /// Every block that this agent commented out, or was about to.
    public func commentedOut() throws(LedgerError) -> [CommentedBlock] {
        var blocks: [CommentedBlock] = []
        try database.query("SELECT meter, path, key FROM commented_out") { row in
            guard let meter = MeterName(row.text(0)), let key = Key(row.text(2), of: meter.kind)
            else { return }
            blocks.append(CommentedBlock(meter: meter, path: row.text(1), key: key))
        }
        return blocks
    }

    /// Notes blocks down before they are commented out, and forgets those that are no more.
    public func noteCommentedOut(
        _ added: some Sequence<CommentedBlock>, forgetting removed: some Sequence<CommentedBlock>
    ) throws(LedgerError) {
        let (added, removed) = (Array(added), Array(removed))
        guard !added.isEmpty || !removed.isEmpty else { return }
        try database.transaction { () throws(LedgerError) in
            for block in added {
                try database.run(
                    """
                    INSERT INTO commented_out (meter, path, key) VALUES (?1, ?2, ?3)
                    ON CONFLICT DO NOTHING
                    """, block.values)
            }
            for block in removed {
                try database.run(
                    "DELETE FROM commented_out WHERE meter = ?1 AND path = ?2 AND key = ?3",
                    block.values)
            }
        }
    }
}

extension CommentedBlock {
    fileprivate var values: [Value] {
        [.text(meter.description), .text(path), .text(key.description)]
    }
}
