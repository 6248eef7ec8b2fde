import Accounting
import Testing

@testable import Agent

@Suite struct PortOptionsTests {
    @Test func aPortAloneIsTCPAndUDP() throws {
        let options = try #require(PortOptions(ports: "8388, tcp/1000-1999 ,ip/10.8.1.2,fd00::1"))
        #expect(
            options.named.map(\.description) == [
                "tcp/8388", "udp/8388", "tcp/1000-1999", "ip/10.8.1.2", "ip/fd00::1",
            ])
        #expect(!options.listening)
        #expect(options.readsHostRules)
    }

    @Test func listeningAndNoneAreWords() throws {
        #expect(try #require(PortOptions(ports: "listening,tcp/1")).listening)
        let none = try #require(PortOptions(ports: "none"))
        #expect(none.named.isEmpty)
        #expect(!none.readsHostRules)
        #expect(PortOptions(ports: "")?.named == [])
    }

    @Test(arguments: [
        "tcp", "tcp/0", "0", "65536", "http", "none,80", "tcp/1-60000", "port/80", "comment/x",
        "80;81", "tcp/80=alice",
    ])
    func whatIsNoPortIsRefused(_ text: String) {
        #expect(PortOptions(ports: text) == nil)
    }

    @Test func clientsAreNamedByPort() throws {
        let clients = try #require(PortOptions.clients("tcp/8443 = alice smith, 8388=bob"))
        #expect(clients[try #require(PortKey("tcp/8443"))] == "alice smith")
        #expect(clients[try #require(PortKey("udp/8388"))] == "bob")
        #expect(clients.count == 3)
        #expect(PortOptions.clients("") == [:])
    }

    @Test(arguments: ["tcp/8443", "tcp/8443=", "=alice", "x=alice", "8388=a,tcp/8388=b"])
    func whatNamesNoClientIsRefused(_ text: String) {
        #expect(PortOptions.clients(text) == nil)
    }
}
