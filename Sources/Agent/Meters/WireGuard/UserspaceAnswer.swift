internal import Glibc

/// What a daemon has answered so far. It holds the device's private key, so its memory is wiped
/// when it goes.
struct UserspaceAnswer: ~Copyable {
    /// Longest accepted, in bytes: many times the 15 MB of 50,000 peers.
    static let longest = 1 << 28

    /// Where each whole answer ends: just behind its blank line.
    private(set) var ends: [Int] = []
    /// The process that wrote it; nil where no process id came with it.
    private(set) var writer: Int32?

    private var memory: UnsafeMutableRawBufferPointer
    private var count = 0
    private var scanned = 0
    private static let step = 1 << 16

    /// What became of one attempt to receive.
    enum Received: Equatable {
        case bytes, again, end, tooLarge, manyWriters
        case failure(Int32)
    }

    init(capacity: Int) {
        let size = min(max(capacity, Self.step), Self.longest)
        memory = .allocate(byteCount: size, alignment: 1)
    }

    deinit {
        wipe()
        memory.deallocate()
    }

    /// How many bytes have come.
    var byteCount: Int { count }

    /// Hands the bytes of one whole answer to `body`.
    func withAnswer<Result>(
        _ index: Int, _ body: (RawSpan) throws(MeterError) -> Result
    ) throws(MeterError) -> Result {
        let start = index == 0 ? 0 : ends[index - 1]
        let bytes = UnsafeRawBufferPointer(rebasing: memory[start..<ends[index]])
        return try body(bytes.bytes)
    }

    /// Takes what the socket holds now.
    mutating func receive(from descriptor: Int32) -> Received {
        guard count < Self.longest else { return .tooLarge }
        if memory.count - count < Self.step { grow() }
        let free = UnsafeMutableRawBufferPointer(rebasing: memory[count...])
        let (taken, sender) = UserspaceCredentials.receive(from: descriptor, into: free)
        guard taken >= 0 else {
            let code = errno
            return code == EAGAIN || code == EINTR ? .again : .failure(code)
        }
        guard taken > 0 else { return .end }
        count += taken
        findEnds()
        if let sender {
            guard writer == nil || writer == sender else { return .manyWriters }
            writer = sender
        }
        return .bytes
    }

    private mutating func grow() {
        let larger = UnsafeMutableRawBufferPointer.allocate(
            byteCount: memory.count * 2, alignment: 1)
        larger.copyMemory(from: UnsafeRawBufferPointer(rebasing: memory[..<count]))
        wipe()
        memory.deallocate()
        memory = larger
    }

    private func wipe() {
        guard let start = memory.baseAddress else { return }
        explicit_bzero(start, count)
    }

    /// Looks for blank lines in what has come since the last look.
    private mutating func findEnds() {
        let newline = Int32(UInt8(ascii: "\n"))
        while scanned < count - 1, let base = memory.baseAddress,
            let found = memchr(base + scanned, newline, count - 1 - scanned)
        {
            let index = UnsafeRawPointer(found) - UnsafeRawPointer(base)
            if memory[index + 1] == UInt8(newline) {
                ends.append(index + 2)
                scanned = index + 2
            } else {
                scanned = index + 1
            }
        }
    }
}

/// Receives bytes together with the kernel's word on who wrote them (`SCM_CREDENTIALS`).
///
/// `SO_PEERCRED` would name whoever called `listen`, and wireguard-go's daemon inherits its
/// socket from a parent that has long ended.
enum UserspaceCredentials {
    // Declared only under _GNU_SOURCE, which Swift's Glibc module does not set.
    private static let type: Int32 = 2  // SCM_CREDENTIALS
    private static let headerSize = MemoryLayout<Int>.size + 8  // struct cmsghdr
    private static let size = 12  // struct ucred

    /// Bytes received (0 at the end, -1 with `errno` set) and the writer's process id, nil where
    /// none came or the writer lives in a process namespace that is not below ours.
    static func receive(
        from descriptor: Int32, into target: UnsafeMutableRawBufferPointer
    ) -> (count: Int, writer: Int32?) {
        withUnsafeTemporaryAllocation(byteCount: 128, alignment: 8) { control in
            var part = iovec(iov_base: target.baseAddress, iov_len: target.count)
            return withUnsafeMutablePointer(to: &part) { parts in
                var message = msghdr()
                message.msg_iov = parts
                message.msg_iovlen = 1
                message.msg_control = control.baseAddress
                message.msg_controllen = control.count
                let flags = Int32(MSG_DONTWAIT | MSG_CMSG_CLOEXEC)
                let count = recvmsg(descriptor, &message, flags)
                guard count > 0 else { return (count, nil) }
                let filled = UnsafeRawBufferPointer(
                    rebasing: control[..<Int(message.msg_controllen)])
                return (count, writer(in: filled.bytes))
            }
        }
    }

    /// The process id in a received control message; nil where it holds none.
    static func writer(in control: RawSpan) -> Int32? {
        guard control.byteCount >= headerSize + size else { return nil }
        let length = control.unsafeLoadUnaligned(fromByteOffset: 0, as: Int.self)
        let level = control.unsafeLoadUnaligned(fromByteOffset: headerSize - 8, as: Int32.self)
        let kind = control.unsafeLoadUnaligned(fromByteOffset: headerSize - 4, as: Int32.self)
        guard length >= headerSize + size, level == SOL_SOCKET, kind == type else { return nil }
        let process = control.unsafeLoadUnaligned(fromByteOffset: headerSize, as: Int32.self)
        return process > 0 ? process : nil
    }
}
