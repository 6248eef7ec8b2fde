internal import Glibc
internal import Netlink

/// What the kernel says of a table before its entries are asked for (`struct ipt_getinfo`).
struct LegacyInfo: Hashable, Sendable {
    /// Where the base chain of each hook begins, by hook; -1 where the table has none.
    var hookEntries: [Int]
    /// How many entries there are.
    var count: Int
    /// Bytes of all entries.
    var size: Int

    static let byteCount = 84
    /// `NF_INET_NUMHOOKS`.
    static let hookCount = 5
    /// No table is as large: each rule is at least 152 bytes.
    static let largest = 1 << 30

    /// Reads the struct; nil where it says what cannot be.
    init?(_ bytes: RawSpan) {
        guard bytes.byteCount == Self.byteCount else { return nil }
        let valid = bytes.unsafeLoadUnaligned(fromByteOffset: 32, as: UInt32.self)
        hookEntries = (0..<Self.hookCount).map { hook in
            guard valid & (1 << UInt32(hook)) != 0 else { return -1 }
            return Int(bytes.unsafeLoadUnaligned(fromByteOffset: 36 + hook * 4, as: UInt32.self))
        }
        count = Int(bytes.unsafeLoadUnaligned(fromByteOffset: 76, as: UInt32.self))
        size = Int(bytes.unsafeLoadUnaligned(fromByteOffset: 80, as: UInt32.self))
        guard size > 0, size <= Self.largest, count <= size / 144 else { return nil }
    }
}

/// The kernel's end of one family's tables in one network namespace.
final class LegacySource {
    let family: LegacyFamily
    private let namespace: NetworkNamespace
    /// Both negative while not open.
    private var names: Int32 = -1
    private var socket: Int32 = -1

    init(_ family: LegacyFamily, in namespace: NetworkNamespace) {
        self.family = family
        self.namespace = namespace
    }

    deinit { forget() }

    private func forget() {
        if names >= 0 { close(names) }
        if socket >= 0 { close(socket) }
        (names, socket) = (-1, -1)
    }

    /// The tables that there are; empty where the kernel has no iptables-legacy. None is made by it.
    func tables() throws(MeterError) -> Set<String> {
        let doing = "list the tables of \(family.program)"
        do throws(NetlinkError) {
            if names < 0 { names = try namespace.open(family.namesFile) }
        } catch {
            guard error.errno == ENOENT else { throw MeterError(error, doing: doing) }
            return []
        }
        var room = [UInt8](repeating: 0, count: 512)
        let count = pread(names, &room, room.count, 0)
        guard count >= 0 else {
            // The module is gone, or another stands in its place.
            let code = errno
            forget()
            guard code == ENXIO || code == EIO || code == ENODEV else {
                throw .system(code, doing: doing)
            }
            return []
        }
        return Set(
            room[..<count].split(separator: UInt8(ascii: "\n"))
                .map { String(decoding: $0, as: UTF8.self) })
    }

    /// What there is to say of a table; nil where it is not there any more.
    func info(of table: String) throws(MeterError) -> LegacyInfo? {
        var room = Array(table.utf8.prefix(31))
        room += [UInt8](repeating: 0, count: LegacyInfo.byteCount - room.count)
        let doing = "read the table \(table) of \(family.program)"
        guard try ask(LegacyFamily.info, &room, room.count, doing) == .answered else { return nil }
        guard let info = LegacyInfo(room.span.bytes) else {
            throw MeterError(.malformed, doing: doing, reason: "its size cannot be right")
        }
        return info
    }

    /// Asks for the entries; nil where the table is not there any more, false where its size is
    /// not that of `info` any more.
    func entries(
        of table: String, _ info: LegacyInfo, into buffer: LegacyBuffer
    ) throws(MeterError) -> Bool? {
        buffer.prepare(table, size: info.size)
        let doing = "read the table \(table) of \(family.program)"
        let outcome = try ask(
            LegacyFamily.entries, buffer.start, LegacyBuffer.headerSize + info.size, doing)
        switch outcome {
        case .answered: return true
        case .changed: return false
        case .absent: return nil
        }
    }

    private enum Outcome { case answered, changed, absent }

    private func ask(
        _ option: Int32, _ room: UnsafeMutableRawPointer, _ size: Int, _ doing: String
    ) throws(MeterError) -> Outcome {
        try open(doing)
        var length = socklen_t(size)
        while getsockopt(socket, family.level, option, room, &length) != 0 {
            switch errno {
            case EINTR: continue
            case EAGAIN: return .changed
            case ENOENT, ENOPROTOOPT: return .absent
            case EPERM:
                throw MeterError(
                    .denied, doing: doing, reason: "it is not permitted (CAP_NET_ADMIN is needed)")
            case let code: throw .system(code, doing: doing)
            }
        }
        guard Int(length) == size else {
            throw MeterError(.malformed, doing: doing, reason: "the kernel answered too little")
        }
        return .answered
    }

    private func open(_ doing: String) throws(MeterError) {
        guard socket < 0 else { return }
        do throws(NetlinkError) {
            socket = try namespace.socket(
                domain: family.domain, type: Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue),
                protocol: 0)
        } catch {
            throw MeterError(error, doing: doing)
        }
    }

}
