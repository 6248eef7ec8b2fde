/// What the controller wants of a credential.
public enum Access: String, Hashable, Sendable {
    /// Let through.
    case open
    /// Kept out until opened again.
    case shut
    /// Kept out for good: a tombstone, which stays until an operator adopts the key anew.
    case deleted

    /// Whether the key must be kept out.
    public var isShut: Bool { self != .open }
}
