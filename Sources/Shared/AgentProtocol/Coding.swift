package import SwiftProtobuf

extension Message {
    /// The message as it travels.
    package func encoded() throws -> [UInt8] {
        try serializedBytes()
    }

    /// Reads a message as it travels; throws for bytes that are not one.
    package init(decoding bytes: [UInt8]) throws {
        try self.init(serializedBytes: bytes)
    }
}
