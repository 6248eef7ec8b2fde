internal import Glibc

/// A daemon's answers, decoded as they come. What was received holds the device's private key, so it
/// is wiped when this goes.
struct UserspaceAnswer: ~Copyable {
    /// Longest accepted, in bytes: many times the 15 MB of 50,000 peers.
    static let longest = 1 << 28
    /// Longest line, many times what any daemon writes.
    private static let longestLine = 1 << 16

    /// The answers that are whole.
    private(set) var replies: [UserspaceReply] = []
    /// The process that wrote them; nil where no process id came with them.
    private(set) var writer: Int32?

    private let memory: UnsafeMutableRawBufferPointer
    /// Bytes in `memory` that are not decoded yet.
    private var held = 0
    private var total = 0
    private var decoder: UserspaceDecoder
    private let doing: String

    /// What became of one attempt to receive.
    enum Received: Equatable {
        case bytes, again, end, tooLarge, manyWriters
        case failure(Int32)
    }

    /// Waits for answers of about as many peers as `last` had.
    init(like last: UserspaceExtent, doing: String) {
        memory = .allocate(byteCount: Self.longestLine, alignment: 16)
        decoder = UserspaceDecoder(like: last)
        self.doing = doing
    }

    deinit {
        if let start = memory.baseAddress { explicit_bzero(start, memory.count) }
        memory.deallocate()
    }

    /// Takes what the socket holds now, and decodes the whole lines of it. Throws where an answer is
    /// none, or is an error number.
    mutating func receive(from descriptor: Int32) throws(MeterError) -> Received {
        guard held < memory.count, total < Self.longest else { return .tooLarge }
        let free = UnsafeMutableRawBufferPointer(rebasing: memory[held...])
        let (taken, sender) = UserspaceCredentials.receive(from: descriptor, into: free)
        guard taken >= 0 else {
            let code = errno
            return code == EAGAIN || code == EINTR ? .again : .failure(code)
        }
        guard taken > 0 else { return .end }
        if let sender {
            guard writer == nil || writer == sender else { return .manyWriters }
            writer = sender
        }
        held += taken
        total += taken
        try decode()
        return .bytes
    }

    private mutating func decode() throws(MeterError) {
        var position = 0
        while position < held {
            let rest = UnsafeRawBufferPointer(rebasing: memory[position..<held])
            position += try decoder.feed(rest.bytes, doing: doing)
            guard decoder.isComplete else { break }
            replies.append(try decoder.finish(doing: doing))
            decoder = UserspaceDecoder()
        }
        held -= position
        if held > 0, position > 0 {
            memory.copyMemory(
                from: UnsafeRawBufferPointer(rebasing: memory[position..<position + held]))
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
