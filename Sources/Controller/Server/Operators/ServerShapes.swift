import API
import Store

extension Timestamp {
    /// A moment of the store; nil for 0, which is never.
    init?(stored nanoseconds: Int64) {
        guard nanoseconds != 0 else { return nil }
        self.init(nanoseconds: nanoseconds)
    }
}

extension Backend {
    /// An agent that has not called for so long is away, in nanoseconds.
    static let awayAfter: Int64 = 120_000_000_000

    /// A server as the API shows it.
    func shape(_ server: ServerRecord) -> ServerInfo {
        let host = server.host
        let lastContact = max(server.lastContact, links.lastCall(server.id))
        return ServerInfo(
            id: server.id, name: server.name, state: state(server),
            createdAt: Timestamp(nanoseconds: server.createdAt), mode: host.mode.orNil,
            agentVersion: host.agentVersion.orNil, hostName: host.name.orNil,
            system: host.system.orNil, kernel: host.kernel.orNil,
            lastContactAt: Timestamp(stored: lastContact),
            lastPushAt: Timestamp(stored: server.lastPush),
            lastSyncAt: Timestamp(stored: server.lastReading),
            clockOffsetMs: server.clockOffset.map { $0 / 1_000_000 }, revision: server.revision,
            enforcedRevision: server.enforcedRevision, clients: server.clients,
            bytesSent: server.uplink, bytesReceived: server.downlink,
            quarantined: server.quarantined, meters: server.meters.map(shape),
            recoveringSince: Timestamp(stored: server.recoveringSince),
            recovery: recovery(server), reopenedSinceBackup: server.reopened.map(shape),
            cloneSeenAt: Timestamp(stored: server.cloneSeenAt))
    }

    /// How the link to a server's agent is.
    func state(_ server: ServerRecord) -> LinkState {
        guard server.joinedAt != 0 else { return .waiting }
        let lastContact = max(server.lastContact, links.lastCall(server.id))
        let isThere = desired.isWaiting(server.id) || now - lastContact < Self.awayAfter
        return isThere ? .online : .away
    }

    /// What is still to come from a server's agent; nil for nothing.
    private func recovery(_ server: ServerRecord) -> Recovery? {
        if server.wantsSet { return .desiredSet }
        return server.hasGap || server.recoveringSince != 0 ? .usage : nil
    }

    private func shape(_ record: ReopenedRecord) -> ReopenedCredential {
        ReopenedCredential(
            id: record.credential, clientID: record.client, client: record.clientName,
            meter: record.meter, key: record.key)
    }

    private func shape(_ meter: MeterRecord) -> MeterInfo {
        MeterInfo(
            name: meter.name, source: meter.source,
            listenPort: meter.listenPort == 0 ? nil : meter.listenPort, keys: meter.keys,
            fault: meter.fault.orNil, contested: meter.contested.orNil)
    }
}

extension String {
    /// The text; nil where it is empty.
    var orNil: String? { isEmpty ? nil : self }
}
