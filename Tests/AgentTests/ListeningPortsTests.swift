import Accounting
import Foundation
import Testing

@testable import Agent

@Suite struct ListeningPortsTests {
    static let tcp = """
          sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid
           0: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0
           1: 0100007F:0CEA 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0
           2: 0A00A8C0:1F90 0B00A8C0:D431 01 00000000:00000000 00:00000000 00000000     0
           3: 0A00A8C0:01BB 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0
        """
    static let udp6 = """
          sl  local_address                         remote_address                        st
          10: 00000000000000000000000000000000:14E9 00000000000000000000000000000000:0000 07
          11: 00000000000000000000000001000000:0035 00000000000000000000000000000000:0000 07
          12: 00000000000000000000000000000000:FFFA 00000000000000000000000000000000:0000 07
        """

    @Test func onlyWhatWaitsForAnybodyIsFound() {
        #expect(ListeningPorts.listening(Self.tcp, .tcp) == [8080, 443])
        #expect(ListeningPorts.listening(Self.udp6, .udp) == [5353, 65530])
        #expect(ListeningPorts.listening("header\n 1: x y\n", .tcp).isEmpty)
    }

    @Test func whatWasSeenStaysAndWhatOthersCountDoesNot() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "net-\(UUID())").path
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try Self.tcp.write(toFile: "\(folder)/tcp", atomically: true, encoding: .utf8)
        var listening = ListeningPorts()
        let taken: Set<PortKey> = [try #require(PortKey("tcp/443"))]
        listening.look(without: taken, in: folder)
        #expect(listening.ports.map(\.description) == ["tcp/8080"])
        try "header\n".write(toFile: "\(folder)/tcp", atomically: true, encoding: .utf8)
        listening.look(without: taken, in: folder)
        #expect(listening.ports.map(\.description) == ["tcp/8080"])
    }
}
