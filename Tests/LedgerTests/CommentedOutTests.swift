import Accounting
import Ledger
import Testing

@Suite struct CommentedOutTests {
    static let meter = MeterName(kind: .wireguard, device: "wg0")

    func block(_ byte: UInt8, path: String = "/etc/wireguard/wg0.conf") -> CommentedBlock {
        let key = PublicKey((0..<32).map { _ in byte }) ?? .zero
        return CommentedBlock(meter: Self.meter, path: path, key: .publicKey(key))
    }

    @Test func blocksAreRememberedOnceAndForgotten() throws {
        let ledger = try Ledger.open(
            path: ":memory:", id: String(repeating: "a", count: 32),
            instance: String(repeating: "b", count: 32))
        #expect(try ledger.commentedOut().isEmpty)
        let (first, second, elsewhere) = (block(1), block(2), block(1, path: "/other.conf"))
        try ledger.noteCommentedOut([first, second, elsewhere], forgetting: [])
        try ledger.noteCommentedOut([first], forgetting: [])
        #expect(Set(try ledger.commentedOut()) == [first, second, elsewhere])
        try ledger.noteCommentedOut([], forgetting: [first, block(9)])
        #expect(Set(try ledger.commentedOut()) == [second, elsewhere])
    }
}
