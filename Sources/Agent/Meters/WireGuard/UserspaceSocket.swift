internal import Glibc

/// A connection to the control socket of a userspace WireGuard daemon.
///
/// Nothing here waits longer than the deadline that it is given, whatever the daemon does.
struct UserspaceSocket: ~Copyable {
    private let descriptor: Int32
    private let doing: String

    // Declared only under _GNU_SOURCE, which Swift's Glibc module does not set.
    private static let passCredentials: Int32 = 16  // SO_PASSCRED
    private static let peerClosed: Int32 = 0x2000  // POLLRDHUP

    deinit {
        close(descriptor)
    }

    /// Connects to the daemon that listens at `place`; a socket that nobody listens on is absent.
    static func connect(
        to place: FilePlace, until deadline: ContinuousClock.Instant, doing: String
    ) throws(MeterError) -> UserspaceSocket {
        try place.resolved(doing: doing) { (path) throws(MeterError) in
            try connect(to: path, until: deadline, doing: doing)
        }
    }

    private static func connect(
        to path: String, until deadline: ContinuousClock.Instant, doing: String
    ) throws(MeterError) -> UserspaceSocket {
        guard var address = socketAddress(path) else {
            throw MeterError(.failed, doing: doing, reason: "the path \(path) is too long")
        }
        let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        let descriptor = socket(AF_UNIX, type, 0)
        guard descriptor >= 0 else { throw .system(errno, doing: doing) }
        let connection = UserspaceSocket(descriptor: descriptor, doing: doing)
        while true {
            let result = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
                }
            }
            guard result != 0 else { break }
            switch errno {
            case EINTR: continue
            case EAGAIN: try connection.pause(until: deadline)  // its backlog is full
            case let code: throw .system(code, doing: doing)
            }
        }
        try connection.askForCredentials()
        return connection
    }

    /// Sends `request` and takes `count` answers of about as many peers as `last` had, both at once,
    /// so that neither side waits for the other with full buffers.
    func exchange(
        _ request: [UInt8], answers count: Int, like last: UserspaceExtent,
        until deadline: ContinuousClock.Instant
    ) throws(MeterError) -> UserspaceAnswer {
        var answer = UserspaceAnswer(like: last, doing: doing)
        var sent = 0
        while answer.replies.count < count {
            if sent < request.count { sent += try send(request[sent...]) }
            if try receive(into: &answer) {
                guard ContinuousClock.now < deadline else { throw late() }
            } else {
                let wanted = sent < request.count ? POLLIN | POLLOUT : POLLIN
                try wait(for: Int16(wanted), until: deadline)
            }
        }
        return answer
    }

    /// Whether the daemon still holds its end of this connection.
    func isAlive() -> Bool {
        let events = Int16(truncatingIfNeeded: Self.peerClosed)
        var entry = pollfd(fd: descriptor, events: events, revents: 0)
        return poll(&entry, 1, 0) == 0
    }

    private func askForCredentials() throws(MeterError) {
        var on: Int32 = 1
        let size = socklen_t(MemoryLayout<Int32>.size)
        guard setsockopt(descriptor, SOL_SOCKET, Self.passCredentials, &on, size) == 0 else {
            throw .system(errno, doing: doing)
        }
    }

    private func pause(until deadline: ContinuousClock.Instant) throws(MeterError) {
        guard ContinuousClock.now < deadline else { throw late() }
        poll(nil, 0, 5)
    }

    private func wait(
        for events: Int16, until deadline: ContinuousClock.Instant
    ) throws(MeterError) {
        var entry = pollfd(fd: descriptor, events: events, revents: 0)
        while true {
            let left = ContinuousClock.now.duration(to: deadline)
            guard left > .zero else { throw late() }
            let milliseconds =
                left.components.seconds * 1000 + 1
                + left.components.attoseconds / 1_000_000_000_000_000
            let ready = poll(&entry, 1, Int32(clamping: milliseconds))
            if ready > 0 { return }
            guard ready == 0 || errno == EINTR else { throw .system(errno, doing: doing) }
        }
    }

    /// Sends what fits now; a daemon that no longer listens still has its answer read.
    private func send(_ bytes: ArraySlice<UInt8>) throws(MeterError) -> Int {
        let flags = Int32(MSG_NOSIGNAL | MSG_DONTWAIT)
        let count = bytes.withUnsafeBytes {
            Glibc.send(descriptor, $0.baseAddress, $0.count, flags)
        }
        guard count < 0 else { return count }
        switch errno {
        case EAGAIN, EINTR: return 0
        case EPIPE: return bytes.count
        case let code: throw .system(code, doing: doing)
        }
    }

    /// Takes what has come; false where nothing has.
    private func receive(into answer: inout UserspaceAnswer) throws(MeterError) -> Bool {
        switch try answer.receive(from: descriptor) {
        case .bytes: return true
        case .again: return false
        case .tooLarge:
            throw MeterError(
                .malformed, doing: doing,
                reason: "the answer is longer than \(UserspaceAnswer.longest) bytes, or has a line "
                    + "that is too long")
        case .manyWriters:
            throw MeterError(
                .malformed, doing: doing, reason: "more than one process answered")
        case .end:
            throw MeterError(
                .malformed, doing: doing,
                reason: "the daemon closed the connection in the middle of its answer")
        case .failure(let code): throw .system(code, doing: doing)
        }
    }

    private func late() -> MeterError {
        MeterError(.failed, doing: doing, reason: "the daemon did not answer in time")
    }

    private static func socketAddress(_ path: String) -> sockaddr_un? {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        let fits = withUnsafeMutableBytes(of: &address.sun_path) { target in
            guard bytes.count < target.count, !bytes.contains(0) else { return false }
            target.copyBytes(from: bytes)
            return true
        }
        return fits ? address : nil
    }
}

extension MeterError {
    /// What a failed call on a control socket or in /proc means.
    static func system(_ code: Int32, doing: String) -> MeterError {
        let kind: Code =
            switch code {
            case ENOENT, ECONNREFUSED, ESRCH, ENOTDIR: .absent
            case EACCES, EPERM: .denied
            default: .failed
            }
        return MeterError(kind, doing: doing, reason: String(cString: strerror(code)))
    }
}
