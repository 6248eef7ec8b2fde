import Accounting
import Meters
import Netlink

/// Finds the meters of a host.
protocol MeterFinder {
    /// Looks at the host. A meter that was there before is the same object again.
    mutating func look() -> MeterDiscovery.Found
}

/// Finds every meter of this host.
struct MeterDiscovery: MeterFinder {
    /// What one look found.
    struct Found {
        var meters: [MeterName: any Meter] = [:]
        var faults: [Fault] = []
    }

    /// What could not be seen.
    struct Fault: Hashable {
        /// The namespace; nil for the host's own.
        var place: String?
        var text: String
    }

    private let clock: HostClock
    private let options: AgentOptions
    private var kernel: KernelDevices
    private var userspace: [FilePlace: UserspaceDevice] = [:]

    init(clock: HostClock, options: AgentOptions) {
        self.clock = clock
        self.options = options
        kernel = KernelDevices(clock: clock)
    }

    mutating func look() -> Found {
        var found = Found()
        lookInKernel(&found)
        lookAtSockets(&found)
        return found
    }

    private mutating func lookInKernel(_ found: inout Found) {
        let places = NetworkNamespace.named().filter { place in
            options.namespaces?.contains(place.name) ?? true
        }
        let discovery = kernel.discover(named: places)
        for device in discovery.devices where isWanted(device.name) {
            found.add(device)
        }
        found.faults += discovery.failures.map { Fault(place: $0.place, text: "\($0.error)") }
    }

    private mutating func lookAtSockets(_ found: inout Found) {
        let discovery = UserspaceDiscovery()
        var devices: [FilePlace: UserspaceDevice] = [:]
        for socket in discovery.found where isWanted(socket.name) {
            let clock = clock
            let device =
                userspace[socket.socket]
                ?? UserspaceDevice(name: socket.name, socket: socket.socket) { clock.now() }
            devices[socket.socket] = device
            found.add(device)
        }
        userspace = devices
        found.faults += discovery.faults.map { Fault(place: nil, text: "\($0)") }
    }

    private func isWanted(_ name: MeterName) -> Bool {
        options.wireguard?.contains(name.device) ?? true
    }
}

extension MeterDiscovery.Found {
    fileprivate mutating func add(_ meter: any Meter) {
        guard meters[meter.name] == nil else {
            let text = "two devices are called \(meter.name); rename one, only one is metered"
            faults.append(MeterDiscovery.Fault(place: meter.name.place, text: text))
            return
        }
        meters[meter.name] = meter
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
