import API
import Foundation
import Testing

@Suite struct ShapeTests {
    /// The client of the contract, word for word but for its dots.
    static let contract = """
        {"id": 1, "name": "client1", "server_id": 1, "client_ip": "10.8.1.2",
         "client_ips": ["10.8.1.2"], "status": "active", "access": "active",
         "created_at": "2025-11-06T12:00:00Z",
         "stats": {"sent": "1.5 GB", "received": "3.2 GB", "total": "4.7 GB",
                   "last_seen": "Online", "is_online": true},
         "bytes_sent": 1610612736, "bytes_received": 3435973836,
         "last_handshake": "2025-11-06T14:30:00Z", "last_traffic_at": "2025-11-06T14:30:01Z",
         "last_sync_at": "2025-11-06T14:30:02Z",
         "traffic_limit": null, "expires_at": null, "note": "", "groups": [],
         "credentials": [{"id": 7, "server_id": 1, "meter": "wireguard/wg0", "key": "k",
                          "state": "open", "detail": null,
                          "bytes_sent": 0, "bytes_received": 0,
                          "held_sent": 7, "held_received": 0, "unwatched_ns": 1500000}]}
        """

    @Test func aClientHasTheContractsShape() throws {
        let data = Data(Self.contract.utf8)
        let client = try JSONDecoder().decode(ClientInfo.self, from: data)
        let written = try JSONSerialization.jsonObject(with: JSONEncoder().encode(client))
        let expected = try JSONSerialization.jsonObject(with: data)
        #expect(written as? NSDictionary == expected as? NSDictionary)
    }

    @Test func aMissingOptionalIsReadAsNil() throws {
        let change = try JSONDecoder().decode(ClientChange.self, from: Data("{}".utf8))
        #expect(change == ClientChange())
    }

    @Test func aTimeThatIsNoneIsRefused() {
        let data = Data(Self.contract.replacing("2025-11-06T12:00:00Z", with: "yesterday").utf8)
        #expect(throws: DecodingError.self) {
            try JSONDecoder().decode(ClientInfo.self, from: data)
        }
    }

    @Test func aFailureSaysItsMessageTwice() throws {
        let data = try JSONEncoder().encode(Failure(code: "not_found", message: "no client 5"))
        let object = try JSONSerialization.jsonObject(with: data) as? NSDictionary
        let expected: NSDictionary = [
            "success": false, "message": "no client 5",
            "error": ["code": "not_found", "message": "no client 5"],
        ]
        #expect(object == expected)
    }

    @Test func scopesAreOrdered() {
        #expect(TokenScope.read < .operate)
        #expect(TokenScope.operate < .admin)
    }
}
