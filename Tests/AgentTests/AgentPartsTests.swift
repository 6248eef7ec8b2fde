import Foundation
import Testing

@testable import Agent

@Suite struct AgentPartsTests {
    @Test(arguments: [
        "", "tk1", "tk1.abc.", "tk2.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA.",
        "tk1.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "tk1.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA.AAAA",
        "tk1.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA+A.",
    ])
    func aBrokenTokenIsRefused(_ text: String) {
        #expect(throws: AgentError.self) { try JoinToken(text) }
    }

    @Test func aTokenCarriesThePin() throws {
        let random = Base64URL.encode([UInt8](repeating: 7, count: 32))
        let pin = Base64URL.encode([UInt8](repeating: 0xfe, count: 32))
        #expect(try JoinToken("tk1.\(random).").pin == nil)
        let token = try JoinToken("tk1.\(random).\(pin)")
        #expect(token.pin == Data(repeating: 0xfe, count: 32).base64EncodedString())
    }

    @Test(arguments: [
        "203.0.113.5:8440", "ftp://x", "http://203.0.113.5:8440", "https://", "https://a/b",
        "https://user@host", "http://127.evil.example", "http://localhost.evil.example:8440",
        "http://[::1].evil.example", "http://127.0.0.1:x", "http://127.0.0.1.evil.example",
        "https://host\r\nX: y", "https://h\u{f6}st", "https://a\\b",
    ])
    func anAddressThatWouldNotDoIsRefused(_ url: String) {
        #expect(throws: AgentError.self) { try ControllerURL.check(url) }
    }

    @Test(arguments: ["https://host:8440/", "http://127.0.0.1:8440", "http://[::1]:8440"])
    func anAddressIsTakenWithoutItsLastSlash(_ url: String) throws {
        #expect(try ControllerURL.check(url) == url.trimmingCharacters(in: ["/"]))
    }

    @Test func aDateOfHTTPIsRead() {
        let date = HTTPDate.parse("Sun, 06 Nov 1994 08:49:37 GMT")
        #expect(date == Date(timeIntervalSince1970: 784_111_777))
        #expect(HTTPDate.parse("yesterday") == nil)
    }

    @Test func theWaitAfterFailuresGrowsToItsLimit() {
        var backoff = Backoff(first: .seconds(1), longest: .seconds(8))
        var random = SystemRandomNumberGenerator()
        for step in [1.0, 2, 4, 8, 8, 8] {
            let wait = backoff.failed(random: &random)
            #expect(wait <= .seconds(step) && wait >= .seconds(step / 2))
        }
        backoff.succeeded()
        #expect(backoff.failed(random: &random) <= .seconds(1))
    }

    @Test(.timeLimit(.minutes(5))) func aWaitEndsWhenItIsRung() async {
        let wakeup = Wakeup()
        let start = ContinuousClock.now
        wakeup.ring()
        await wakeup.wait(atMost: .seconds(3600))
        async let wait: Void = wakeup.wait(atMost: .seconds(3600))
        try? await Task.sleep(for: .milliseconds(20))
        wakeup.ring()
        await wait
        #expect(ContinuousClock.now - start < .seconds(3600))
    }

    @Test(.timeLimit(.minutes(1))) func aWaitEndsThoughItsTimeIsUpBeforeItBegins() async {
        let wakeup = Wakeup()
        for _ in 0..<20_000 { await wakeup.wait(atMost: .zero) }
    }

    @Test func aSecretFileIsForItsOwnerAlone() throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "secret-\(UUID())").path
        try Files.writeSecret([1, 2], to: path)
        try Files.writeSecret([3], to: path)
        #expect(try Files.read(path) == [3])
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions]
        #expect((mode as? NSNumber)?.intValue == 0o600)
        try FileManager.default.removeItem(atPath: path)
        #expect(try Files.read(path) == nil)
    }
}
