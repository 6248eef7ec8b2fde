public import Accounting

/// A block that this agent commented out in a configuration file.
public struct CommentedBlock: Hashable, Sendable {
    /// The meter whose file it is.
    public var meter: MeterName
    /// The container whose file it is, by name; nil for the host's.
    public var container: String?
    /// The file, below the container's root where there is one.
    public var path: String
    /// The block's key.
    public var key: Key

    /// Makes a value.
    public init(meter: MeterName, container: String? = nil, path: String, key: Key) {
        self.meter = meter
        self.container = container
        self.path = path
        self.key = key
    }
}

extension Ledger {
    /// Every block that this agent commented out, or was about to.
    public func commentedOut() throws(LedgerError) -> [CommentedBlock] {
        var blocks: [CommentedBlock] = []
        try database.query("SELECT meter, container, path, key FROM commented_out") { row in
            guard let meter = MeterName(row.text(0)), let key = Key(row.text(3), of: meter.kind)
            else { return }
            let container = row.text(1).isEmpty ? nil : row.text(1)
            blocks.append(
                CommentedBlock(meter: meter, container: container, path: row.text(2), key: key))
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
                    INSERT INTO commented_out (meter, container, path, key)
                    VALUES (?1, ?2, ?3, ?4)
                    ON CONFLICT DO NOTHING
                    """, block.values)
            }
            for block in removed {
                try database.run(
                    """
                    DELETE FROM commented_out
                    WHERE meter = ?1 AND container = ?2 AND path = ?3 AND key = ?4
                    """, block.values)
            }
        }
    }
}

extension CommentedBlock {
    fileprivate var values: [Value] {
        [
            .text(meter.description), .text(container ?? ""), .text(path),
            .text(key.description),
        ]
    }
}
