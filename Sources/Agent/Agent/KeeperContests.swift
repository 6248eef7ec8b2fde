import Accounting
import Ledger
import Logging
import Meters

extension Keeper {
    /// Takes note of whether another program resets a meter, and of who may do it: looked up when
    /// it begins, since such programs come and go.
    func noteContest(of meter: MeterName) {
        guard ledger.contest(of: meter).isContested else {
            if contested.removeValue(forKey: meter) != nil {
                logger.notice("\(meter): nobody has reset its counters for an hour")
            }
            return
        }
        guard contested[meter] == nil else { return }
        let text = ContestReport.text(suspects: ResetSuspects.running())
        contested[meter] = text
        logger.error("\(meter): \(text); its totals are lower bounds")
    }
}

/// What is said of a contested meter.
enum ContestReport {
    /// Who may reset the counters, as far as it can be seen.
    static func text(suspects: [String]) -> String {
        "another program resets its counters (wg setconf, or a tool that removes peers and adds "
            + "them again)"
            + (suspects.isEmpty ? "" : "; running here: \(suspects.joined(separator: ", "))")
    }

    /// What the doctor says.
    static func advice(_ meter: String, _ text: String) -> String {
        "\(meter) is contested: \(text). What passes between a reading and a reset is counted "
            + "by nobody: its totals are lower bounds. Have that program use wg syncconf, "
            + "which keeps counters, or edit single peers"
    }
}
