import Foundation

/// The hours that usage is kept in: those of one time zone. Zones whose offset is not whole hours
/// have hours that begin at half past or a quarter by UTC.
struct HourGrid: Sendable {
    let zone: TimeZone

    static let utc = HourGrid(zone: .gmt)

    /// When the hour of a moment begins, in seconds since 1970; the moment is in nanoseconds.
    func hour(of nanoseconds: Int64) -> Int64 {
        let (quotient, remainder) = nanoseconds.quotientAndRemainder(dividingBy: 1_000_000_000)
        let seconds = remainder < 0 ? quotient - 1 : quotient
        let moment = Date(timeIntervalSince1970: TimeInterval(seconds))
        let local = seconds + Int64(zone.secondsFromGMT(for: moment))
        let past = local % 3600
        return seconds - (past < 0 ? past + 3600 : past)
    }
}
