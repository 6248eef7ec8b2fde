internal import Glibc
package import Netlink

/// All counters that iptables-legacy has, of both families, at one instant.
package struct LegacyReading: Sendable {
    /// The counters, each identity once; in the order of the tables and, within a chain, of its
    /// rules.
    package var counters: [FilterCounter]
    /// The same for two readings of one reader that differ in nothing but counts.
    package var shape: UInt64
}

/// Reads what the rules of iptables-legacy and ip6tables-legacy have counted, by `getsockopt`.
///
/// The rules are gone through when they changed; otherwise only counts are taken from the kernel's
/// answer. It is asked under the lock that the tools take, so that no edit is seen half done.
package struct LegacyReader: ~Copyable {
    /// Tables whose rules see every packet, those first that are believed first. The rules of `nat`
    /// see the first packet of a connection alone.
    static let tables = ["filter", "mangle", "raw", "security"]
    /// Tries at tables that change meanwhile: by somebody without the lock.
    static let tries = 5

    private let lockFile: String
    private let patience: Duration
    private let sources: [LegacySource]
    private let buffer = LegacyBuffer()
    private var book: LegacyBook

    /// Makes a reader for a namespace; nothing is opened before the first reading.
    ///
    /// `lockFile` is `/run/xtables.lock` where it is nil and `XTABLES_LOCKFILE` does not name
    /// another. A reading fails when others hold it for `patience`.
    package init(
        in namespace: NetworkNamespace = .current, lockFile: String? = nil,
        patience: Duration = .seconds(2), seed: UInt64 = .random(in: .min ... .max)
    ) {
        let named = getenv("XTABLES_LOCKFILE").map { String(cString: $0) }
        self.lockFile = lockFile ?? named ?? LegacyLock.usualPath
        self.patience = patience
        sources = LegacyFamily.allCases.map { LegacySource($0, in: namespace) }
        book = LegacyBook(seed: seed)
    }

    /// Reads all tables, or throws; empty where the kernel has no iptables-legacy, or no table of it
    /// is in use. No table is made by it, and nothing is changed.
    package mutating func read() throws(MeterError) -> LegacyReading {
        for _ in 0..<Self.tries {
            var present: [(source: LegacySource, table: String)] = []
            for source in sources {
                let tables = try source.tables()
                present += Self.tables.filter { tables.contains($0) }.map { (source, $0) }
            }
            book.keep(present.map { LegacyTable.Name(family: $0.source.family, table: $0.table) })
            if try take(present) { return reading }
        }
        throw MeterError(
            .interrupted, doing: "read iptables-legacy",
            reason: "its tables changed in each of \(Self.tries) tries")
    }

    private var reading: LegacyReading {
        LegacyReading(counters: book.counters, shape: book.shape)
    }

    /// Takes all tables; false where one changed between two calls.
    private mutating func take(
        _ present: [(source: LegacySource, table: String)]
    ) throws(MeterError) -> Bool {
        for (index, (source, table)) in present.enumerated() {
            guard let info = try ask(source, table) else { return false }
            try buffer.withEntries { (bytes) throws(MeterError) in
                try book.take(bytes, info, ofTable: index)
            }
        }
        return true
    }

    /// Asks for a table under the lock, which is held for the kernel's calls alone: an editor that
    /// does not wait for it gives up. Nil where the table changed between two calls.
    private func ask(_ source: LegacySource, _ table: String) throws(MeterError) -> LegacyInfo? {
        let lock = try LegacyLock.take(lockFile, patience: patience)
        guard let info = try source.info(of: table),
            try source.entries(of: table, info, into: buffer) == true, lock.kept()
        else { return nil }
        return info
    }
}
