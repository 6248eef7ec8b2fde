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

    /// How many columns there are.
    static let width = 13

    /// Reads the columns, which begin at `start`.
    init(_ columns: [Int64], at start: Int) {
        credential = columns[start]
        client = columns[start + 1]
        (uplink, downlink) = (columns[start + 2], columns[start + 3])
        (heldUplink, heldDownlink) = (columns[start + 4], columns[start + 5])
        (baselineUplink, baselineDownlink) = (columns[start + 6], columns[start + 7])
        lastHandshake = columns[start + 8]
        lastTraffic = columns[start + 9]
        (withheldUplink, withheldDownlink) = (columns[start + 10], columns[start + 11])
        meter = columns[start + 12]
    }

    /// Whether it is read to compare with, and charged to nobody.
    var isObserved: Bool { client == KeyOwner.nobody.client }

    /// Appends the values of an UPDATE, the id last.
    func append(to values: inout [Int64]) {
        values.append(uplink)
        values.append(downlink)
        values.append(heldUplink)
        values.append(heldDownlink)
        values.append(baselineUplink)
        values.append(baselineDownlink)
        values.append(lastHandshake)
        values.append(lastTraffic)
        values.append(withheldUplink)
        values.append(withheldDownlink)
        values.append(credential)
    }

    /// How many values that are.
    static let updated = 11

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
