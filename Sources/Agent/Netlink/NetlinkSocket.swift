internal import CMnl
internal import Glibc

/// A netlink socket in one network namespace, which it belongs to until it is closed.
///
/// An answer is waited for at most as long as `open` was told, so the kernel cannot hang us.
package struct NetlinkSocket: ~Copyable {
    /// The kernel subsystem that is talked to.
    package enum Bus: Int32, Sendable {
        /// rtnetlink (`NETLINK_ROUTE`).
        case route = 0
        /// nfnetlink (`NETLINK_NETFILTER`): nftables.
        case netfilter = 12
        /// Generic netlink (`NETLINK_GENERIC`).
        case generic = 16
    }

    /// Bytes of a receive buffer: the kernel fills at most 32 KiB of it at once.
    static let bufferSize = 64 * 1024

    private let handle: OpaquePointer
    private let buffer: UnsafeMutableRawBufferPointer
    private(set) var port: UInt32 = 0
    private(set) var sequence: UInt32 = 0
    /// Bytes that can surely be sent at once.
    private var room = 64 * 1024
    /// The namespace's cookie (`SO_NETNS_COOKIE`), never reused within a boot.
    package private(set) var namespaceCookie: UInt64 = 0

    /// Takes over libmnl's handle.
    private init(_ handle: OpaquePointer) {
        self.handle = handle
        buffer = .allocate(byteCount: Self.bufferSize, alignment: 16)
    }

    deinit {
        mnl_socket_close(handle)
        buffer.deallocate()
    }

    /// The descriptor, to wait on.
    var descriptor: Int32 { mnl_socket_get_fd(handle) }

    /// Opens a socket in `namespace`, a member of the multicast groups in the mask `groups`.
    package static func open(
        _ bus: Bus, in namespace: NetworkNamespace = .current, groups: UInt32 = 0,
        timeoutSeconds: Int = 5
    ) throws(NetlinkError) -> NetlinkSocket {
        let doing = "open a netlink socket in \(namespace)"
        let descriptor = try namespace.socket(
            domain: AF_NETLINK, type: Int32(SOCK_RAW.rawValue | SOCK_CLOEXEC.rawValue),
            protocol: bus.rawValue)
        guard let handle = mnl_socket_fdopen(descriptor) else {
            let number = errno
            close(descriptor)
            throw .system(number, doing: doing)
        }
        var socket = NetlinkSocket(handle)
        try socket.prepare(groups, timeoutSeconds, doing)
        return socket
    }

    private mutating func prepare(
        _ groups: UInt32, _ seconds: Int, _ doing: String
    ) throws(NetlinkError) {
        try check(mnl_socket_bind(handle, groups, pid_t(MNL_SOCKET_AUTOPID)), doing)
        port = mnl_socket_get_portid(handle)
        var on: Int32 = 1
        let size = socklen_t(MemoryLayout<Int32>.size)
        try check(mnl_socket_setsockopt(handle, NETLINK_EXT_ACK, &on, size), doing)
        try check(mnl_socket_setsockopt(handle, NETLINK_CAP_ACK, &on, size), doing)
        var limit = timeval(tv_sec: seconds, tv_usec: 0)
        let limitSize = socklen_t(MemoryLayout<timeval>.size)
        try check(
            setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, limitSize), doing)
        try check(tk_network_cookie(descriptor, &namespaceCookie), doing)
    }

    /// Sends `request` under the next sequence number.
    mutating func send(
        _ request: NetlinkRequest, flags: Int32, _ doing: String
    ) throws(NetlinkError) {
        var stamped = request
        sequence &+= 1
        stamped.stamp(sequence: sequence, flags: flags)
        let sent = stamped.bytes.withUnsafeBytes {
            mnl_socket_sendto(handle, $0.baseAddress, $0.count)
        }
        try check(sent, doing)
    }

    /// Takes `count` sequence numbers and returns the first.
    mutating func takeSequence(_ count: Int) -> UInt32 {
        defer { sequence &+= UInt32(count) }
        return sequence &+ 1
    }

    /// Lets that many bytes be sent at once, which is more than the usual where a batch is large.
    mutating func makeRoom(toSend count: Int, _ doing: String) throws(NetlinkError) {
        let wanted = count + 64 * 1024
        guard wanted > room else { return }
        var size = Int32(clamping: wanted)
        // The kernel doubles it, for its own overhead. CAP_NET_ADMIN lifts the usual limit.
        try check(
            setsockopt(
                descriptor, SOL_SOCKET, Int32(SO_SNDBUFFORCE), &size,
                socklen_t(MemoryLayout<Int32>.size)), doing)
        room = wanted
    }

    /// Sends bytes that are stamped already.
    mutating func sendWhole(_ bytes: [UInt8], _ doing: String) throws(NetlinkError) {
        let sent = bytes.withUnsafeBytes { mnl_socket_sendto(handle, $0.baseAddress, $0.count) }
        try check(sent, doing)
    }

    /// Receives one datagram and hands it over.
    mutating func receive<Value>(
        _ doing: String, _ body: (RawSpan) throws(NetlinkError) -> Value
    ) throws(NetlinkError) -> Value {
        let count = try receiveCount(doing)
        return try body(UnsafeRawBufferPointer(rebasing: buffer[..<count]).bytes)
    }

    private func receiveCount(_ doing: String) throws(NetlinkError) -> Int {
        while true {
            let count = mnl_socket_recvfrom(handle, buffer.baseAddress, buffer.count)
            guard count < 0 else { return count }
            let number = errno
            if number == EINTR { continue }
            guard number == EAGAIN else { throw .system(number, doing: doing) }
            throw NetlinkError(.timedOut, doing: doing, reason: "the kernel did not answer in time")
        }
    }

    /// Throws away what is left of an exchange that was given up, which also ends its dump.
    mutating func drain() {
        while true {
            let count = recv(
                descriptor, buffer.baseAddress, buffer.count, Int32(MSG_DONTWAIT))
            guard count >= 0 || errno == EINTR || errno == ENOBUFS else { return }
        }
    }
}
