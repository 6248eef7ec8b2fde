import Foundation
import HTTPClient
import Testing

@Suite struct RequestTests {
    @Test(arguments: [
        HTTPRequest("GET /\r\nX: y", "http://127.0.0.1:1/"),
        HTTPRequest("", "http://127.0.0.1:1/"),
        HTTPRequest("get", "http://127.0.0.1:1/"),
        HTTPRequest("GET", "http://127.0.0.1:1/ HTTP/1.1\r\nX: y"),
        HTTPRequest("GET", "http://127.0.0.1:1/ä"),
        HTTPRequest("GET", ""),
        HTTPRequest("GET", "http://127.0.0.1:99999/"),
        HTTPRequest("GET", "file:///etc/passwd"),
        HTTPRequest("GET", "ftp://127.0.0.1:1/"),
        HTTPRequest("GET", "gopher://127.0.0.1:1/"),
        HTTPRequest("GET", "http://root:secret@127.0.0.1:1/"),
        HTTPRequest("GET", "http://127.0.0.1:1/", headers: [HTTPField("", "v")]),
        HTTPRequest("GET", "http://127.0.0.1:1/", headers: [HTTPField("A b", "v")]),
        HTTPRequest("GET", "http://127.0.0.1:1/", headers: [HTTPField("A:", "v")]),
        HTTPRequest("GET", "http://127.0.0.1:1/", headers: [HTTPField("A", "v\r\nB: w")]),
        HTTPRequest("GET", "http://127.0.0.1:1/", headers: [HTTPField("A", "v\u{0}")]),
    ])
    func aMalformedRequestIsRefusedWithoutItsSecrets(_ request: HTTPRequest) async throws {
        let error = try #require(await HTTPTransport().failure(of: request))
        #expect(error.code == .invalid)
        #expect(!error.description.contains("secret"))
    }

    @Test func anAnswerOfAnyStatusIsAnAnswer() async throws {
        let server = try await TestServer()
        let transport = try HTTPTransport()
        let hello = try await transport.send(HTTPRequest("GET", server.url("/hello")))
        #expect(hello.status == 200)
        #expect(hello.body == Array("hello".utf8))
        #expect(hello.header("x-padded") == "two words")
        #expect(hello.header("X-Empty") == "")
        #expect(hello.header("X-Other") == nil)
        let missing = try await transport.send(HTTPRequest("GET", server.url("/nowhere")))
        #expect(missing.status == 404)
        let redirect = try await transport.send(HTTPRequest("GET", server.url("/redirect")))
        #expect(redirect.status == 302, "redirects are not followed")
    }

    @Test(arguments: ["GET", "POST", "PUT", "PATCH", "DELETE"])
    func methodHeadersAndBodyArriveAsGiven(_ method: String) async throws {
        let server = try await TestServer()
        let body = (0..<100_000).map { UInt8(truncatingIfNeeded: $0) }
        let headers = [HTTPField("Content-Type", "application/x-protobuf"), HTTPField("X-E", "")]
        let answer = try await HTTPTransport().send(
            HTTPRequest(method, server.url("/echo?a=b"), headers: headers, body: body))
        let end = try #require(answer.body.firstRange(of: Array("\n\n".utf8)))
        let head = String(decoding: answer.body[..<end.lowerBound], as: UTF8.self)
        #expect(Array(answer.body[end.upperBound...]) == body)
        #expect(head.hasPrefix(method + "\n"))
        #expect(head.contains("Content-Type: application/x-protobuf"))
        #expect(head.contains("X-E: "))
        #expect(head.contains("Content-Length: 100000"))
        #expect(!head.contains("Expect"))
    }

    @Test(arguments: ["GET", "POST", "DELETE", "HEAD"])
    func aRequestWithoutABodyEndsAtOnce(_ method: String) async throws {
        let server = try await TestServer()
        let request = HTTPRequest(method, server.url("/echo"), timeout: .seconds(5))
        let answer = try await HTTPTransport().send(request)
        #expect(answer.status == 200)
        #expect(answer.body.isEmpty == (method == "HEAD"))
        #expect(!String(decoding: answer.body, as: UTF8.self).contains("Content-Type"))
    }

    @Test func anAnswerOverItsLimitIsRefused() async throws {
        let server = try await TestServer()
        let transport = try HTTPTransport()
        for path in ["/big?bytes=1025", "/chunks?count=1000000"] {
            let request = HTTPRequest("GET", server.url(path), answerLimit: 1024)
            #expect(await transport.failure(of: request)?.code == .tooLarge)
        }
        for path in ["/big?bytes=1024", "/chunks?count=1"] {
            let request = HTTPRequest("GET", server.url(path), answerLimit: 1024)
            #expect(try await transport.send(request).body.count == 1024)
        }
        let nothing = HTTPRequest("GET", server.url("/hello"), answerLimit: 0)
        #expect(await transport.failure(of: nothing)?.code == .tooLarge)
    }

    @Test func endlessHeadersAreRefused() async throws {
        let server = try await TestServer()
        let transport = try HTTPTransport()
        let few = try await transport.send(HTTPRequest("GET", server.url("/headers?count=50")))
        #expect(few.header("x-49")?.count == 1000)
        let many = HTTPRequest("GET", server.url("/headers?count=400"))
        #expect(await transport.failure(of: many)?.code == .tooLarge)
    }

    @Test func aBrokenAnswerIsNoAnswer() async throws {
        let server = try await TestServer()
        let transport = try HTTPTransport()
        for path in ["/break", "/garbage"] {
            let request = HTTPRequest("GET", server.url(path), timeout: .seconds(5))
            let error = try #require(await transport.failure(of: request), "\(path)")
            #expect([.failed, .invalid].contains(error.code))
        }
    }
}
