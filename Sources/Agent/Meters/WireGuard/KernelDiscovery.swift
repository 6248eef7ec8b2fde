package import Accounting
package import Netlink

/// Finds every kernel device of this host and of its named network namespaces, each once.
///
/// Meant to be asked at every reading: it keeps its sockets, and a device that is still there is
/// the same object as before. A namespace whose name was deleted lives until the next discovery.
package struct KernelDevices: Sendable {
    private let clock: HostClock
    private let kinds: [MeterKind]
    private var namespaces: [NetworkNamespace.Identity: KernelNamespace] = [:]
    private var devices: [Incarnation: KernelDevice] = [:]

    /// Looks for interfaces of `kinds`; finds nothing yet.
    package init(clock: HostClock, kinds: [MeterKind] = [.wireguard, .amneziawg]) {
        self.clock = clock
        self.kinds = kinds
    }

    /// What one look found.
    package struct Discovery: Sendable {
        /// The devices: the host's own first, then by the name of their namespace.
        package fileprivate(set) var devices: [KernelDevice] = []
        /// Where a look failed; the others are found all the same.
        package fileprivate(set) var failures: [Failure] = []
    }

    /// A namespace that could not be looked into, or a device that cannot be named.
    package struct Failure: Sendable {
        /// The namespace's name; nil for the host's own.
        package let place: String?
        /// Why.
        package let error: MeterError
    }

    /// Looks into this process's namespace, which is the host's, and into `named`.
    package mutating func discover(
        named: [(name: String, namespace: NetworkNamespace)] = NetworkNamespace.named()
    ) -> Discovery {
        let places: [(String?, NetworkNamespace)] =
            [(nil, .current)] + named.map { ($0.name, $0.namespace) }
        let (oldNamespaces, oldDevices) = (namespaces, devices)
        (namespaces, devices) = ([:], [:])
        var found = Discovery()
        var seen: Set<UInt64> = []
        for (place, namespace) in places {
            do throws(NetlinkError) {
                let identity = try namespace.identity()
                guard namespaces[identity] == nil else { continue }
                let opened =
                    if let old = oldNamespaces[identity], old.place == place { old } else {
                        try KernelNamespace.open(namespace, place: place)
                    }
                guard seen.insert(opened.cookie).inserted else { continue }
                let links = try links(in: opened)
                namespaces[identity] = opened
                for (kind, link) in links { found.add(device(kind, link, opened, oldDevices)) }
            } catch {
                let doing = "look for interfaces in " + (place.map { "\($0)" } ?? "this host")
                let failure = MeterError(error, doing: doing)
                found.failures.append(Failure(place: place, error: failure))
            }
        }
        for device in found.devices { devices[device.incarnation] = device }
        return found
    }

    private func links(
        in namespace: KernelNamespace
    ) throws(NetlinkError) -> [(MeterKind, Link)] {
        try namespace.withRoute { (socket) throws(NetlinkError) in
            // A kernel that does not know a kind lists every interface: asked once, not by kind.
            let links = try socket.links(ofKind: kinds.count == 1 ? kinds[0].rawValue : nil)
            return links.compactMap { link in
                kinds.first { $0.rawValue == link.kind }.map { ($0, link) }
            }
        }
    }

    private func device(
        _ kind: MeterKind, _ link: Link, _ namespace: KernelNamespace,
        _ old: [Incarnation: KernelDevice]
    ) -> KernelDevice {
        let device = KernelDevice(
            kind: kind, device: link.name, index: link.index, namespace: namespace, clock: clock)
        guard let known = old[device.incarnation], known.name == device.name else { return device }
        return known
    }
}

extension KernelDevices.Discovery {
    /// Adds a device, or a failure where its name would be read as another's.
    fileprivate mutating func add(_ device: KernelDevice) {
        guard device.name.isClear else {
            let error = MeterError(
                .failed, doing: "meter \(Shown.text("\(device.name)"))",
                reason: "its name cannot be told from another's; rename the interface, without @")
            failures.append(KernelDevices.Failure(place: device.name.place, error: error))
            return
        }
        devices.append(device)
    }
}
