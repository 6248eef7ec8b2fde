import API
import Accounting
import Store

extension CredentialRecord {
    /// What has been verified of it.
    var state: CredentialState {
        if isPostponed { return .opening }
        if isGone { return .gone }
        return switch desired {
        case .open: isPending ? .opening : .open
        case .shut: isPending ? .shutting : .shut
        case .deleted: isPending ? .shutting : .deleted
        case .uncounted: isPending ? .uncounting : .uncounted
        }
    }

    /// What was asked for.
    var desiredState: CredentialState {
        switch desired {
        case .open: .open
        case .shut: .shut
        case .deleted: .deleted
        case .uncounted: .uncounted
        }
    }

    /// Why it is not as asked for, or cannot be looked at now; nil where neither is so.
    var detail: String? {
        if isPostponed {
            return "waits until the usage of \(serverName) is caught up"
        }
        if isReopened {
            return "reopened_since_backup: was opened since; restore or revoke the client"
        }
        guard !exceptionCode.isEmpty else { return nil }
        return exceptionDetail.isEmpty ? exceptionCode : "\(exceptionCode): \(exceptionDetail)"
    }

    /// How far the last change of access has got.
    ///
    /// A key that somebody else removed is out, which is all that a shut asks for, and is never
    /// made again. A host that only observes may enforce one day, a meter that cannot be read now
    /// be read later: these stay pending.
    var enforcement: EnforcementState {
        if isPostponed { return .pending }
        if isGone { return desired.isShut ? .enforced : .failed }
        guard isPending else { return .enforced }
        return isUnanswered || exceptionCode == "observe" ? .pending : .failed
    }

    /// Whether the agent has still to say anything of the last change.
    var isUnanswered: Bool {
        isPending && (isPostponed || exceptionCode.isEmpty || isUnread)
    }
}

extension CredentialInfo {
    /// A credential as the API shows it.
    init(_ record: CredentialRecord) {
        self.init(
            id: record.id, serverID: record.server, server: record.serverName,
            meter: record.meter, key: record.key, name: record.name.orNil,
            clientID: record.desired == .deleted ? nil : record.client,
            client: record.desired == .deleted ? nil : record.clientName,
            addresses: record.addresses, state: record.state, desired: record.desiredState,
            detail: record.detail, present: record.isPresent, bytesSent: record.uplink,
            bytesReceived: record.downlink, baselineSent: record.baselineUplink,
            baselineReceived: record.baselineDownlink, heldSent: record.withheldUplink,
            heldReceived: record.withheldDownlink,
            unwatchedNs: record.unwatched == 0 ? nil : record.unwatched,
            lastHandshake: record.lastHandshake == 0
                ? nil : Timestamp(seconds: record.lastHandshake),
            lastTrafficAt: Timestamp(stored: record.lastTraffic))
    }
}
