import API
import AgentProtocol
import Accounting
import Foundation
import HTTPClient
import SwiftProtobuf

@testable import Server

/// Speaks the push protocol over HTTP, with a ledger in memory.
struct TestAgent {
    var controller: RunningController
    var transport: HTTPTransport
    let server: Int64
    let token: String
    let secret = Secret.random()
    let ledger = Array(Secret.random().prefix(16))
    let instance = Array(Secret.random().prefix(16))
    var start = 1
    var sequence: UInt64 = 0
    var digest: [UInt8] = []

    /// Goes on with a controller that was started anew.
    mutating func move(to controller: RunningController) {
        (self.controller, transport) = (controller, controller.remote)
    }

    /// Adds a server and joins.
    static func join(
        _ controller: RunningController, _ name: String = "vpn1"
    ) async throws -> TestAgent {
        let added = try await controller.call(
            "POST", "/api/servers", json: #"{"name": "\#(name)"}"#, as: ServerJoin.self)
        let agent = TestAgent(
            controller: controller, transport: controller.remote, server: added.server.id,
            token: added.token)
        let answer = try await agent.join()
        guard answer.status == 200 else { throw TestFailure(answer) }
        return agent
    }

    struct TestFailure: Error, CustomStringConvertible {
        let description: String
        init(_ response: HTTPResponse) {
            description = "\(response.status): \(String(decoding: response.body, as: UTF8.self))"
        }
    }

    func join() async throws -> HTTPResponse {
        let message = WireJoinRequest.with {
            $0.token = token
            $0.secretHash = .init(Digest.sha256(secret))
            $0.ledger = .init(ledger)
            $0.host = .with {
                $0.name = "host"; $0.mode = "enforce"; $0.agentVersion = "0.1.0"
            }
        }
        return try await send("POST", "join", message.serializedBytes(), headers: [:])
    }

    var headers: [String: String] {
        [
            "Authorization": "Bearer \(server).\(Base64URL.encode(secret))",
            "Tollkeeper-Ledger": Hexadecimal.encode(ledger),
            "Tollkeeper-Start": "\(start)", "Tollkeeper-Instance": Hexadecimal.encode(instance),
            "Tollkeeper-Sequence": "\(sequence).\(Hexadecimal.encode(digest))",
        ]
    }

    /// Sends bytes to a call; the content type is protobuf unless `headers` say otherwise.
    func send(
        _ method: String, _ call: String, _ body: [UInt8]? = nil,
        headers changed: [String: String]? = nil, timeout: Duration = .seconds(70)
    ) async throws -> HTTPResponse {
        var all = changed ?? headers
        if body != nil, all["Content-Type"] == nil {
            all["Content-Type"] = "application/x-protobuf"
        }
        let fields = all.filter { $0.value != "-" }.map { HTTPField($0.key, $0.value) }
        return try await transport.send(
            HTTPRequest(
                method, "\(controller.url)/agent/v1/\(call)", headers: fields, body: body,
                timeout: timeout))
    }

    func post<Answer: Message>(
        _ call: String, _ message: some Message, as type: Answer.Type
    ) async throws -> Answer {
        let response = try await send("POST", call, message.serializedBytes())
        guard response.status == 200 else { throw TestFailure(response) }
        return try Answer(serializedBytes: response.body)
    }

    var clock: WireClock {
        .with {
            $0.wall = Backend.wallClock()
            $0.boot = .init([UInt8](repeating: 1, count: 16))
            $0.boottime = UInt64(Backend.wallClock() - 1_700_000_000_000_000_000)
        }
    }

    /// Tells of WireGuard keys; returns their credentials.
    func tell(_ keys: [String], names: [String] = []) async throws -> [UInt64] {
        let inventory = WireInventory.with {
            $0.now = clock
            $0.meters = [
                .with {
                    $0.name = "wireguard/wg0"; $0.source = "kernel"
                }
            ]
            $0.keys = keys.enumerated().map { index, key in
                .with {
                    $0.meter = "wireguard/wg0"
                    $0.key = key
                    $0.name = index < names.count ? names[index] : ""
                    $0.addresses = ["10.8.1.\(index + 2)/32"]
                    $0.present = true
                }
            }
        }
        return try await post("inventory", inventory, as: WireInventoryAnswer.self)
            .assignments.map(\.credential)
    }

    /// The next push: running totals of credentials, in one batch.
    mutating func push(
        _ totals: [(UInt64, UInt64, UInt64)], ticket: UInt64 = 0, catchesUp: Bool = false
    ) throws -> WirePush {
        sequence += 1
        let batch = WireBatch.with { batch in
            batch.ledger = .init(ledger)
            batch.sequence = sequence
            batch.previous = .init(digest)
            batch.ticket = ticket
            if catchesUp { batch.catchUp = .with { $0.complete = true } }
            batch.incarnations = ["kernel:1"]
            batch.buckets = [
                .with {
                    $0.first = clock; $0.last = clock
                }
            ]
            for (credential, up, down) in totals {
                batch.rows.credential.append(credential)
                batch.rows.bucket.append(0)
                batch.rows.kind.append(catchesUp ? 3 : 0)
                batch.rows.uplink.append(0)
                batch.rows.downlink.append(0)
                batch.rows.totalUplink.append(up)
                batch.rows.totalDownlink.append(down)
                batch.rows.lastHandshake.append(batch.buckets[0].last.wall / 1_000_000_000)
                batch.rows.counters.append(1)
                batch.rows.part.append("")
                batch.rows.incarnation.append(0)
                batch.rows.rawUplink.append(up)
                batch.rows.rawDownlink.append(down)
            }
        }
        let bytes: [UInt8] = try batch.serializedBytes()
        digest = Digest.sha256(bytes)
        return .with {
            $0.now = clock
            $0.batches = [.init(bytes)]
        }
    }

    /// Asks for the desired state; nil for 204.
    func desired(
        after: UInt64 = 0, digest: [UInt8] = [], ticket: UInt64 = 0, wait: Int = 0
    ) async throws -> WireDesired? {
        let query =
            "after=\(after)&digest=\(Hexadecimal.encode(digest))&ticket=\(ticket)&wait=\(wait)"
        let response = try await send("GET", "desired?\(query)")
        guard response.status != 204 else { return nil }
        guard response.status == 200 else { throw TestFailure(response) }
        return try WireDesired(serializedBytes: response.body)
    }

    /// Reports that everything up to a revision is so.
    func report(
        _ revision: UInt64, number: UInt64, exceptions: [(UInt64, String)] = [],
        windows: [(UInt64, UInt64)] = []
    ) async throws {
        let outcomes = WireOutcomes.with {
            $0.revision = revision
            $0.number = number
            $0.enforced = windows.map { id, window in
                .with {
                    $0.credential = id; $0.revision = revision; $0.took = 1; $0.window = window
                }
            }
            $0.exceptions = exceptions.map { id, code in
                .with {
                    $0.credential = id; $0.code = code; $0.detail = "in a test"
                }
            }
        }
        _ = try await post("outcomes", outcomes, as: WireOutcomesAnswer.self)
    }
}

/// Text of the form of a WireGuard public key.
func publicKey(_ number: UInt8) -> String {
    Data([number] + [UInt8](repeating: 0, count: 31)).base64EncodedString()
}
