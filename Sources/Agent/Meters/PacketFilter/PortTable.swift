public import Accounting

/// The meter of the ports and addresses that operators name: `ports/inet`.
///
/// Its keys are not found but wanted: `bring` says which there are.
public protocol PortTable: Meter {
    /// Counts exactly `counted`, and lets nothing through for `shut`, established connections
    /// included; verifies it. The counters of what stays go on. Returns whether something changed.
    ///
    /// A table that another program flushed is made again.
    func bring(counted: Set<PortKey>, shut: Set<PortKey>) throws(MeterError) -> Bool
}

extension PortTable {
    /// A table's keys are shut and opened by `bring`.
    public func block(_ keys: [Key]) throws(MeterError) { throw refusal("block", keys) }

    /// A table's keys are taken out by `bring`.
    public func remove(_ keys: [Key]) throws(MeterError) -> Removal {
        throw refusal("remove", keys)
    }

    /// A table's keys are opened by `bring`.
    public func restore(_ settings: [PeerSettings]) throws(MeterError) {
        throw refusal("restore", settings.map(\.key))
    }

    private func refusal(_ verb: String, _ keys: [Key]) -> MeterError {
        MeterError(
            .failed, doing: "\(verb) \(keys.count) keys of \(name)",
            reason: "ports are opened and shut together")
    }
}
