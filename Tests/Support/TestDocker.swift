package import Foundation
import Synchronization

/// A responder on a unix socket that says what Docker's API would: a handful of containers, and
/// whatever else a test wants said.
package final class TestDocker: Sendable {
    /// A running container as Docker would tell of it.
    package struct Entry: Sendable {
        package var id: String
        package var name: String
        package var process: pid_t

        /// Names a container; its id is made of `number`.
        package init(_ name: String, process: pid_t, number: Int = 1) {
            let digits = String(number, radix: 16)
            id = String(repeating: "0", count: 64 - digits.count) + digits
            self.name = name
            self.process = process
        }
    }

    private struct State {
        var entries: [Entry] = []
        var answers: [String: String] = [:]
        var asked: [String] = []
        var waiting: [Int32] = []
        var isOpen = true
    }

    /// Where it listens.
    package let path: String
    private let listener: Int32
    private let state = Mutex(State())

    /// Listens at `path`.
    package init(at path: String) throws {
        self.path = path
        unlink(path)
        listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
        let bound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard bound == 0, listen(listener, 16) == 0 else { throw POSIXError(.EADDRINUSE) }
        Thread { [weak self, listener] in
            while true {
                let connection = accept(listener, nil, nil)
                guard connection >= 0 else { return }
                guard let server = self else { return }
                Thread { server.serve(connection) }.start()
            }
        }.start()
    }

    /// Stops listening, as when Docker ends.
    package func close() {
        let waiting = state.withLock { state in
            defer { state.isOpen = false }
            return state.isOpen ? state.waiting + [listener] : []
        }
        for descriptor in waiting { shutdown(descriptor, Int32(SHUT_RDWR)) }
        unlink(path)
    }

    /// What runs; whoever waits for events is told.
    package var entries: [Entry] {
        get { state.withLock(\.entries) }
        set {
            let waiting = state.withLock { state in
                defer { state.waiting = [] }
                state.entries = newValue
                return state.waiting
            }
            let event = "{\"Type\":\"container\",\"Action\":\"start\"}\n"
            for connection in waiting {
                Self.send("\(String(event.utf8.count, radix: 16))\r\n\(event)\r\n", to: connection)
            }
        }
    }

    /// What is answered at a path in place of the truth: a whole HTTP answer.
    package func answer(_ path: String, with text: String?) {
        state.withLock { $0.answers[path] = text }
    }

    /// Every path that was asked for.
    package var asked: [String] { state.withLock(\.asked) }

    private func serve(_ connection: Int32) {
        var head: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = read(connection, &buffer, buffer.count)
            guard count > 0 else { break }
            head += buffer[..<count]
            guard head.suffix(4) == [13, 10, 13, 10] else { continue }
            let words = String(decoding: head, as: UTF8.self).split(separator: " ")
            head = []
            let path = words.count > 1 ? String(words[1].prefix { $0 != "?" }) : ""
            if path == "/events" {
                Self.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", to: connection)
                state.withLock { $0.waiting.append(connection) }
            } else {
                Self.send(answer(to: path), to: connection)
            }
        }
        state.withLock { $0.waiting.removeAll { $0 == connection } }
        Glibc.close(connection)
    }

    private func answer(to path: String) -> String {
        let (entries, override) = state.withLock { state in
            state.asked.append(path)
            return (state.entries, state.answers[path])
        }
        if let override { return override }
        if path == "/containers/json" {
            let list = entries.map { "{\"Id\":\"\($0.id)\",\"Names\":[\"/\($0.name)\"]}" }
            return Self.ok("[\(list.joined(separator: ","))]")
        }
        for entry in entries where path == "/containers/\(entry.id)/json" {
            return Self.ok("{\"State\":{\"Running\":true,\"Pid\":\(entry.process)}}")
        }
        return "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}"
    }

    /// A whole answer with a body.
    package static func ok(_ body: String) -> String {
        "HTTP/1.1 200 OK\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
    }

    private static func send(_ text: String, to connection: Int32) {
        let bytes = Array(text.utf8)
        _ = Glibc.send(connection, bytes, bytes.count, Int32(MSG_NOSIGNAL))
    }
}
