internal import CMnl
internal import Glibc

/// A generic netlink socket that finds its families by name, and again after their modules were
/// loaded anew.
package struct GenericNetlink: ~Copyable {
    private var socket: NetlinkSocket
    private var families: [String: UInt16] = [:]

    /// What the kernel says of a family.
    struct Family: Hashable, Sendable {
        /// Its number, another one each time that its module is loaded.
        var id: UInt16
        /// Its version (`CTRL_ATTR_VERSION`).
        var version: UInt32
    }

    /// Opens a generic netlink socket in `namespace`.
    package static func open(
        in namespace: NetworkNamespace = .current
    ) throws(NetlinkError) -> GenericNetlink {
        GenericNetlink(socket: try NetlinkSocket.open(.generic, in: namespace))
    }

    private init(socket: consuming NetlinkSocket) {
        self.socket = socket
    }

    /// Bytes of `struct genlmsghdr`, after which a message's attributes begin.
    package static let headerSize = 4

    /// The namespace's cookie (`SO_NETNS_COOKIE`), never reused within a boot.
    package var namespaceCookie: UInt64 { socket.namespaceCookie }

    /// One verb of a family.
    package struct Command: Sendable {
        /// The family's name, such as `wireguard`.
        package let family: String
        /// The verb's number.
        package let number: UInt8
        /// What is being done, as the end of "could not …".
        package let doing: String

        /// Names a verb.
        package init(_ family: String, _ number: UInt8, doing: String) {
            self.family = family
            self.number = number
            self.doing = doing
        }
    }

    /// Dumps, all or nothing, with the attributes that `write` adds; see `NetlinkSocket.dump`.
    package mutating func dump<Value>(
        _ command: Command, into initial: @autoclosure () -> Value,
        write: (inout NetlinkRequest) throws(NetlinkError) -> Void,
        each: (inout Value, RawSpan) throws(NetlinkError) -> Void
    ) throws(NetlinkError) -> Value {
        try withFamily(command.family) { (socket, id) throws(NetlinkError) in
            var request = Self.request(id, command.number)
            try write(&request)
            return try socket.dump(request, doing: command.doing, into: initial(), each: each)
        }
    }

    /// Sends `items` in as few requests as hold them, each begun by `begin` with `items` in a
    /// nest of type `nest`, and waits until the kernel acknowledges each.
    package mutating func send<Item>(
        _ command: Command, _ items: [Item], nest: UInt16,
        begin: (inout NetlinkRequest) throws(NetlinkError) -> Void,
        write: (inout NetlinkRequest, Item) throws(NetlinkError) -> Void
    ) throws(NetlinkError) {
        try withFamily(command.family) { (socket, id) throws(NetlinkError) in
            let requests = try NetlinkRequest.split(
                items, nest: nest,
                begin: { () throws(NetlinkError) in
                    var request = Self.request(id, command.number)
                    try begin(&request)
                    return request
                }, write: write)
            for request in requests { try socket.send(request, doing: command.doing) }
        }
    }

    private static func request(_ id: UInt16, _ command: UInt8) -> NetlinkRequest {
        NetlinkRequest(type: id, answerType: id, fixed: [command, 1, 0, 0])
    }

    /// Runs `body` with the family's number, once more with a fresh one where the kernel does not
    /// know the number any more.
    private mutating func withFamily<Value>(
        _ name: String, _ body: (inout NetlinkSocket, UInt16) throws(NetlinkError) -> Value
    ) throws(NetlinkError) -> Value {
        let known = families[name]
        let id = if let known { known } else { try resolve(name).id }
        families[name] = id
        do throws(NetlinkError) {
            return try body(&socket, id)
        } catch {
            guard known != nil, error.errno == ENOENT || error.errno == EOPNOTSUPP else {
                throw error
            }
            families[name] = nil
            let fresh = try resolve(name).id
            families[name] = fresh
            guard fresh != id else { throw error }
            return try body(&socket, fresh)
        }
    }

    /// The version of a family, as the kernel has it now.
    package mutating func version(of name: String) throws(NetlinkError) -> UInt32 {
        try resolve(name).version
    }

    /// Asks for a family's number and version; `ENOENT` where the kernel has no such family.
    mutating func resolve(_ name: String) throws(NetlinkError) -> Family {
        let controller = UInt16(GENL_ID_CTRL)
        var request = NetlinkRequest(
            type: controller, answerType: controller,
            fixed: [UInt8(CTRL_CMD_GETFAMILY), 1, 0, 0])
        try request.add(UInt16(CTRL_ATTR_FAMILY_NAME), text: name)
        let doing = "find the kernel's interface to \(name)"
        let (id, version) = try socket.get(
            request, doing: doing, into: (id: UInt16?.none, version: UInt32(0))
        ) { (answer, bytes) throws(NetlinkError) in
            var walk = AttributeWalk(bytes, from: Self.headerSize)
            while let attribute = try walk.next(in: bytes) {
                switch Int(attribute.type) {
                case CTRL_ATTR_FAMILY_ID:
                    answer.id = try attribute.integer(UInt16.self, in: bytes)
                case CTRL_ATTR_VERSION:
                    answer.version = try attribute.integer(UInt32.self, in: bytes)
                default: continue
                }
            }
        }
        guard let id else { throw .malformed("the family \(name) has no number") }
        return Family(id: id, version: version)
    }
}
