package import Accounting

/// A credential as it is kept, with the names of what it belongs to.
package struct CredentialRecord: Hashable, Sendable {
    package var id: Int64
    package var server: Int64
    package var serverName: String
    /// The end of the server's newest booked reading; 0 for none.
    package var serverLastReading: Int64
    /// Whether it and its server are still in use; what was counted stays, it is not listed any more.
    package var isInUse: Bool
    /// When it went out of use; 0 while it is in use.
    package var retiredAt: Int64
    package var meter: String
    package var key: String
    package var client: Int64
    package var clientName: String
    package var name: String
    package var addresses: [String]
    package var isPresent: Bool
    /// What is wanted; also where it waits for the server's usage to be caught up.
    package var desired: Access
    package var desiredRevision: Int64
    package var requestedAt: Int64
    package var enforcedRevision: Int64
    package var latency: Int64
    /// Nanoseconds between the final reading and the removal of its last shut; 0 for none.
    package var unwatched: Int64
    /// Empty where the credential is as desired, or not yet known.
    package var exceptionCode: String
    package var exceptionDetail: String
    package var uplink: Int64
    package var downlink: Int64
    package var baselineUplink: Int64
    package var baselineDownlink: Int64
    /// Bytes that may be its, held back because they cannot be proven.
    package var withheldUplink: Int64
    package var withheldDownlink: Int64
    /// Seconds since 1970; 0 for never.
    package var lastHandshake: Int64
    /// 0 for never.
    package var lastTraffic: Int64
    /// Whether it is wanted open and stays shut until its server's usage is caught up.
    package var isPostponed: Bool
    /// Whether it was opened since the backup that the store was put back from, and stays shut until
    /// an operator decides.
    package var isReopened: Bool

    /// Whether the agent has yet to verify what is desired, or has found that it holds no longer.
    package var isPending: Bool {
        isPostponed || (desiredRevision > enforcedRevision && !isGone)
    }

    /// Whether somebody else removed the key at its source.
    package var isGone: Bool { exceptionCode == "gone" }

    /// Whether its meter could not be read last: what was verified before still stands.
    package var isUnread: Bool { exceptionCode == "unread" }

    static let source = """
        SELECT c.id, c.server, s.name, s.last_reading, s.closed_at, m.name, c.key, c.client, \
        k.name, c.name, c.addresses, c.present, c.desired, c.desired_revision, \
        c.requested_at, c.enforced_revision, c.latency, c.exception_code, c.exception_detail, \
        t.uplink, t.downlink, t.baseline_uplink, t.baseline_downlink, t.last_handshake, \
        t.last_traffic, c.unwatched, t.withheld_uplink, t.withheld_downlink, c.recovery, \
        c.retired_at \
        FROM credentials c \
        JOIN servers s ON s.id = c.server JOIN meters m ON m.id = c.meter \
        JOIN clients k ON k.id = c.client JOIN totals t ON t.credential = c.id
        """

    init(_ row: Row) {
        id = row.integer(0)
        server = row.integer(1)
        serverName = row.text(2)
        serverLastReading = row.integer(3)
        retiredAt = row.integer(29)
        isInUse = row.integer(4) == 0 && retiredAt == 0
        meter = row.text(5)
        key = row.text(6)
        client = row.integer(7)
        clientName = row.text(8)
        name = row.text(9)
        addresses = row.text(10).split(separator: ",").map(String.init)
        isPresent = row.flag(11)
        let undecided = Undecided(rawValue: row.integer(28))
        isPostponed = undecided == .waitsForUsage
        isReopened = undecided == .reopened
        desired = isPostponed ? .open : Access(stored: row.integer(12))
        desiredRevision = row.integer(13)
        requestedAt = row.integer(14)
        enforcedRevision = row.integer(15)
        latency = row.integer(16)
        exceptionCode = row.text(17)
        exceptionDetail = row.text(18)
        (uplink, downlink) = (row.integer(19), row.integer(20))
        (baselineUplink, baselineDownlink) = (row.integer(21), row.integer(22))
        lastHandshake = row.integer(23)
        lastTraffic = row.integer(24)
        unwatched = row.integer(25)
        (withheldUplink, withheldDownlink) = (row.integer(26), row.integer(27))
    }
}
