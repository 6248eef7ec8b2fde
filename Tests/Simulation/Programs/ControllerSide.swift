import AgentProtocol
import Accounting
import Foundation
import HTTPClient
import SwiftProtobuf

@testable import Agent
@testable import Store

/// The controller: the real store behind the calls of the push protocol, which come as bytes and
/// leave as bytes. What the HTTP server does between is written here again, without sockets.
final class ControllerSide {
    /// Whether the controller tells a new ledger what it knows of the counters.
    static let tellsCounters = true

    private(set) var store: Store?
    private var told = Told()
    private(set) var disk: Disk
    private let world: World
    private var lives = 0
    private var backup: Disk?

    /// Whether there is a backup to be put back.
    var hasBackup: Bool { backup != nil }

    init(world: World) throws {
        self.world = world
        disk = try Disk(folder: "\(world.folder)/controller-0", life: Life(), losesPower: false)
    }

    /// Whether it answers.
    var isUp: Bool { store != nil && !disk.life.isDead }

    /// Starts it, on what its last life left behind. Returns whether it came up.
    func start(crashAfter steps: Int?, losesPower: Bool) async throws -> Bool {
        store = nil
        told = Told()
        lives += 1
        let old = disk
        disk = try old.copy(
            to: "\(world.folder)/controller-\(lives)", life: Life(), losesPower: losesPower)
        old.remove()
        disk.life.crash(after: steps)
        do {
            store = try await Store.open(path: "\(disk.folder)/store.sqlite", reserve: 0)
        } catch {
            guard disk.life.isDead else { throw error }
        }
        return isUp
    }

    /// Copies what stands on its disk.
    func backUp() throws {
        backup?.remove()
        lives += 1
        backup = try disk.copy(
            to: "\(world.folder)/backup-\(lives)", life: Life(), losesPower: false)
    }

    /// Goes on with the backup in place of what it had.
    func putBack() async throws {
        guard let backup else { return }
        disk.life.kill()
        store = nil
        disk.remove()
        lives += 1
        disk = try backup.copy(
            to: "\(world.folder)/restored-\(lives)", life: Life(), losesPower: false)
        _ = try await start(crashAfter: nil, losesPower: false)
    }

    /// Answers a request; nil where the controller is down or dies over it.
    func answer(_ request: HTTPRequest) async throws -> HTTPResponse? {
        guard let store, !disk.life.isDead else { return nil }
        do {
            let call = ControllerCall(
                store: store, told: told, now: world.controllerNow, request: request)
            let response = try await call.answer()
            return disk.life.isDead ? nil : response
        } catch let error as StoreError {
            guard !disk.life.isDead else { return nil }
            world.note("  refused: \(error)")
            guard let status = error.status else {
                throw Violation("the store failed: \(error) \(error.cause.map { "\($0)" } ?? "")")
            }
            return Self.refusal(status, error.reason ?? "\(error.code)", error.description)
        }
    }

    private static func refusal(_ status: Int, _ code: String, _ message: String) -> HTTPResponse {
        let body: [String: Any] = [
            "success": false, "error": ["code": code, "message": message], "message": message,
        ]
        let data = (try? JSONSerialization.data(withJSONObject: body)) ?? Data()
        return HTTPResponse(status: status, body: Array(data))
    }
}

extension StoreError {
    /// The HTTP status that the server gives it; nil for what must not happen here.
    fileprivate var status: Int? {
        switch code {
        case .notFound: 404
        case .conflict, .diverged: 409
        case .forbidden: 403
        case .invalid: 400
        case .damaged, .unavailable, .internal: nil
        }
    }
}

/// One call of the push protocol at the controller.
private struct ControllerCall {
    let store: Store
    let told: Told
    let now: Int64
    let request: HTTPRequest

    private var path: String {
        let tail = request.url.drop { $0 != "/" }.dropFirst(2).drop { $0 != "/" }
        return String(tail.prefix { $0 != "?" })
    }

    private var query: [String: String] {
        let text = request.url.split(separator: "?", maxSplits: 1).dropFirst().first ?? ""
        var query: [String: String] = [:]
        for part in text.split(separator: "&") {
            let halves = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            query[String(halves[0])] = halves.count == 2 ? String(halves[1]) : ""
        }
        return query
    }

    private func header(_ name: String) -> String? {
        request.headers.first { $0.name.lowercased() == name.lowercased() }?.value
    }

    func answer() async throws -> HTTPResponse {
        switch (request.method, path) {
        case ("POST", "/agent/v1/join"): return try await join()
        case ("POST", "/agent/v1/inventory"): return try await inventory()
        case ("POST", "/agent/v1/batches"): return try await batches()
        case ("POST", "/agent/v1/outcomes"): return try await outcomes()
        case ("GET", "/agent/v1/desired"): return try await desired()
        case ("POST", "/agent/v1/desired"): return try await takeSet()
        case ("GET", "/agent/v1/counters"): return try await counters()
        default: throw StoreError(.notFound, "there is no \(request.method) \(path)")
        }
    }

    /// Who calls, as the server's gate finds out; throws where it is refused.
    private func call() async throws -> AgentCall { try await admit().call }

    private func admit() async throws -> (call: AgentCall, standing: Standing) {
        let bearer = (header("Authorization") ?? "").dropFirst("Bearer ".count)
        let parts = bearer.split(separator: ".", maxSplits: 1)
        guard parts.count == 2, let server = Int64(parts[0]),
            let secret = Base64URL.decode(String(parts[1])),
            let ledger = header("Tollkeeper-Ledger").flatMap({ Hexadecimal.decode($0) }),
            let instance = header("Tollkeeper-Instance").flatMap({ Hexadecimal.decode($0) }),
            let start = header("Tollkeeper-Start").flatMap({ Int64($0) })
        else { throw Violation("a call without who calls: \(request.headers)") }
        guard let held = try await store.agent(server: server),
            held.secretHash == Digest.sha256(secret)
        else { throw StoreError(.forbidden, "this controller knows no such agent") }
        let newest = (header("Tollkeeper-Sequence") ?? "").split(
            separator: ".", omittingEmptySubsequences: false)
        guard newest.count == 2, let sequence = Int64(newest[0]),
            let digest = Hexadecimal.decode(String(newest[1]))
        else { throw Violation("a call that names no newest batch: \(request.headers)") }
        let call = AgentCall(
            server: server, ledger: ledger, start: start, instance: instance,
            newest: NewestBatch(sequence: sequence, digest: digest))
        return (call, try await store.accept(call, held: held))
    }

    private func read<Wire: Message>() throws -> Wire {
        var body = request.body ?? []
        if header("Content-Encoding") == "gzip" {
            body = try Gzip.inflate(body, limit: 64 << 20)
        }
        return try Wire(decoding: body)
    }

    private func join() async throws -> HTTPResponse {
        let message: WireJoinRequest = try read()
        let parts = message.token.split(separator: ".", omittingEmptySubsequences: false)
        let secret = Base64URL.decode(String(parts[1])) ?? []
        let server = try await store.join(
            JoinRequest(
                tokenHash: Digest.sha256(secret), secretHash: [UInt8](message.secretHash),
                ledger: [UInt8](message.ledger), host: message.host), now: now)
        var answer = WireJoinAnswer()
        answer.server = UInt64(server.id)
        answer.name = server.name
        return try HTTPResponse(answer)
    }

    private func inventory() async throws -> HTTPResponse {
        let call = try await call()
        let message: WireInventory = try read()
        var answer = WireInventoryAnswer()
        answer.assignments = try await store.take(message, from: call, now: now).assignments
        return try HTTPResponse(answer)
    }

    private func batches() async throws -> HTTPResponse {
        let call = try await call()
        let message: WirePush = try read()
        try BatchLimits.check(message)
        let receipt = try await store.push(message, from: call, receivedAt: now)
        var answer = WirePushAnswer()
        answer.applied = UInt64(receipt.applied)
        answer.appliedDigest = .init(receipt.appliedDigest)
        answer.wantsKeys = receipt.wantsKeys
        answer.revision = UInt64(receipt.revision)
        answer.now = now
        return try HTTPResponse(answer)
    }

    private func outcomes() async throws -> HTTPResponse {
        let call = try await call()
        let message: WireOutcomes = try read()
        var answer = WireOutcomesAnswer()
        if Int64(clamping: message.revision) <= told.newest(call.server) {
            answer.acknowledged = UInt64(try await store.apply(message, from: call, now: now))
        }
        return try HTTPResponse(answer)
    }

    private func desired() async throws -> HTTPResponse {
        let (call, standing) = try await admit()
        let after = query["after"].flatMap { Int64($0) } ?? 0
        let ticket = query["ticket"].flatMap { Int64($0) } ?? 0
        let digest = query["digest"].flatMap { Hexadecimal.decode($0) } ?? []
        let state = try await store.answer(
            call, standing, after: after, digest: digest, told: told, now: now
        ).state
        guard state.isWhole || state.wantsSet || state.revision != after || state.ticket > ticket
        else {
            return HTTPResponse(status: 204)
        }
        var answer = WireDesired()
        answer.wantsSet = state.wantsSet
        guard !state.wantsSet else { return try HTTPResponse(answer) }
        answer.revision = UInt64(state.revision)
        answer.digest = .init(state.digest)
        answer.whole = state.isWhole
        answer.entries = state.entries.map { .init($0) }
        answer.ticket = UInt64(state.ticket)
        answer.now = now
        return try HTTPResponse(answer)
    }

    private func takeSet() async throws -> HTTPResponse {
        let call = try await call()
        let receipt = try await store.adopt(try read(), from: call, now: now)
        var answer = WireDesiredSetAnswer()
        answer.revision = UInt64(receipt.revision)
        answer.applied = UInt64(receipt.applied.sequence)
        answer.appliedDigest = .init(receipt.applied.digest)
        return try HTTPResponse(answer)
    }

    private func counters() async throws -> HTTPResponse {
        let call = try await call()
        let after = query["after"].flatMap { Int64($0) } ?? 0
        return try HTTPResponse(try await store.knownCounters(server: call.server, after: after))
    }
}

extension HTTPResponse {
    fileprivate init(_ message: some Message) throws {
        self.init(status: 200, body: try message.encoded())
    }
}

/// What a push may hold at most (design.md, A5 and A6).
private enum BatchLimits {
    static func check(_ push: WirePush) throws {
        guard push.batches.count <= 8 else {
            throw Violation("a push of \(push.batches.count) batches; 8 may be unacknowledged")
        }
        for bytes in push.batches {
            let rows = try WireBatch(decoding: Array(bytes)).rows.credential.count
            guard bytes.count <= 1 << 20, rows <= 10_000 else {
                throw Violation("a batch of \(rows) rows and \(bytes.count) bytes")
            }
        }
    }
}
