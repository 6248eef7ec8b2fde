import Accounting
import Glibc
import Ledger

/// The ledger's file in the state folder.
enum LedgerFolder {
    /// Opens the ledger that this host joined with, and makes it at the first start after a join.
    /// A ledger from before that join is set aside.
    static func open(
        _ folder: String, _ identity: Identity, instance: String
    ) throws -> Ledger {
        let path = "\(folder)/ledger.sqlite"
        if access(path, F_OK) == 0, let old = try Ledger.id(at: path), old != identity.ledger {
            try setAside(path, as: "\(folder)/ledger-\(old).sqlite")
        }
        return try Ledger.open(path: path, id: identity.ledger, instance: instance)
    }

    private static func setAside(_ path: String, as other: String) throws {
        for suffix in ["-wal", "-shm", ""] where access(path + suffix, F_OK) == 0 {
            guard rename(path + suffix, other + suffix) == 0 else {
                throw AgentError.system(errno, doing: "set the old ledger \(path) aside")
            }
        }
    }
}

extension Identity {
    /// Who this host is after a join; throws with the way out where it has not joined.
    static func joined(in folder: String) throws -> Identity {
        guard let identity = try load(path(in: folder)) else {
            throw AgentError(
                doing: "start",
                reason: "this host has not joined a controller; run "
                    + "`tollkeeper server add NAME` there and the command that it prints here")
        }
        return identity
    }
}
