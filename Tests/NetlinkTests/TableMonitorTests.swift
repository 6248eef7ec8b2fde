import Foundation
import Testing

@testable import Netlink

@Suite struct TableMonitorTests {
    @Test(.timeLimit(.minutes(1)))
    func whatIsRemovedFromTheTableIsToldAndNothingElse() async throws {
        let place = try TestNamespace("tables")
        try place.nft("add table inet mine; add set inet mine s { type inet_service; }")
        try place.nft("add element inet mine s { 80, 443 }; add table inet others")
        let monitor = try TableMonitor.open(table: "mine", in: place.namespace)
        try place.nft("delete table inet others; add element inet mine s { 22 }")
        try place.nft("delete element inet mine s { 80 }")
        var count = 0
        for await _ in monitor.events {
            count += 1
            if count == 1 { try place.nft("flush set inet mine s") }
            if count == 2 { break }
        }
        monitor.close()
        for await _ in monitor.events { count += 1 }
        // One for each transaction that removed something, though a large one may take several.
        #expect((2...4).contains(count))
    }

    @Test func brokenDatagramsAreNoLoss() {
        let bytes: [UInt8] = [1, 2, 3]
        #expect(throws: NetlinkError.self) {
            _ = try TableMonitor.hasLost("mine", bytes.span.bytes)
        }
    }
}
