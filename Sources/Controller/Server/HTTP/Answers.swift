import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdCore
import NIOCore
import SwiftProtobuf

extension Response {
    /// A JSON answer.
    static func json(
        _ value: some Encodable, status: HTTPResponse.Status = .ok, headers: HTTPFields = [:]
    ) throws -> Response {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        var headers = headers
        headers[.contentType] = "application/json; charset=utf-8"
        headers[.cacheControl] = "no-store"
        return Response(
            status: status, headers: headers,
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: try encoder.encode(value))))
    }

    /// A protobuf answer.
    static func protobuf(_ message: some Message) throws -> Response {
        let bytes: [UInt8] = try message.serializedBytes()
        return Response(
            status: .ok, headers: [.contentType: Bodies.protobuf],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
    }
}
