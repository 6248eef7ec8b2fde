package import Accounting

/// A port or address that an operator names on a server, and whose it is.
package struct PortNaming: Sendable {
    /// One key, or a port's keys of several transports.
    package var keys: [PortKey]
    /// What a client of its own is called.
    package var label: String
    /// Whose it is.
    package var owner: PortOwner
    /// The group; nil: as it is, or none.
    package var group: String?

    /// Makes a naming.
    package init(
        keys: [PortKey], label: String, owner: PortOwner = .unsaid, group: String? = nil
    ) {
        (self.keys, self.label, self.owner, self.group) = (keys, label, owner, group)
    }
}

/// Whose a port is.
package enum PortOwner: Hashable, Sendable {
    /// Whose it was, or a client of its own.
    case unsaid
    /// The one client who has this name, or a new one.
    case name(String)
    /// The client with this id.
    case client(Int64)
}

/// What a change of ports led to.
package struct PortReceipt: Hashable, Sendable {
    /// The credentials that it concerns, changed by it or not.
    package var credentials: [Int64]
    /// Whether the server's agent has something new to make so.
    package var hasNews: Bool
    /// Whether it made any of them.
    package var isNew = false
}

extension PortNaming {
    /// Refuses what cannot be counted or kept.
    func check() throws {
        for key in keys {
            if let refusal = key.refusal { throw StoreError(.invalid, "port: \(refusal)") }
            guard key.key != nil else {
                throw StoreError(.invalid, "port: \(key) is too long; name fewer ports at once")
            }
        }
        if case .name(let name) = owner { try Store.checkClientName(name) }
        guard let group else { return }
        let isPlain = group.unicodeScalars.allSatisfy {
            $0.properties.generalCategory != .control
        }
        guard group.utf8.count <= 255, isPlain else {
            throw StoreError(
                .invalid, "group: a group's name has at most 255 bytes and no control characters")
        }
    }
}
