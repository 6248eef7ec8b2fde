package import Accounting
internal import Netlink
internal import Synchronization

/// A WireGuard or AmneziaWG device of the kernel, read and changed over generic netlink.
///
/// The kind of the meter is the name of the family; how the families differ in what is written
/// stands in `KernelDialect`.
package final class KernelDevice: Meter, Sendable {
    package let name: MeterName
    /// The interface's index: with the namespace's cookie it is what the device is known by.
    package let index: UInt32
    package let incarnation: Incarnation
    let namespace: KernelNamespace
    let clock: HostClock
    /// How long the last dump's lists were, and its keys, none of which stood there twice.
    private let last = Mutex((size: KernelDump.Size(), tally: KeyTally()))

    package let traits = MeterTraits(source: "kernel", blocksInPlace: true)

    /// A device in `namespace`; nothing is asked of the kernel yet.
    package init(
        kind: MeterKind = .wireguard, device: String, index: UInt32, namespace: KernelNamespace,
        clock: HostClock
    ) {
        name = MeterName(kind: kind, device: device, place: namespace.place)
        self.index = index
        self.namespace = namespace
        self.clock = clock
        incarnation = .kernelDevice(
            boot: clock.boot, namespaceCookie: namespace.cookie, index: index)
    }

    /// Reads every peer's counters in one dump, and the link's just before and after them.
    package func read() throws(MeterError) -> MeterReading {
        try explain("read \(name)") { () throws(NetlinkError) in
            let instant = clock.now()
            let before = try carried()
            let dump = try self.dump()
            let link = try LinkReading(
                from: before, to: carried(), of: incarnation, at: instant)
            let reading = Reading(
                meter: name, instant: instant, counters: dump.counters,
                startsFromZero: true, link: link)
            return MeterReading(
                reading: reading, listenPort: dump.listenPort, fingerprint: dump.fingerprint,
                peers: { dump.settings(of: $0) })
        }
    }

    /// What the link has carried; nil where the kernel does not say, or counts otherwise than the
    /// peers do.
    private func carried() throws(NetlinkError) -> Traffic? {
        guard name.kind == .wireguard else { return nil }
        return try namespace.withRoute { (socket) throws(NetlinkError) in
            try socket.link(index: index).traffic
        }
    }

    /// The whole device at one instant.
    func dump() throws(NetlinkError) -> KernelDump {
        let command = GenericNetlink.Command(
            name.kind.rawValue, DeviceCommand.get, doing: "read \(name)")
        let last = last.withLock { $0 }
        var dump = try namespace.withGeneric { (socket) throws(NetlinkError) in
            try socket.dump(
                command,
                into: KernelDump(index: index, incarnation: incarnation, expecting: last.size),
                write: { (request) throws(NetlinkError) in
                    try request.add(DeviceAttribute.index, integer: index)
                },
                each: { (dump, bytes) throws(NetlinkError) in try dump.add(bytes) })
        }
        try dump.checkWhole(known: last.tally)
        let now = (size: dump.size, tally: dump.tally)
        self.last.withLock { $0 = now }
        return dump
    }

    /// Makes the kernel's error one of this meter's.
    func explain<Value>(
        _ doing: String, _ body: () throws(NetlinkError) -> Value
    ) throws(MeterError) -> Value {
        do throws(NetlinkError) {
            return try body()
        } catch {
            throw MeterError(error, doing: doing)
        }
    }
}
