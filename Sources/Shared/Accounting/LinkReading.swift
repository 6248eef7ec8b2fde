/// What a device's link had carried when its counters were read, from the clients' side.
///
/// Only of a device whose link counts exactly what its keys do, removed ones included. The link
/// cannot be read at the same instant as they: it is read before and after them.
public struct LinkReading: Hashable, Sendable {
    /// The device's incarnation: the link starts from zero where its keys' counters do.
    public var incarnation: Incarnation
    /// What the link had carried just before the counters were read.
    public var before: Traffic
    /// What it had carried just after.
    public var after: Traffic
    /// When, seconds since 1970 by the host's clock.
    public var wall: Int64

    /// Makes a reading of a link.
    public init(incarnation: Incarnation, before: Traffic, after: Traffic, wall: Int64) {
        self.incarnation = incarnation
        self.before = before
        self.after = after
        self.wall = wall
    }

    /// Whether a later reading of the link shows the same.
    func hasCarriedNothing(until later: LinkReading) -> Bool {
        incarnation == later.incarnation && before == later.before && after == later.after
    }

    /// The link as it would have been had it carried `amount` more; nil where that does not fit.
    func adding(_ amount: Traffic) -> LinkReading? {
        guard let before = before.adding(amount), let after = after.adding(amount) else {
            return nil
        }
        return LinkReading(incarnation: incarnation, before: before, after: after, wall: wall)
    }
}

/// What becomes of the link that is remembered of a meter.
public enum LinkChange: Hashable, Sendable {
    /// It stays.
    case kept
    /// Another takes its place.
    case replaced(LinkReading)
    /// Nothing is known of it any more: the next reading begins anew.
    case forgotten
}
