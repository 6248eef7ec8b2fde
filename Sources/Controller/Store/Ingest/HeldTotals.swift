import AgentProtocol

/// What is held of one credential. Byte amounts are never negative.
struct HeldTotals: Hashable, Sendable {
    let credential: Int64
    let client: Int64
    /// Everything that was booked.
    var uplink: Int64
    var downlink: Int64
    /// The open ledger's running totals as far as they were booked.
    var heldUplink: Int64
    var heldDownlink: Int64
    var baselineUplink: Int64
    var baselineDownlink: Int64
    /// Seconds since 1970; 0 for never.
    var lastHandshake: Int64
    /// Nanoseconds since 1970; 0 for never.
    var lastTraffic: Int64

    static let columns = """
        c.id, c.client, t.uplink, t.downlink, t.held_uplink, t.held_downlink, \
        t.baseline_uplink, t.baseline_downlink, t.last_handshake, t.last_traffic
        """

    init(_ row: Row) {
        credential = row.integer(0)
        client = row.integer(1)
        (uplink, downlink) = (row.integer(2), row.integer(3))
        (heldUplink, heldDownlink) = (row.integer(4), row.integer(5))
        (baselineUplink, baselineDownlink) = (row.integer(6), row.integer(7))
        lastHandshake = row.integer(8)
        lastTraffic = row.integer(9)
    }

    /// The values of an UPDATE, the id last.
    var values: [SQLValue] {
        [
            uplink, downlink, heldUplink, heldDownlink, baselineUplink, baselineDownlink,
            lastHandshake, lastTraffic, credential,
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
        guard let up = Int64(exactly: uplink), let down = Int64(exactly: downlink) else {
            throw .overflow
        }
        let sumUp = baselineUplink.addingReportingOverflow(up)
        let sumDown = baselineDownlink.addingReportingOverflow(down)
        guard !sumUp.overflow, !sumDown.overflow else { throw .overflow }
        (baselineUplink, baselineDownlink) = (sumUp.partialValue, sumDown.partialValue)
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
