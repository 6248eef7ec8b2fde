import Foundation
import HTTPClient
import Hummingbird
import HummingbirdCore
import NIOCore
import ServiceLifecycle

/// Reads requests' bodies, within limits of size and time.
enum Bodies {
    /// Most bytes of a body, as it comes and inflated.
    static let limit = 2 * 1024 * 1024
    /// Most bytes of an inventory, of outcomes or of a desired set: they name each of a host's keys.
    static let describingLimit = 16 * 1024 * 1024
    /// How long a body may take to arrive.
    static let deadline = Duration.seconds(30)
    static let protobuf = "application/x-protobuf"

    /// The bytes of an agent's message, inflated where it says so.
    static func message(_ request: Request, limit: Int = limit) async throws -> [UInt8] {
        guard mediaType(request) == protobuf else { throw Refusal.wrongType(protobuf) }
        let bytes = try await collect(request, limit: limit)
        switch request.headers[.contentEncoding]?.lowercased() {
        case nil, "identity": return bytes
        case "gzip": return try inflate(bytes, limit: limit)
        case .some:
            throw Refusal(
                .unsupportedMediaType, "unsupported_encoding",
                "the body's Content-Encoding must be gzip or none")
        }
    }

    /// The fields of an operator's JSON or form; none for an empty body.
    static func fields(_ request: Request) async throws -> Fields {
        let bytes = try await collect(request, limit: limit)
        guard !bytes.isEmpty else { return Fields() }
        switch mediaType(request) {
        case "application/json": return try Fields(json: bytes)
        case "application/x-www-form-urlencoded": return try Fields(form: bytes)
        default:
            throw Refusal.wrongType("application/json or application/x-www-form-urlencoded")
        }
    }

    private static func mediaType(_ request: Request) -> String? {
        request.headers[.contentType].map {
            $0.prefix { $0 != ";" }.trimmingCharacters(in: .whitespaces).lowercased()
        }
    }

    /// Waits for the whole body, but not for ever: idle time-outs do not end a dripping one.
    private static func collect(_ request: Request, limit: Int) async throws -> [UInt8] {
        if let length = request.headers[.contentLength].flatMap({ Int($0) }), length > limit {
            throw Refusal.tooLarge(limit)
        }
        let body = request.body
        return try await cancelWhenGracefulShutdown {
            try await withThrowingTaskGroup(of: [UInt8].self) { group in
                group.addTask {
                    do {
                        return Array(try await body.collect(upTo: limit).readableBytesView)
                    } catch is NIOTooManyBytesError {
                        throw Refusal.tooLarge(limit)
                    }
                }
                group.addTask {
                    try await Task.sleep(for: deadline)
                    throw Refusal(
                        .requestTimeout, "timeout", "the body did not arrive within \(deadline)")
                }
                defer { group.cancelAll() }
                return try await group.next() ?? []
            }
        }
    }

    private static func inflate(_ bytes: [UInt8], limit: Int) throws -> [UInt8] {
        do {
            return try Gzip.inflate(bytes, limit: limit)
        } catch {
            throw error.code == .tooLarge
                ? Refusal.tooLarge(limit) : Refusal.invalid(error.description)
        }
    }
}
