import Accounting
import AgentProtocol
import Glibc
import HTTPClient
import NIOCore
import SwiftProtobuf

/// An agent as the controller sees one: it joins, tells its keys, pushes a chain of batches, and
/// keeps a request waiting.
actor SimulatedAgent {
    let number: Int
    private let endpoint: Endpoint
    private let secret = SimulatedAgent.random(32)
    private let bearer: String
    private let ledger = SimulatedAgent.random(16)
    private let instance = SimulatedAgent.random(16)
    private var server: UInt64 = 0
    private var chain: BatchChain
    private var unacknowledged: [EncodedBatch] = []
    private static let mostUnacknowledged = 8
    /// One for pushes and what else is sent, one for the request that waits.
    private var sending: Connection?
    private var waiting: Connection?
    /// What it holds of the desired state.
    private var held = WireDesired()

    init(number: Int, endpoint: Endpoint) {
        self.number = number
        self.endpoint = endpoint
        bearer = Base64.encode(secret).replacing("+", with: "-").replacing("/", with: "_")
            .replacing("=", with: "")
        chain = BatchChain(ledger: ledger)
    }

    // MARK: Joining

    func join(token: String) async throws {
        let message = WireJoinRequest.with {
            $0.token = token
            $0.secretHash = .init(Digest.sha256(secret))
            $0.ledger = .init(ledger)
            $0.host = .with {
                $0.name = "swarm-\(number)"
                $0.agentVersion = "0.1.0"
                $0.mode = "enforce"
            }
        }
        let answer = try await post("/agent/v1/join", try message.encoded())
        server = try WireJoinAnswer(decoding: answer.body).server
    }

    /// Tells of WireGuard keys that nobody else has, in calls as large as they may be.
    func tell(keys count: Int) async throws {
        for start in stride(from: 0, to: count, by: 2000) {
            let inventory = WireInventory.with {
                $0.now = Clocks.now()
                $0.meters = [
                    .with {
                        $0.name = "wireguard/wg0"
                        $0.source = "kernel"
                        $0.listenPort = 51820
                        $0.keys = UInt32(count)
                    }
                ]
                $0.keys = (start..<min(start + 2000, count)).map(key)
            }
            let answer = try await post("/agent/v1/inventory", try inventory.encoded())
            let assignments = try WireInventoryAnswer(decoding: answer.body).assignments
            chain.add(credentials: assignments.map(\.credential))
        }
    }

    private func key(_ index: Int) -> WireMeterKey {
        let digest = Digest.sha256(ledger + withUnsafeBytes(of: index) { Array($0) })
        return .with {
            $0.meter = "wireguard/wg0"
            $0.key = Base64.encode(digest)
            $0.addresses = ["10.\(index >> 16 & 255).\(index >> 8 & 255).\(index & 255)/32"]
            $0.present = true
        }
    }

    // MARK: Pushing

    /// Makes the next batch, of `rows` credentials, and pushes it behind those that are not yet
    /// acknowledged; returns how many rows went.
    func push(rows: Int) async throws -> Int {
        if unacknowledged.count < Self.mostUnacknowledged {
            unacknowledged.append(try chain.next(buckets: 1, rowsEach: rows))
        }
        let prepared = try PreparedPush(unacknowledged)
        try await push(prepared)
        return prepared.rows
    }

    /// What an agent has after an hour without its controller: eight numbered batches, and the
    /// rest, which is numbered once these are acknowledged. A bucket lasts a minute.
    func prepareBacklog(rows: Int) throws -> [PreparedPush] {
        while unacknowledged.count < Self.mostUnacknowledged {
            let minute = unacknowledged.count
            unacknowledged.append(try chain.next(buckets: 1, rowsEach: rows, minute: minute))
        }
        let rest = try chain.next(buckets: 52, rowsEach: rows, minute: 8)
        return try [PreparedPush(unacknowledged), PreparedPush([rest])]
    }

    func push(_ prepared: PreparedPush) async throws {
        let answer = try await post("/agent/v1/batches", prepared.body, isPacked: true)
        let applied = try WirePushAnswer(decoding: answer.body).applied
        guard applied == prepared.newest else {
            throw SwarmError("batch \(prepared.newest) was not applied: the newest is \(applied)")
        }
        unacknowledged.removeAll { $0.sequence <= applied }
    }

    // MARK: Waiting

    /// Asks for the desired state once, and lets the controller take `seconds` over it.
    func ask(wait seconds: Int) async throws {
        let digest = Hexadecimal.encode([UInt8](held.digest))
        let path =
            "/agent/v1/desired?after=\(held.revision)&digest=\(digest)&ticket=\(held.ticket)"
            + "&wait=\(seconds)"
        let connection = try await open(waiting)
        waiting = connection
        let answer = try await connection.send(head("GET", path))
        switch answer.status {
        case 204: break
        case 200: held = try WireDesired(decoding: answer.body)
        default: throw SwarmError("GET desired: \(answer.status)")
        }
    }

    /// Ends the connection for pushes; the controller itself does that once it has idled for 75 s.
    func rest() {
        sending?.close()
    }

    /// Ends both connections, as where the network is lost.
    func hangUp() {
        sending?.close()
        waiting?.close()
    }

    // MARK: Requests

    private func post(
        _ path: String, _ body: [UInt8], isPacked: Bool = false
    ) async throws -> Answer {
        let packs = !isPacked && body.count > 256
        let bytes = packs ? try Gzip.deflate(body) : body
        var request = head("POST", path, length: bytes.count, isPacked: isPacked || packs)
        request.writeBytes(bytes)
        let connection = try await open(sending)
        sending = connection
        let answer = try await connection.send(request)
        guard answer.status == 200 else {
            let words = String(decoding: answer.body.prefix(300), as: UTF8.self)
            throw SwarmError("POST \(path): \(answer.status) \(words)")
        }
        return answer
    }

    private func open(_ connection: Connection?) async throws -> Connection {
        if let connection, connection.isOpen { return connection }
        return try await endpoint.connect(as: number)
    }

    private func head(
        _ method: String, _ path: String, length: Int? = nil, isPacked: Bool = false
    ) -> ByteBuffer {
        var text = """
            \(method) \(path) HTTP/1.1\r
            Host: \(endpoint.host):\(endpoint.port)\r
            Accept: */*\r

            """
        if server > 0 {
            text += """
                Authorization: Bearer \(server).\(bearer)\r
                Tollkeeper-Ledger: \(Hexadecimal.encode(ledger))\r
                Tollkeeper-Start: 1\r
                Tollkeeper-Instance: \(Hexadecimal.encode(instance))\r
                Tollkeeper-Sequence: \(chain.newest)\r

                """
        }
        if let length {
            text += "Content-Type: application/x-protobuf\r\nContent-Length: \(length)\r\n"
            if isPacked { text += "Content-Encoding: gzip\r\n" }
        }
        return ByteBuffer(string: text + "\r\n")
    }

    private static func random(_ count: Int) -> [UInt8] {
        var generator = SystemRandomNumberGenerator()
        return (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
    }
}
