package import Netlink
internal import Synchronization

/// The sockets that all kernel devices of one network namespace are read through.
///
/// While this lives the namespace lives too, even when its name was deleted.
package final class KernelNamespace: Sendable {
    /// The namespace's name; nil for the host's own.
    package let place: String?
    /// `SO_NETNS_COOKIE`, never reused within a boot.
    package let cookie: UInt64
    private let generic: Mutex<GenericNetlink>
    private let route: Mutex<NetlinkSocket>

    /// Opens both sockets in `namespace`.
    package static func open(
        _ namespace: NetworkNamespace = .current, place: String? = nil
    ) throws(NetlinkError) -> KernelNamespace {
        KernelNamespace(
            place, try GenericNetlink.open(in: namespace),
            try NetlinkSocket.open(.route, in: namespace))
    }

    private init(
        _ place: String?, _ generic: consuming sending GenericNetlink,
        _ route: consuming sending NetlinkSocket
    ) {
        self.place = place
        cookie = generic.namespaceCookie
        self.generic = Mutex(generic)
        self.route = Mutex(route)
    }

    /// Asks over generic netlink.
    func withGeneric<Value: Sendable>(
        _ body: (inout GenericNetlink) throws(NetlinkError) -> Value
    ) throws(NetlinkError) -> Value {
        try generic.withLock { (socket) throws(NetlinkError) in try body(&socket) }
    }

    /// Asks over rtnetlink.
    func withRoute<Value: Sendable>(
        _ body: (inout NetlinkSocket) throws(NetlinkError) -> Value
    ) throws(NetlinkError) -> Value {
        try route.withLock { (socket) throws(NetlinkError) in try body(&socket) }
    }
}
