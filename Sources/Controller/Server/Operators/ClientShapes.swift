import API
import Accounting
import Store

extension ClientRecord {
    /// Its credentials that are in use, on servers that are.
    var current: [CredentialRecord] { credentials.filter(\.isInUse) }

    /// What holds of it now.
    var status: ClientStatus {
        let isPending = current.contains {
            $0.isPending && $0.desired.isShut == isShut && $0.desired != .uncounted
        }
        return isShut
            ? (isPending ? .revoking : .disabled) : (isPending ? .restoring : .active)
    }

    /// Its newest handshake; nil for never.
    var lastHandshake: Timestamp? {
        credentials.map(\.lastHandshake).max().flatMap {
            $0 == 0 ? nil : Timestamp(seconds: $0)
        }
    }

    /// When traffic was last booked; nil for never.
    var lastTraffic: Timestamp? {
        credentials.map(\.lastTraffic).max().flatMap { Timestamp(stored: $0) }
    }

    /// The oldest of its servers' newest readings; nil where one has none.
    var lastSync: Timestamp? {
        current.map(\.serverLastReading).min().flatMap { Timestamp(stored: $0) }
    }

    /// Its traffic in words.
    func stats(now: Int64) -> ClientStats {
        let total = uplink.addingReportingOverflow(downlink)
        let seen = LastSeen(
            handshake: lastHandshake, traffic: lastTraffic, now: Timestamp(nanoseconds: now))
        return ClientStats(
            sent: HumanSize.format(uplink), received: HumanSize.format(downlink),
            total: HumanSize.format(total.overflow ? .max : total.partialValue),
            lastSeen: seen.rawValue, isOnline: seen == .online)
    }
}

extension ClientInfo {
    /// A client as the API shows it at `now`.
    init(_ record: ClientRecord, now: Int64) {
        let current = record.current
        let addresses = current.flatMap(\.addresses).map(Self.plain)
        self.init(
            id: record.id, name: record.name, serverID: current.first?.server,
            clientIP: addresses.first, clientIPs: addresses, status: record.status,
            access: record.isShut ? .disabled : .active,
            createdAt: Timestamp(nanoseconds: record.createdAt), stats: record.stats(now: now),
            bytesSent: record.uplink, bytesReceived: record.downlink,
            lastHandshake: record.lastHandshake, lastTrafficAt: record.lastTraffic,
            lastSyncAt: record.lastSync, note: record.note, groups: [],
            credentials: current.map(Self.credential))
    }

    private static func credential(_ record: CredentialRecord) -> ClientCredential {
        ClientCredential(
            id: record.id, serverID: record.server, meter: record.meter, key: record.key,
            state: record.state, detail: record.detail, bytesSent: record.uplink,
            bytesReceived: record.downlink, heldSent: record.withheldUplink,
            heldReceived: record.withheldDownlink,
            unwatchedNs: record.unwatched == 0 ? nil : record.unwatched)
    }

    /// A single address without its prefix length; a wider range as it is.
    private static func plain(_ range: String) -> String {
        guard let parsed = AddressRange(range), Int(parsed.prefixLength) == parsed.bytes.count * 8
        else { return range }
        return parsed.address
    }
}
