import Accounting
import Meters

extension TrueHost {
    /// Notes when counters were found fallen; what was read before is forgotten.
    func noteFalls(of meters: Set<MeterName>) {
        justFallen = meters
        for device in devices {
            if meters.contains(device.name), let first = device.readAt.min(),
                let last = device.readAt.max()
            {
                falls[device.name, default: []].append(first...last)
            }
            device.readAt = []
        }
    }

    /// A meter is told as contested from the fourth fall within an hour on, and never where others
    /// have not begun its counters anew as often.
    func checkContests(_ contests: [MeterName: Contest]) throws(Violation) {
        for (meter, contest) in contests where contest.isContested {
            guard restarts[meter, default: 0] > Contest.mostFalls else {
                throw Violation(
                    "\(name): \(meter) is told as contested after "
                        + "\(restarts[meter, default: 0]) restarts by others")
            }
        }
        guard !hasWrongClock else { return }
        for meter in justFallen {
            let last = falls[meter, default: []].suffix(Contest.mostFalls + 1)
            guard last.count > Contest.mostFalls, let oldest = last.first, let newest = last.last,
                newest.upperBound - oldest.lowerBound < 3_600 * World.second
            else { continue }
            guard contests[meter]?.isContested == true else {
                throw Violation("\(name): \(meter) fell at \(last), and is not contested")
            }
        }
    }
}
