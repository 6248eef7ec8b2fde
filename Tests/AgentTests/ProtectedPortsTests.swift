import Accounting
import Foundation
import Testing

@testable import Agent

@Suite struct ProtectedPortsTests {
    let folder = FileManager.default.temporaryDirectory.appending(path: "ssh-\(UUID())").path

    init() throws {
        try FileManager.default.createDirectory(
            atPath: "\(folder)/sshd_config.d", withIntermediateDirectories: true)
    }

    func ports(
        controllers: [String] = [], meters: [PortKey: MeterName] = [:]
    ) -> ProtectedPorts {
        ProtectedPorts(
            controllers: controllers, meters: meters, sshFolder: folder,
            isLocal: { $0 == "here" })
    }

    func reason(_ key: String, _ ports: ProtectedPorts) throws -> String? {
        ports.reason(try #require(PortKey(key)))
    }

    @Test func sshIsWhereItsConfigurationSays() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try "Port 2222\n#Port 2223\nListenAddress [::]:2224\nListenAddress ::1\n".write(
            toFile: "\(folder)/sshd_config", atomically: true, encoding: .utf8)
        try "port=2225\n".write(
            toFile: "\(folder)/sshd_config.d/x.conf", atomically: true, encoding: .utf8)
        for port in ["tcp/22", "tcp/2222", "tcp/2224", "tcp/2225", "tcp/2000-3000"] {
            #expect(try reason(port, ports())?.contains("ssh") == true, "\(port)")
        }
        for port in ["tcp/2223", "tcp/1", "udp/22", "ip/10.0.0.1", "tcp/222"] {
            #expect(try reason(port, ports()) == nil, "\(port)")
        }
    }

    @Test func theControllersPortIsProtectedWhereItRuns() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let ports = ports(controllers: ["https://here:8440", "https://elsewhere:443"])
        #expect(try reason("tcp/8440", ports)?.contains("controller") == true)
        #expect(try reason("tcp/443", ports) == nil)
        #expect(try reason("tcp/443", self.ports(controllers: ["https://here"])) != nil)
    }

    @Test func aPortThatClientsOfAnotherMeterShareIsProtected() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let listened = try #require(PortKey("udp/51820"))
        let ports = ports(meters: [listened: MeterName(kind: .wireguard, device: "wg0")])
        #expect(try reason("udp/51820", ports)?.contains("wireguard/wg0") == true)
        #expect(try reason("udp/51000-52000", ports) != nil)
        #expect(try reason("tcp/51820", ports) == nil)
    }

    @Test func thisHostIsKnownByItsNameAndAddresses() {
        #expect(LocalAddresses.contain("127.0.0.1"))
        #expect(LocalAddresses.contain("[::1]"))
        #expect(LocalAddresses.contain("localhost"))
        #expect(!LocalAddresses.contain("192.0.2.1"))
        #expect(!LocalAddresses.contain("example.org"))
    }
}
