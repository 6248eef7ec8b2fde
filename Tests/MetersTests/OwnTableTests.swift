import Accounting
import Foundation
import TestSupport
import Testing

@testable import Meters
@testable import Netlink

@Suite("The agent's own table", .serialized)
struct OwnTableTests {
    let host: Namespace
    let table: OwnTable

    init() throws {
        host = try Namespace()
        table = try OwnTable.open(in: .path("/run/netns/\(host.name)"))
    }

    @Test func isMadeReadAndRemoved() throws {
        let content = OwnContent(
            counted: try keys("tcp/8443", "udp/1000-1009", "ip/10.8.1.2", "ip/fd00::/64"),
            shut: try keys("tcp/25", "ip/10.8.9.0/24"),
            dropped: [try address("wg0", "10.8.1.7/32"), try address("wg0", "fd01::/64")],
            spared: [try address("wg0", "fd01::1/128")])
        #expect(try table.apply(content))
        #expect(try !table.apply(content))
        let counters = try table.read()
        #expect(counters.count == 2 * (2 + 20 + 1 + 1))
        let listing = try host.run("nft", "list", "table", "inet", "tollkeeper")
        print(listing)
        #expect(listing.contains("ipv6 . udp . 1009"))
        _ = try host.run("nft", "-j", "list", "table", "inet", "tollkeeper")
        try table.remove()
        #expect(try host.run("nft", "list", "tables").isEmpty)
        #expect(try table.read().isEmpty)
    }
}

func keys(_ texts: String...) throws -> Set<PortKey> {
    Set(try texts.map { try #require(PortKey($0)) })
}

func address(_ interface: String, _ range: String) throws -> InterfaceAddress {
    let range = try #require(AddressRange(range))
    return try #require(InterfaceAddress(interface, range))
}
