import Accounting
import AgentProtocol
import Foundation
import Testing

@Suite struct WireTests {
    @Test(arguments: [[], [0xff], [0x0a], [0x0a, 0x7f, 0x01], [0x1a, 0x02, 0x08]] as [[UInt8]])
    func whatIsNoMessageIsRefusedOrEmpty(_ bytes: [UInt8]) {
        if bytes.isEmpty {
            #expect((try? WireBatch(decoding: bytes)) == WireBatch())
        } else {
            #expect(throws: (any Error).self) { try WireBatch(decoding: bytes) }
        }
    }

    /// Batches are resent as they were stored, over upgrades too: their encoding may grow, but
    /// these bytes must mean this for ever.
    @Test func aBatchOfTheFirstVersionIsReadAsItWasMeant() throws {
        let hex = """
            0a100001020304050607080900010203040510031a20abababababababababababababab
            abababababababababababababababababab22300a160802121000112233445566778899
            aabbccddeeff180112160804121000112233445566778899aabbccddeeff18032a036f6e
            6532280a01071201001a01002201052a01063201693a02ce014201124a010152005a0100
            6201696a02ce013804
            """
        let bytes = try #require(Hexadecimal.decode(hex.filter { !$0.isNewline }))
        let batch = try WireBatch(decoding: bytes)
        #expect(batch.sequence == 3)
        #expect(batch.previous.count == 32)
        #expect(batch.buckets.count == 1)
        #expect(batch.buckets.first?.first.wall == 1)
        #expect(batch.incarnations == ["one"])
        #expect(batch.rows.credential == [7])
        #expect(batch.rows.uplink == [5])
        #expect(batch.rows.totalUplink == [105])
        #expect(batch.rows.totalDownlink == [206])
        #expect(batch.rows.lastHandshake == [9])
        #expect(batch.rows.part == [""])
        #expect(batch.rows.rawDownlink == [206])
        #expect(batch.ticket == 4)
    }

    @Test func anInstantTravelsAsItIs() throws {
        let boot = try #require(BootID("00112233-4455-6677-8899-aabbccddeeff"))
        let instant = Instant(wall: -5, boot: boot, boottime: 17)
        #expect(WireClock(instant).instant == instant)
        #expect(WireClock().instant == nil)
    }

    @Test func anUnknownAccessIsTakenAsShut() {
        #expect(WireAccess.UNRECOGNIZED(9).value == .shut)
        for access in [Access.open, .shut, .deleted] {
            #expect(WireAccess(access).value == access)
        }
    }

    @Test func aSetDigestForgetsOrderAndWhatWasTakenOut() {
        var one = SetDigest()
        var two = SetDigest()
        one.insert([1])
        one.insert([2])
        two.insert([2])
        two.insert([3])
        two.insert([1])
        #expect(one != two)
        two.remove([3])
        #expect(one == two)
        #expect(SetDigest(one.bytes) == one)
        #expect(SetDigest([1, 2, 3]) == nil)
        one.remove([1])
        one.remove([2])
        #expect(one == SetDigest())
    }
}
