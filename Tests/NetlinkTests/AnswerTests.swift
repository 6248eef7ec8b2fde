import Testing

@testable import Netlink

@Suite struct AnswerTests {
    /// What an answer to request 1 of port 7 with messages of type 30 makes of a datagram.
    static func take(_ bytes: [UInt8]) throws -> (answer: Answer, payloads: [[UInt8]]) {
        var answer = Answer(type: 30, sequence: 1, port: 7, doing: "try")
        var payloads: [[UInt8]] = []
        try withSpan(bytes) { span in
            try answer.take(span, &payloads) { (payloads, span) throws(NetlinkError) in
                payloads.append(
                    (0..<span.byteCount).map {
                        span.unsafeLoad(fromByteOffset: $0, as: UInt8.self)
                    })
            }
        }
        return (answer, payloads)
    }

    @Test(
        "a message whose length cannot be right is refused",
        arguments: [
            [1], [UInt8](repeating: 0, count: 15), message(type: 30, [], length: 0),
            message(type: 30, [], length: 15), message(type: 30, [1, 2, 3, 4], length: 21),
            message(type: 30, []) + [1, 2, 3, 4],
            message(type: 2, []), message(type: 2, [0, 0, 0, 0]),
            message(type: 2, raw(Int32.min) + [UInt8](repeating: 0, count: 16)),
        ] as [[UInt8]])
    func malformed(_ bytes: [UInt8]) {
        #expect(code { _ = try Self.take(bytes) } == .malformed)
    }

    @Test func payloadsAreHandedOverUntilDone() throws {
        let taken = try Self.take(
            message(type: 30, [1, 2, 3, 4]) + message(type: 30, [5]) + [0, 0, 0]
                + message(type: 3, raw(Int32(0))) + message(type: 30, [9, 9, 9, 9]))
        #expect(taken.payloads == [[1, 2, 3, 4], [5]])
        #expect(taken.answer.isComplete)
        #expect(!taken.answer.isInterrupted)
    }

    @Test func whatAnswersAnotherRequestOrPortIsPassedOver() throws {
        let taken = try Self.take(
            message(type: 30, sequence: 2, [1]) + [0, 0, 0] + message(type: 30, port: 8, [2])
                + [0, 0, 0] + message(type: 3, sequence: 9, raw(Int32(-5)))
                + message(type: 31, [3]) + [0, 0, 0] + message(type: 30, [4]))
        #expect(taken.payloads == [[4]])
        #expect(!taken.answer.isComplete)
    }

    @Test func aChangeDuringTheDumpIsSeenOnAnyMessage() throws {
        for flagged in 0...2 {
            let flags = (0...2).map { UInt16($0 == flagged ? 0x10 : 0) }
            let taken = try Self.take(
                message(type: 30, flags: flags[0], [1, 2, 3, 4])
                    + message(type: 30, flags: flags[1], [5, 6, 7, 8])
                    + message(type: 3, flags: flags[2], raw(Int32(0))))
            #expect(taken.answer.isInterrupted)
            #expect(taken.answer.isComplete)
        }
    }

    @Test func anErrorThatEndsADumpIsThrown() {
        #expect(
            code { _ = try Self.take(message(type: 3, raw(Int32(-16)))) } == .system(16))
    }

    @Test(
        "the kernel's words are found behind a request that is repeated whole or cut",
        arguments: [
            (UInt16(0x300), raw(UInt32(24)) + [UInt8](repeating: 0, count: 12)),
            (UInt16(0x200), raw(UInt32(24)) + [UInt8](repeating: 0, count: 20)),
        ])
    func extendedAcknowledgement(_ flags: UInt16, _ echo: [UInt8]) {
        let words = attribute(2, raw(UInt32(16))) + attribute(1, Array("no such thing\0".utf8))
        let bytes = message(type: 2, flags: flags, raw(Int32(-22)) + echo + words)
        do {
            _ = try Self.take(bytes)
            Issue.record("an error was taken for success")
        } catch {
            #expect("\(error)".contains("could not try: Invalid argument"))
            #expect("\(error)".contains("no such thing"))
        }
    }

    @Test func aLinkShorterThanItsHeaderIsRefused() {
        for count in [0, 15] {
            let bytes = [UInt8](repeating: 1, count: count)
            #expect(code { _ = try withSpan(bytes) { try Link.decode($0) } } == .malformed)
        }
        let noIndex = [UInt8](repeating: 0, count: 16)
        #expect(code { _ = try withSpan(noIndex) { try Link.decode($0) } } == .malformed)
        let shortStatistics =
            [0, 0, 0, 0, 1, 0, 0, 0] + [UInt8](repeating: 0, count: 8)
            + attribute(23, [UInt8](repeating: 0, count: 24))
        #expect(code { _ = try withSpan(shortStatistics) { try Link.decode($0) } } == .malformed)
    }
}
