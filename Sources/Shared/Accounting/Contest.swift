/// Whether another program keeps resetting a meter's counters: then its totals are lower bounds.
///
/// It is contested from the fourth fall within an hour on, until an hour passes without any.
public struct Contest: Hashable, Sendable {
    /// How many falls an hour are put up with: somebody edits peers now and then.
    public static let mostFalls = 3
    /// Seconds.
    static let window: Int64 = 3600

    /// When counters fell under an unchanged incarnation, seconds since 1970 in rising order: the
    /// newest of the last hour, at most one more than are put up with.
    public private(set) var falls: [Int64]
    /// Whether it is contested.
    public private(set) var isContested: Bool

    /// Makes a state; without falls, that of a meter which nobody else resets.
    public init(falls: [Int64] = [], isContested: Bool = false) {
        self.falls = falls
        self.isContested = isContested
    }

    /// Takes in a reading of `now`, in which counters had fallen or not. Where the clock was set
    /// back, what lay ahead counts as of now.
    public mutating func note(fell: Bool, at now: Int64) {
        let (oldest, overflow) = now.subtractingReportingOverflow(Self.window)
        falls = falls.map { min($0, now) }.filter { overflow || $0 > oldest }
        if fell { falls = (falls + [now]).suffix(Self.mostFalls + 1) }
        if falls.count > Self.mostFalls { isContested = true }
        if falls.isEmpty { isContested = false }
    }
}
