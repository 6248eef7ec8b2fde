import Accounting
import HostFiles

/// Where a meter's interface is configured.
struct ConfigurationPlace: Hashable, Sendable {
    /// The interface's configuration file.
    var file: FileLocation
    /// Amnezia's table of clients, which lies in the same folder where its app is used.
    var clientsTable: FileLocation { file.sibling("clientsTable") }

    /// The usual place of `meter`'s file; nil for what has none.
    init?(of meter: MeterName, _ options: AgentOptions) {
        switch meter.kind {
        case .wireguard:
            file = FileLocation("\(options.configurationFolder)/\(meter.device).conf")
        case .amneziawg:
            file = FileLocation("\(options.amneziaFolder)/\(meter.device).conf")
        case .v2ray, .ports, .interface: return nil
        }
    }

    /// A place that was noted down: a path as `meter` has it.
    init(path: String, of meter: MeterName) {
        file = FileLocation(path)
    }
}
