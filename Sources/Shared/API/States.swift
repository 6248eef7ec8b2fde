/// How the link to a server's agent is.
public enum LinkState: String, Codable, Hashable, Sendable {
    /// Its agent has not joined yet.
    case waiting
    /// Its agent called within the last two minutes.
    case online
    /// It has not.
    case away
}

/// What holds of a client now.
public enum ClientStatus: String, Codable, Hashable, Sendable, CaseIterable {
    /// Let through everywhere.
    case active
    /// Shut by request; a server has still to verify it.
    case revoking
    /// Shut, and every server has verified it.
    case disabled
    /// Opened by request; a server has still to verify it.
    case restoring
    /// Shut because its quota is used up.
    case limited
    /// Shut because its time is over.
    case expired
}

/// What the operator asked for.
public enum ClientAccess: String, Codable, Hashable, Sendable {
    /// Let through.
    case active
    /// Kept out.
    case disabled
}

/// What holds of a credential now, or was asked for.
public enum CredentialState: String, Codable, Hashable, Sendable {
    /// Let through.
    case open
    /// To be shut; not yet verified.
    case shutting
    /// Kept out, and verified.
    case shut
    /// To be opened; not yet verified.
    case opening
    /// Somebody else removed it.
    case gone
    /// Its client was deleted; the key stays shut until an operator adopts it anew.
    case deleted
    /// A port whose counting is to be removed; its last reading is still to come.
    case uncounting
    /// A port that is counted no more.
    case uncounted
}

/// How far a change of access has got.
public enum EnforcementState: String, Codable, Hashable, Sendable {
    /// Verified.
    case enforced
    /// Saved, not yet verified.
    case pending
    /// The agent says that it cannot be done; the detail says why.
    case failed
}

/// What an API token may do; each scope includes the ones before it.
public enum TokenScope: String, Codable, Hashable, Sendable, CaseIterable, Comparable {
    /// Look at everything but tokens.
    case read
    /// Change clients and ask for readings.
    case operate
    /// Change servers and tokens too.
    case admin

    /// Whether the first scope allows less than the second.
    public static func < (first: TokenScope, second: TokenScope) -> Bool {
        rank(first) < rank(second)
    }

    private static func rank(_ scope: TokenScope) -> Int {
        switch scope {
        case .read: 0
        case .operate: 1
        case .admin: 2
        }
    }
}
