import Accounting
import HostFiles
import Meters
import Netlink

/// Where a meter's interface is configured.
struct ConfigurationPlace: Hashable {
    /// The interface's configuration file.
    var file: FileLocation
    /// Amnezia's table of clients, which lies in the same folder where its app is used.
    var clientsTable: FileLocation { file.sibling(ClientsTable.fileName) }

    /// Where images keep the files of their interfaces: Amnezia's first.
    static let foldersInContainers = [
        "/opt/amnezia/awg", "/opt/amnezia/wireguard", "/etc/amnezia/amneziawg", "/etc/wireguard",
        "/config/wg_confs", "/config",
    ]

    /// The usual place of `meter`'s file on the host; nil for what has none.
    init?(of meter: MeterName, _ options: AgentOptions) {
        switch meter.kind {
        case .wireguard:
            file = FileLocation("\(options.configurationFolder)/\(meter.device).conf")
        case .amneziawg:
            file = FileLocation("\(options.amneziaFolder)/\(meter.device).conf")
        case .v2ray, .ports, .packets, .interface: return nil
        }
    }

    /// The place of `meter`'s file in a container: the first of the usual ones where there is one.
    init?(of meter: MeterName, in root: FileRoot) {
        let places = Self.foldersInContainers.map {
            FileLocation("\($0)/\(meter.device).conf", root: root)
        }
        guard let file = places.first(where: { ((try? FileEditor.stamp(of: $0)) ?? nil) != nil })
        else { return nil }
        self.file = file
    }

    /// A place that was noted down.
    init(path: String, root: FileRoot? = nil) {
        file = FileLocation(path, root: root)
    }
}

/// The roots of containers, each opened once while its container runs.
struct ContainerRoots {
    private var roots: [Container: FileRoot] = [:]

    /// The root of a container; nil where it has ended.
    mutating func root(of container: Container) -> FileRoot? {
        if let root = roots[container] { return root }
        guard let process = try? container.enter() else { return nil }
        let root = FileRoot(process.root, of: container.name, holding: process)
        roots[container] = root
        return root
    }

    /// Lets go of those that are gone.
    mutating func keep(only containers: some Sequence<Container>) {
        let left = Set(containers)
        roots = roots.filter { left.contains($0.key) }
    }
}
