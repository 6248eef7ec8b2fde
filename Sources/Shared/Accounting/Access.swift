/// What the controller wants of a credential.
public enum Access: String, Hashable, Sendable {
    /// Let through.
    case open
    /// Kept out until opened again.
    case shut
    /// Kept out for good: a tombstone, which stays until an operator adopts the key anew.
    case deleted
    /// Let through, and not counted any more: its counting goes after a last reading. Only for keys of
    /// `ports` meters.
    case uncounted

    /// Whether the key must be kept out.
    public var isShut: Bool { self == .shut || self == .deleted }
}
