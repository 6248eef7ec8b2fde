import Accounting
import AgentProtocol
import SwiftProtobuf

extension FuzzTarget {
    /// Every message of the push protocol.
    static let protocolTargets = [FuzzTarget("messages", messages)]

    /// The first byte says which message the others are.
    private static func messages(_ bytes: [UInt8]) throws {
        guard let first = bytes.first else { return }
        try kinds[Int(first) % kinds.count](Array(bytes.dropFirst()))
    }

    private static let kinds: [@Sendable ([UInt8]) throws -> Void] = [
        { try check(WireJoinRequest.self, $0) }, { try check(WireJoinAnswer.self, $0) },
        { try check(WireInventory.self, $0) }, { try check(WireInventoryAnswer.self, $0) },
        { try check(WirePush.self, $0) }, { try check(WirePushAnswer.self, $0) },
        { try check(WireBatch.self, $0) }, { try check(WireDesired.self, $0) },
        { try check(WireDesiredEntry.self, $0) }, { try check(WireDesiredSet.self, $0) },
        { try check(WireOutcomes.self, $0) }, { try check(WireOutcomesAnswer.self, $0) },
        { try check(WireKnownCounters.self, $0) }, { try check(WireRows.self, $0) },
    ]

    private static func check<Wire: Message & Equatable>(_: Wire.Type, _ bytes: [UInt8]) throws {
        let message = try refusing(BinaryDecodingError.self) {
            try refusing(SwiftProtobufError.self) { try Wire(decoding: bytes) }
        }
        guard let message = message ?? nil else { return }
        let again = try Wire(decoding: message.encoded())
        // NaN does not occur: no message has a floating-point field.
        try FuzzFinding.unless(message == again, "the message is not read back as it was")
        if let clock = (message as? WirePush)?.now, let instant = clock.instant {
            try FuzzFinding.unless(WireClock(instant) == clock.known, "the instant is another")
        }
    }
}

extension WireClock {
    /// Without fields that this version does not know.
    fileprivate var known: WireClock {
        var clock = self
        clock.unknownFields = .init()
        return clock
    }
}
