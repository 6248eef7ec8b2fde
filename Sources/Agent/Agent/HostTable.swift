import Accounting
import Meters

/// The one owner of the agent's own table on this host: what is to stand in it comes from several
/// sides, and is brought there together.
final class HostTable: PortCounters {
    private let open: @Sendable () throws(MeterError) -> OwnTable
    private var table: OwnTable?
    private var wanted = OwnContent.nothing
    /// Whether what an earlier start left was looked at.
    private var hasLooked = false

    /// The table in this process's network namespace.
    convenience init() {
        self.init { () throws(MeterError) in try OwnTable.open() }
    }

    /// The table that `open` opens.
    init(open: @escaping @Sendable () throws(MeterError) -> OwnTable) {
        self.open = open
    }

    /// Says which ports and addresses are counted, and which are shut, from the next `apply` on.
    package func setPorts(counted: Set<PortKey>, shut: Set<PortKey>) {
        wanted.counted = counted
        wanted.shut = shut
    }

    /// Says which tunnel addresses are dropped from the next `apply` on.
    func setDrops(_ drops: DropSet) {
        wanted.dropped = drops.dropped
        wanted.spared = drops.spared
    }

    /// Brings the table to what was said. Does nothing where nobody has touched it since, and on a
    /// host where nothing is wanted of it. Returns whether something was changed.
    @discardableResult
    package func apply() throws(MeterError) -> Bool {
        guard !wanted.isEmpty || !hasLooked || table?.isThere == true else { return false }
        var hasChanged = false
        do throws(MeterError) {
            hasChanged = try opened().apply(wanted)
        } catch {
            guard wanted.isEmpty, error.code == .unsupported || error.code == .denied else {
                throw error
            }
        }
        hasLooked = true
        return hasChanged
    }

    /// Reads every counter.
    package func read() throws(MeterError) -> [OwnCounter] {
        try opened().read()
    }

    /// The namespace's cookie, which counters' incarnations are made of.
    package func namespaceCookie() throws(MeterError) -> UInt64 {
        try opened().namespaceCookie
    }

    /// Whether this object has made the table of that handle: its counters began with nothing.
    package func hasMade(_ handle: UInt64) -> Bool { table?.hasMade(handle) ?? false }

    /// What stands in the table, for people; nil where there is no table.
    var summary: String? {
        guard table?.isThere == true else { return nil }
        return "table inet \(OwnTable.name): \(wanted.counted.count) ports and addresses counted, "
            + "\(wanted.shut.count) shut, \(wanted.dropped.count) tunnel addresses dropped"
    }

    private func opened() throws(MeterError) -> OwnTable {
        if let table { return table }
        let opened = try open()
        table = opened
        return opened
    }
}
