import API
import Foundation
import Testing

@Suite struct PortShapeTests {
    @Test func iptablesDataHasTheContractsShape() throws {
        let traffic = IptablesTraffic(
            inputBytes: 1, outputBytes: 2, inputPackets: 3, outputPackets: 4)
        let data = IptablesData(ports: ["8080": traffic], total: traffic)
        let written =
            try JSONSerialization.jsonObject(with: JSONEncoder().encode(data)) as? NSDictionary
        let amounts = [
            "input_bytes": 1, "output_bytes": 2, "input_packets": 3, "output_packets": 4,
        ]
        let expected: NSDictionary = [
            "success": true, "ports": ["8080": amounts], "total": amounts,
        ]
        #expect(written == expected)
    }

    @Test func sumsStayAtTheLargestNumber() {
        let most = IptablesTraffic(inputBytes: .max, outputBytes: 1)
        let sum = most.adding(most)
        #expect(sum.inputBytes == .max && sum.outputBytes == 2 && sum.inputPackets == 0)
    }

    @Test func whatIsMissingIsNull() throws {
        let port = PortInfo(
            id: 1, serverID: 2, server: "vpn1", port: "tcp/80", meter: "ports/host",
            source: .host, state: .open, desired: .open, configured: false, present: true,
            traffic: IptablesTraffic())
        let data = try JSONEncoder().encode(port)
        let object = try #require(
            try JSONSerialization.jsonObject(with: data) as? [String: Any])
        for name in ["client_id", "client", "group", "detail", "last_traffic_at"] {
            #expect(object[name] is NSNull, "\(name)")
        }
        #expect(try JSONDecoder().decode(PortInfo.self, from: data) == port)
    }
}
