import Accounting
import Testing

@Suite struct PortKeyTests {
    @Test(arguments: [
        "tcp/8443", "udp/1000-1999", "tcp/80,443", "port/53", "sctp/5000", "ip/10.8.1.2",
        "ip/10.8.1.0/24", "ip/fd00::1", "ip/fd00::/64", "comment/a/b c", "counter/web",
        "quota/trial",
    ])
    func aKeyIsPrintedAsItWasRead(_ text: String) {
        #expect(PortKey(text)?.description == text)
    }

    @Test(arguments: [
        "", "/", "tcp", "tcp/", "tcp/0", "tcp/65536", "tcp/-1", "tcp/+80", "tcp/80-", "tcp/90-80",
        "tcp/80,,81", "tcp/80,", "TCP/80", "icmp/8", "ip/", "ip/1.2.3", "comment/", "name/x",
        "tcp/80-90-100", "tcp/ 80",
    ])
    func whatIsNoKeyIsRefused(_ text: String) {
        #expect(PortKey(text) == nil)
    }

    @Test func portsAreSortedAndJoined() {
        #expect(PortKey("tcp/443,80,81-90,85")?.description == "tcp/80-90,443")
        #expect(PortKey("tcp/1-65535") != nil)
    }

    @Test func eightyIsNotInEightThousandEighty() {
        let list = PortList("8080,18080")
        #expect(list?.contains(80) == false)
        #expect(list?.contains(8080) == true)
        #expect(list?.single == nil)
        #expect(PortList("80")?.single == 80)
    }

    @Test func onlyWhatCanBeCountedIsTaken() throws {
        #expect(try #require(PortKey("tcp/8443")).refusal == nil)
        #expect(try #require(PortKey("ip/fd00::1")).refusal == nil)
        #expect(try #require(PortKey("tcp/1-1024")).refusal == nil)
        #expect(try #require(PortKey("tcp/1-1025")).refusal?.contains("1025 ports") == true)
        #expect(try #require(PortKey("port/80")).refusal?.contains("tcp/80 or udp/80") == true)
        #expect(try #require(PortKey("comment/x")).refusal != nil)
    }
}
