import Accounting
import Testing

@testable import Meters

@Suite struct PortMatchTests {
    static func ports(_ numbers: UInt16...) -> [UInt8] {
        numbers.flatMap { [UInt8(truncatingIfNeeded: $0), UInt8($0 >> 8)] }
    }

    static func multiport(_ side: UInt8, _ ports: [UInt16], ranges: [Int] = []) -> [UInt8] {
        var blob = [UInt8](repeating: 0, count: 48)
        blob[0] = side
        blob[1] = UInt8(ports.count)
        for (index, port) in ports.enumerated() {
            blob[2 + index * 2] = UInt8(truncatingIfNeeded: port)
            blob[3 + index * 2] = UInt8(port >> 8)
        }
        for index in ranges { blob[32 + index] = 1 }
        return blob
    }

    static func read(_ name: String, revision: UInt8 = 0, _ bytes: [UInt8]) -> PortMatch? {
        bytes.withUnsafeBytes { PortMatch(name, revision: revision, $0.bytes) }
    }

    @Test(
        arguments: [
            ("tcp", []), ("tcp", ports(0, 65535, 80, 80)),
            ("tcp", ports(0, 65535, 80, 80) + [0, 0, 0]),
            ("tcp", ports(0, 65535, 90, 80) + [0, 0, 0, 0]),
            ("tcp", ports(0, 0, 80, 80) + [0, 0, 0, 0]),
            ("tcp", ports(0, 65535, 80, 80) + [1, 0, 0, 0]),
            ("tcp", ports(0, 65535, 80, 80) + [0, 0x17, 0x02, 0]),
            ("tcp", ports(0, 65535, 80, 80) + [0, 0, 0, 2]),
            ("tcp", ports(80, 80, 0, 65535) + [0, 0, 0, 1]),
            ("udp", []), ("udp", ports(0, 65535, 80, 80)), ("udp", ports(0, 65535, 80, 80) + [1]),
            ("udp", ports(0, 65535, 80, 80) + [2]), ("udp", ports(0, 65535, 80, 79) + [0]),
        ] as [(String, [UInt8])])
    func whatIsTooShortOrLooksAtMoreThanPortsIsNotExact(_ name: String, _ bytes: [UInt8]) {
        #expect(Self.read(name, bytes)?.isExact == false)
    }

    @Test(
        arguments: [
            [], [UInt8](multiport(1, [80])[..<47]), multiport(1, [80])[..<47] + [1],
            multiport(1, []),
            multiport(2, [80]), multiport(3, [80]), multiport(1, [0]),
            multiport(1, [90, 80], ranges: [0]),
            multiport(1, [80, 90], ranges: [1]), [1, 16] + multiport(1, [80])[2...],
            [1, 255] + multiport(1, [80])[2...],
        ] as [[UInt8]])
    func aMultiportThatCannotBeIsNotExact(_ bytes: [UInt8]) {
        #expect(Self.read("multiport", revision: 1, bytes)?.isExact == false)
    }

    @Test func portsAreReadFromBothSides() throws {
        let any = Self.ports(0, 65535)
        let tcp = try #require(Self.read("tcp", any + Self.ports(8443, 8443) + [0, 0, 0, 0, 9, 9]))
        #expect(tcp == PortMatch(sources: nil, destinations: PortList("8443"), isExact: true))
        let udp = try #require(Self.read("udp", Self.ports(0, 1023) + any + [0, 7, 7, 7]))
        #expect(udp == PortMatch(sources: PortList("1-1023"), destinations: nil, isExact: true))
        let none = try #require(Self.read("tcp", any + any + [0, 0, 0, 0]))
        #expect(none == PortMatch(sources: nil, destinations: nil, isExact: true))
    }

    @Test func manyPortsAreReadWithTheirRanges() throws {
        let blob = Self.multiport(1, [443, 1000, 2000, 80], ranges: [1])
        let several = try #require(Self.read("multiport", revision: 1, blob))
        let list = PortList("80,443,1000-2000")
        #expect(several == PortMatch(sources: nil, destinations: list, isExact: true))
        let sources = try #require(Self.read("multiport", revision: 1, Self.multiport(0, [80])))
        #expect(sources == PortMatch(sources: PortList("80"), destinations: nil, isExact: true))
    }

    @Test func otherMatchesAreNoneOfPorts() {
        #expect(Self.read("multiport", revision: 0, Self.multiport(1, [80])) == nil)
        #expect(Self.read("tcp", revision: 1, Self.ports(0, 65535, 80, 80) + [0, 0, 0, 0]) == nil)
        #expect(Self.read("limit", Self.ports(0, 65535, 80, 80) + [0, 0, 0, 0]) == nil)
    }
}
