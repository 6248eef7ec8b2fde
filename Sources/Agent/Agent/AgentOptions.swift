import Accounting
import Meters

/// What an operator may set for the agent.
struct AgentOptions: Hashable, Sendable {
    enum Mode: String, Sendable, CaseIterable {
        /// Opens and shuts what the controller asks for.
        case enforce
        /// Counts only; changes nothing on this host.
        case observe
    }

    enum Persist: String, Sendable, CaseIterable {
        /// A shut is kept in the configuration file that the peer came from.
        case auto
        /// Configuration files are only read.
        case off
    }

    var mode = Mode.enforce
    var persist = Persist.auto
    /// Base URLs of the controller in place of those joined with; empty: those.
    var controllers: [String] = []
    /// A proxy for the way to the controller; nil for none.
    var proxy: String?
    var readInterval = Duration.seconds(10)
    var pushInterval = Duration.seconds(10)
    /// The WireGuard and AmneziaWG interfaces to meter, by name; nil: every one.
    var wireguard: [String]?
    /// What is counted at this host's ports.
    var ports = PortOptions()
    /// The named network namespaces to look into; nil: every one.
    var namespaces: [String]?
    /// About how many bytes deltas that wait to be sent may take on the disk.
    var spoolLimit: UInt64 = 64 << 20
    /// The containers to look into, by name; nil: every one.
    var containers: [String]?
    /// Where Docker listens.
    var dockerSocket = ContainerFinder.usualSocket
    var logLevel = "info"
    /// Where the ledger and the identity are.
    var stateFolder = "/var/lib/tollkeeper-agent"
    /// Where the configuration files of WireGuard's interfaces are.
    var configurationFolder = "/etc/wireguard"
    /// Where those of AmneziaWG's are.
    var amneziaFolder = "/etc/amnezia/amneziawg"

    /// Whether configuration files may be written.
    var writesConfigurations: Bool { mode == .enforce && persist == .auto }

    /// Whether a look at this host would find `meter`, were it there. A place that is neither
    /// known as a container's nor left out as either is taken for whichever is limited.
    func covers(_ meter: MeterName, containers known: Set<String> = []) -> Bool {
        guard meter.kind != .ports, meter.kind != .packets else { return true }
        guard wireguard?.contains(meter.device) ?? true else { return false }
        guard let place = meter.place else { return true }
        let isContainerSeen = containers?.contains(place) ?? true
        guard !known.contains(place) else { return isContainerSeen }
        let isNamespaceSeen = namespaces?.contains(place) ?? true
        if namespaces?.contains(place) == true || containers?.contains(place) == true {
            return true
        }
        return isNamespaceSeen && isContainerSeen
    }

    /// What a look at this host covers, as text: two looks that cover the same are comparable.
    var scope: String {
        let interfaces = wireguard?.sorted().joined(separator: ",") ?? "every interface"
        let places = namespaces?.sorted().joined(separator: ",") ?? "every namespace"
        let inside = containers?.sorted().joined(separator: ",") ?? "every container"
        return "\(interfaces) in \(places) and \(inside)"
    }
}
