import Foundation
import HTTPClient
import Synchronization
import Testing

@Suite struct ConnectionTests {
    @Test func requestsInTurnUseOneConnection() async throws {
        let server = try await TestServer()
        let transport = try HTTPTransport()
        for _ in 0..<5 {
            let answer = try await transport.send(HTTPRequest("GET", server.url("/hello")))
            #expect(answer.header("X-Connection") == "1")
        }
        let posted = HTTPRequest("POST", server.url("/echo"), body: [1, 2, 3])
        #expect(try await transport.send(posted).header("X-Connection") == "1")
    }

    @Test func manyWaitingRequestsHoldNoThreadOfThePool() async throws {
        let server = try await TestServer()
        let transport = try HTTPTransport()
        let started = ContinuousClock.now
        try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<100 {
                let request = HTTPRequest("GET", server.url("/wait?seconds=1"))
                group.addTask { try await transport.send(request).status }
            }
            // The pool has as many threads as processors: it must still run this.
            let quick = try await transport.send(HTTPRequest("GET", server.url("/hello")))
            #expect(quick.status == 200)
            for try await status in group { #expect(status == 200) }
        }
        #expect(started.duration(to: .now) < .seconds(90), "they waited one after another")
    }

    @Test func aRefusedConnectionAndAnUnknownHostAreToldApart() async throws {
        let transport = try HTTPTransport()
        let port = try await Fixture.freePort()
        let refused = HTTPRequest("GET", "http://127.0.0.1:\(port)/x?token=secret")
        let error = try #require(await transport.failure(of: refused))
        #expect(error.code == .connect)
        #expect(error.description.hasPrefix("could not GET http://127.0.0.1:\(port)/x: "))
        let unknown = HTTPRequest("GET", "http://no-such-host.invalid/")
        #expect(await transport.failure(of: unknown)?.code == .resolve)
    }

    @Test func aRequestEndsWhenItsTimeIsUp() async throws {
        let server = try await TestServer()
        let request = HTTPRequest(
            "GET", server.url("/wait?seconds=30"), timeout: .milliseconds(300))
        let started = ContinuousClock.now
        #expect(try await HTTPTransport().failure(of: request)?.code == .timeout)
        let took = started.duration(to: .now)
        #expect(took >= .milliseconds(290) && took < .seconds(25))
    }

    @Test func cancellingAWaitingRequestEndsItAtOnceAndOnTheServerToo() async throws {
        let server = try await TestServer()
        let transport = try HTTPTransport()
        let request = HTTPRequest("GET", server.url("/wait?seconds=50&name=c"))
        let waiting = Task { await transport.failure(of: request) }
        try #require(try await server.tells("/waiting", "c", through: transport))
        let started = ContinuousClock.now
        waiting.cancel()
        #expect(await waiting.value?.code == .cancelled)
        #expect(started.duration(to: .now) < .seconds(40))
        #expect(try await server.tells("/aborted", "c", through: transport))
    }

    @Test func aTaskThatIsCancelledAlreadySendsNothing() async throws {
        let transport = try HTTPTransport()
        let task = Task {
            try? await Task.sleep(for: .seconds(60))
            return await transport.failure(of: HTTPRequest("GET", "http://127.0.0.1:1/"))
        }
        task.cancel()
        #expect(await task.value?.code == .cancelled)
    }

    @Test func cancellingAtAnyMomentLeavesNoTaskHanging() async throws {
        let server = try await TestServer()
        let transport = try HTTPTransport()
        let request = HTTPRequest("GET", server.url("/hello"))
        await withTaskGroup(of: Void.self) { group in
            for delay in 0..<300 {
                group.addTask {
                    let task = Task { await transport.failure(of: request) }
                    try? await Task.sleep(for: .microseconds(delay * 50))
                    task.cancel()
                    let code = await task.value?.code
                    #expect(code == nil || code == .cancelled)
                }
            }
        }
        #expect(try await transport.send(request).status == 200)
    }

    @Test func closingEndsWhatWaitsAndRefusesWhatComes() async throws {
        let server = try await TestServer()
        let transport = try HTTPTransport()
        let request = HTTPRequest("GET", server.url("/wait?seconds=50&name=w"))
        async let waiting = transport.failure(of: request)
        try #require(try await server.tells("/waiting", "w", through: transport))
        transport.close()
        #expect(await waiting?.code == .cancelled)
        #expect(await transport.failure(of: request)?.code == .cancelled)
    }

    @Test func transportsThatAreLetGoLeaveNoThreadAndNoDescriptor() async throws {
        let server = try await TestServer()
        for _ in 0..<50 {
            let transport = try HTTPTransport()
            _ = try await transport.send(HTTPRequest("GET", server.url("/hello")))
        }
        var open = 50
        for _ in 0..<100 where open > 0 {
            try await Task.sleep(for: .milliseconds(50))
            open = try Self.connections(to: server.port)
        }
        #expect(open == 0, "connections of transports that are gone")
    }

    @Test func aUnixSocketTakesThePlaceOfTheHost() async throws {
        let scratch = try Scratch()
        let path = scratch.path + "/http.sock"
        let server = try await TestServer("--unix", path)
        let transport = try HTTPTransport(.init(unixSocket: path))
        let answer = try await transport.send(HTTPRequest("GET", "http://local/hello"))
        #expect(answer.body == Array("hello".utf8))
        _ = server
        let absent = try HTTPTransport(.init(unixSocket: scratch.path + "/absent.sock"))
        let request = HTTPRequest("GET", "http://local/hello")
        #expect(await absent.failure(of: request)?.code == .connect)
    }

    @Test func aProxyThatIsNamedIsUsedAndTheEnvironmentIsNot() async throws {
        let server = try await TestServer()
        let port = try await Fixture.freePort()
        setenv("http_proxy", "http://127.0.0.1:\(port)", 1)
        defer { unsetenv("http_proxy") }
        let direct = try await HTTPTransport().send(HTTPRequest("GET", server.url("/hello")))
        #expect(direct.status == 200)
        let proxied = try HTTPTransport(.init(proxy: "http://127.0.0.1:\(server.port)"))
        let answer = try await proxied.send(HTTPRequest("GET", "http://no-such.invalid/hello"))
        #expect(answer.body == Array("hello".utf8))
    }

    /// Established connections of this process to a local port, by the kernel's own table.
    private static func connections(to port: Int) throws -> Int {
        let own = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").compactMap {
            try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\($0)")
        }
        let remote = "0100007F:" + String(port, radix: 16, uppercase: true)
        let table = try String(contentsOfFile: "/proc/net/tcp", encoding: .utf8)
        return table.split(separator: "\n").count { line in
            let columns = line.split(separator: " ")
            return columns[2] == remote && own.contains("socket:[\(columns[9])]")
        }
    }
}
