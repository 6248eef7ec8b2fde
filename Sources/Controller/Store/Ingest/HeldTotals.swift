import AgentProtocol

/// What is held of one credential. Byte amounts are never negative.
struct HeldTotals: Hashable, Sendable {
    let credential: Int64
    let client: Int64
    let meter: Int64
    /// Everything that was booked.
    var uplink: Int64
    var downlink: Int64
    /// The open ledger's running totals as far as they were booked.
    var heldUplink: Int64
    var heldDownlink: Int64
    var baselineUplink: Int64
    var baselineDownlink: Int64
    /// What agents hold back because it cannot be proven.
    var withheldUplink: Int64
    var withheldDownlink: Int64
    /// Seconds since 1970; 0 for never.
    var lastHandshake: Int64
    /// Nanoseconds since 1970; 0 for never.
    var lastTraffic: Int64

    static let columns = """
        c.id, c.client, t.uplink, t.downlink, t.held_uplink, t.held_downlink, \
        t.baseline_uplink, t.baseline_downlink, t.last_handshake, t.last_traffic, \
        t.withheld_uplink, t.withheld_downlink, c.meter
        """

    init(_ row: Row) {
        credential = row.integer(0)
        client = row.integer(1)
        (uplink, downlink) = (row.integer(2), row.integer(3))
        (heldUplink, heldDownlink) = (row.integer(4), row.integer(5))
        (baselineUplink, baselineDownlink) = (row.integer(6), row.integer(7))
        lastHandshake = row.integer(8)
        lastTraffic = row.integer(9)
        (withheldUplink, withheldDownlink) = (row.integer(10), row.integer(11))
        meter = row.integer(12)
    }

    /// Whether it is read to compare with, and charged to nobody.
    var isObserved: Bool { client == KeyOwner.nobody.client }

    /// The values of an UPDATE, the id last.
    var values: [SQLValue] {
        [
            uplink, downlink, heldUplink, heldDownlink, baselineUplink, baselineDownlink,
            lastHandshake, lastTraffic, withheldUplink, withheldDownlink, credential,
        ].map { .integer($0) }
    }

    /// Books running totals and returns what was gained since those that were held.
    mutating func book(
        uplink totalUp: UInt64, downlink totalDown: UInt64
    ) throws(RowFault) -> (uplink: Int64, downlink: Int64) {
        guard let totalUp = Int64(exactly: totalUp), let totalDown = Int64(exactly: totalDown)
        else { throw .overflow }
        guard totalUp >= heldUplink, totalDown >= heldDownlink else { throw .lowerTotal }
        let gained = (uplink: totalUp - heldUplink, downlink: totalDown - heldDownlink)
        let up = uplink.addingReportingOverflow(gained.uplink)
        let down = downlink.addingReportingOverflow(gained.downlink)
        guard !up.overflow, !down.overflow else { throw .overflow }
        (uplink, downlink) = (up.partialValue, down.partialValue)
        (heldUplink, heldDownlink) = (totalUp, totalDown)
        return gained
    }

    /// Books running totals as far as they are greater than those held, and returns what was gained.
    mutating func raise(
        uplink totalUp: UInt64, downlink totalDown: UInt64
    ) throws(RowFault) -> (uplink: Int64, downlink: Int64) {
        try book(
            uplink: max(totalUp, UInt64(heldUplink)), downlink: max(totalDown, UInt64(heldDownlink))
        )
    }

    /// Adds what was found at a first reading, which nobody is charged for.
    mutating func addBaseline(uplink: UInt64, downlink: UInt64) throws(RowFault) {
        baselineUplink = try Self.sum(baselineUplink, uplink)
        baselineDownlink = try Self.sum(baselineDownlink, downlink)
    }

    /// Adds what an agent holds back, which nobody is charged for.
    mutating func withhold(uplink: UInt64, downlink: UInt64) throws(RowFault) {
        withheldUplink = try Self.sum(withheldUplink, uplink)
        withheldDownlink = try Self.sum(withheldDownlink, downlink)
    }

    private static func sum(_ bytes: Int64, _ more: UInt64) throws(RowFault) -> Int64 {
        guard let more = Int64(exactly: more) else { throw .overflow }
        let sum = bytes.addingReportingOverflow(more)
        guard !sum.overflow else { throw .overflow }
        return sum.partialValue
    }
}

/// Why a row cannot be booked.
enum RowFault: String, Error {
    case columns = "the columns' lengths contradict each other"
    case kind = "the row's kind is unknown"
    case bucket = "the row names a bucket that the batch does not have"
    case incarnation = "the row names an incarnation that the batch does not have"
    case credential = "this server has no such credential"
    case lowerTotal = "the running total is lower than the one held"
    case overflow = "an amount does not fit 63 bits"
    case refused = "the store refused the batch"
}
