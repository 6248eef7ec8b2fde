import FoundationEssentials
import Glibc
import Netlink
import ServiceLifecycle

/// Answers `tollkeeper-agent status` on a unix socket in the state folder.
struct StatusSocket: Service {
    let path: String
    /// The answer's bytes.
    let answer: @Sendable () async -> [UInt8]

    static func path(in folder: String) -> String { "\(folder)/agent.sock" }

    func run() async throws {
        let listener = try listen()
        try OwnThread.detach {
            while true {
                let connection = accept(listener, nil, nil)
                guard connection >= 0 else {
                    if errno == EINTR || errno == ECONNABORTED { continue }
                    close(listener)
                    return
                }
                Task {
                    UnixSocket.writeAll(await answer(), to: connection)
                    close(connection)
                }
            }
        }
        try? await gracefulShutdown()
        unlink(path)
        shutdown(listener, Int32(SHUT_RDWR))
    }

    private func listen() throws -> Int32 {
        unlink(path)
        let doing = "listen on \(path)"
        let listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard listener >= 0 else { throw AgentError.system(errno, doing: doing) }
        let mask = umask(0o177)
        defer { umask(mask) }
        let result = try UnixSocket.withAddress(path, doing: doing) { bind(listener, $0, $1) }
        guard result == 0, Glibc.listen(listener, 16) == 0 else {
            let number = errno
            close(listener)
            throw AgentError.system(number, doing: doing)
        }
        return listener
    }

    /// Asks the agent that runs on `folder`; nil where none runs.
    static func ask(in folder: String) throws -> [UInt8]? {
        let path = path(in: folder)
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw AgentError.system(errno, doing: "ask \(path)") }
        defer { close(descriptor) }
        let result = try UnixSocket.withAddress(path, doing: "ask \(path)") {
            connect(descriptor, $0, $1)
        }
        guard result == 0 else {
            if errno == ENOENT || errno == ECONNREFUSED { return nil }
            throw AgentError.system(errno, doing: "ask \(path)")
        }
        return UnixSocket.readAll(from: descriptor)
    }
}

/// The few calls on unix sockets that the agent needs.
enum UnixSocket {
    /// Calls `body` with the socket address of `path`; a leading `@` stands for an abstract one.
    static func withAddress<Result>(
        _ path: String, doing: String,
        _ body: (UnsafePointer<sockaddr>, socklen_t) throws -> Result
    ) throws -> Result {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        var bytes = Array(path.utf8)
        guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else {
            throw AgentError(doing: doing, reason: "the path is longer than 107 bytes")
        }
        if bytes.first == UInt8(ascii: "@") { bytes[0] = 0 }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let isAbstract = bytes.first == 0
        let length = MemoryLayout<sa_family_t>.size + bytes.count + (isAbstract ? 0 : 1)
        return try withUnsafePointer(to: &address) { pointer in
            try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                try body($0, socklen_t(length))
            }
        }
    }

    /// Writes everything; a peer that went away is not waited for.
    static func writeAll(_ bytes: [UInt8], to descriptor: Int32) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes {
                send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }

    /// Reads until the peer closes.
    static func readAll(from descriptor: Int32) -> [UInt8] {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 16_384)
        while true {
            let count = read(descriptor, &buffer, buffer.count)
            guard count > 0 else { return bytes }
            bytes += buffer[..<count]
        }
    }
}
