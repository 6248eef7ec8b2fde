import Accounting
import Meters
import Netlink

/// Finds the meters of a host.
protocol MeterFinder {
    /// Looks at the host. A meter that was there before is the same object again.
    mutating func look() -> MeterDiscovery.Found
    /// Notes which containers run, which takes waiting to learn: looks from now on go by it.
    mutating func note(_ sight: ContainerSight)
}

extension MeterFinder {
    /// Finders that know of no containers pass it over.
    mutating func note(_ sight: ContainerSight) {}
}

/// Finds every meter of this host.
struct MeterDiscovery: MeterFinder {
    /// What one look found.
    struct Found {
        var meters: [MeterName: any Meter] = [:]
        var faults: [Fault] = []
        /// The containers that were looked into, by their names.
        var containers: [String: Container] = [:]
        /// Containers that ended before the look did: what is there by now is not known.
        var vanished: Set<String> = []
    }

    /// What could not be seen.
    struct Fault: Hashable {
        /// Where it would be.
        enum Place: Hashable {
            case host
            case namespace(String)
            case container(String)
            /// One of the containers, or all.
            case containers

            init(_ namespace: String?) {
                self = namespace.map { .namespace($0) } ?? .host
            }
        }

        var place: Place
        var text: String

        /// Whether `meter` may be there though it was not found.
        func mayHide(_ meter: MeterName) -> Bool {
            switch place {
            case .host: true
            case .namespace(let name), .container(let name): name == meter.place
            case .containers: meter.place != nil
            }
        }
    }

    /// A container, and the handle that keeps its first process apart from later ones.
    private typealias Entered = (container: Container, process: ProcessHandle)

    private var sight = ContainerSight()
    private let clock: HostClock
    private let options: AgentOptions
    private var kernel: KernelDevices
    private var userspace: [FilePlace: UserspaceDevice] = [:]
    private var rules: HostRules?

    init(clock: HostClock, options: AgentOptions) {
        self.clock = clock
        self.options = options
        kernel = KernelDevices(clock: clock)
    }

    mutating func note(_ sight: ContainerSight) { self.sight = sight }

    mutating func look() -> Found {
        var found = Found()
        let entered = enter(&found)
        lookInKernel(entered, &found)
        lookAtSockets(entered.map(\.container), &found)
        lookAtRules(&found)
        for (container, _) in entered where !container.isRunning {
            found.vanished.insert(container.name)
        }
        return found
    }

    /// Takes hold of each container; one that has ended meanwhile is no fault.
    private func enter(_ found: inout Found) -> [Entered] {
        found.faults += sight.faults.map { Fault(place: .containers, text: $0) }
        var entered: [Entered] = []
        for container in sight.containers where options.containers?.contains(container.name) ?? true
        {
            do throws(MeterError) {
                let process = try container.enter()
                guard found.containers[container.name] == nil else {
                    found.refuseSecond(container)
                    continue
                }
                found.containers[container.name] = container
                entered.append((container, process))
            } catch {
                if error.code == .absent { found.vanished.insert(container.name) }
                found.add(error, of: container)
            }
        }
        return entered
    }

    private mutating func lookInKernel(_ entered: [Entered], _ found: inout Found) {
        let inside = entered.map {
            (name: $0.container.name, namespace: $0.process.networkNamespace)
        }
        let named = NetworkNamespace.named().filter { place in
            options.namespaces?.contains(place.name) ?? true
        }
        let discovery = kernel.discover(named: inside + named)
        for device in discovery.devices where isWanted(device.name) { found.add(device) }
        for failure in discovery.failures {
            if let container = failure.place.flatMap({ found.containers[$0] }) {
                found.add(failure.error, of: container)
            } else {
                found.faults.append(Fault(place: .init(failure.place), text: "\(failure.error)"))
            }
        }
    }

    private mutating func lookAtSockets(_ containers: [Container], _ found: inout Found) {
        var devices: [FilePlace: UserspaceDevice] = [:]
        var seen: Set<UserspaceDiscovery.Identity> = []
        for container in [nil] + containers.map(Optional.some) {
            let discovery = UserspaceDiscovery(in: container)
            for one in discovery.found where isWanted(one.name) {
                // A folder of the host may be a container's too.
                guard seen.insert(one.identity).inserted else { continue }
                let clock = clock
                let device =
                    userspace[one.socket]
                    ?? UserspaceDevice(name: one.name, socket: one.socket) { clock.now() }
                devices[one.socket] = device
                found.add(device)
            }
            for fault in discovery.faults {
                if let container {
                    found.add(fault, of: container)
                } else {
                    found.faults.append(Fault(place: .host, text: "\(fault)"))
                }
            }
        }
        userspace = devices
    }

    /// Looks at the counters of the host's own rules. What cannot be reached of them hides no VPN.
    private mutating func lookAtRules(_ found: inout Found) {
        guard options.ports.readsHostRules else { return }
        if rules == nil { rules = try? HostRules.open(clock: clock) }
        if let rules, rules.isInUse() { found.add(rules) }
    }

    private func isWanted(_ name: MeterName) -> Bool {
        options.wireguard?.contains(name.device) ?? true
    }
}

extension MeterDiscovery.Found {
    fileprivate mutating func add(_ meter: any Meter) {
        guard meters[meter.name] == nil else {
            let text = "two devices are called \(meter.name); rename one, only one is metered"
            faults.append(MeterDiscovery.Fault(place: .init(meter.name.place), text: text))
            return
        }
        meters[meter.name] = meter
    }

    /// Adds why a container cannot be looked into: nothing where it has ended, nor where it has
    /// nothing to meter and only rights are missing.
    fileprivate mutating func add(_ error: MeterError, of container: Container) {
        guard error.code != .absent else { return }
        var text = "\(error)"
        if error.code == .denied {
            let hints = container.tunnelHints
            guard !hints.isEmpty || container.name.hasPrefix("amnezia") else { return }
            let what = hints.isEmpty ? "" : " has \(hints.joined(separator: ", ")) and"
            text =
                "the container \(container.name)\(what) cannot be looked into: \(error.reason); "
                + "containers.conf gives the agent these rights, see docs/amnezia.md"
        }
        let fault = MeterDiscovery.Fault(place: .container(container.name), text: text)
        if !faults.contains(fault) { faults.append(fault) }
    }

    fileprivate mutating func refuseSecond(_ container: Container) {
        let text =
            "two containers are called \(container.name); only the older one is metered, "
            + "rename the other"
        faults.append(MeterDiscovery.Fault(place: .container(container.name), text: text))
    }
}

/// Where a look at the host saw and read everything, with given settings.
enum DiscoveryScope: String, Sendable {
    case nothing
    case host
    case everything

    /// Reads what was noted down; a look with other settings counts for nothing.
    init(text: String, _ options: AgentOptions) {
        let known = [Self.host, .everything].first { $0.text(options) == text }
        self = known ?? .nothing
    }

    func text(_ options: AgentOptions) -> String {
        self == .nothing ? "" : "\(rawValue): \(options.scope)"
    }

    func covers(_ meter: MeterName) -> Bool {
        self == .everything || self == .host && meter.place == nil
    }
}
