import Accounting
import Glibc
import Ledger

/// The ledger's file in the state folder.
enum LedgerFolder {
    /// Opens the ledger that this host joined with, and makes it at the first start after a join.
    ///
    /// A ledger from before that join is set aside. What it takes to open again whom it keeps out
    /// goes into the new one, which is whole before the old one makes room.
    static func open(
        _ folder: String, _ identity: Identity, instance: String
    ) throws -> Ledger {
        let path = "\(folder)/ledger.sqlite"
        let successor = "\(folder)/ledger.new.sqlite"
        if access(path, F_OK) == 0 {
            if let old = try Ledger.id(at: path), old != identity.ledger {
                try prepare(successor, from: path, identity, instance: instance)
                try move(path, to: "\(folder)/ledger-\(old).sqlite")
                try move(successor, to: path)
            }
        } else if access(successor, F_OK) == 0 {
            try move(successor, to: path)
        }
        return try Ledger.open(path: path, id: identity.ledger, instance: instance)
    }

    private static func prepare(
        _ successor: String, from old: String, _ identity: Identity, instance: String
    ) throws {
        for suffix in ["-wal", "-shm", ""] { unlink(successor + suffix) }
        let ledger = try Ledger.open(path: successor, id: identity.ledger, instance: instance)
        try ledger.keepOut(try Ledger.keptOut(at: old))
    }

    private static func move(_ path: String, to other: String) throws {
        for suffix in ["-wal", "-shm", ""] where access(path + suffix, F_OK) == 0 {
            guard rename(path + suffix, other + suffix) == 0 else {
                throw AgentError.system(errno, doing: "set \(path) aside")
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
