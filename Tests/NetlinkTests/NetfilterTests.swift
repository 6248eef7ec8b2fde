import Testing

@testable import Netlink

@Suite struct NetfilterTests {
    @Test func theGenerationIsAnotherAfterEachChange() throws {
        let place = try TestNamespace("generation")
        var socket = try NetlinkSocket.open(.netfilter, in: place.namespace)
        let first = try socket.rulesetGeneration()
        #expect(try socket.rulesetGeneration() == first)
        try place.nft("add table inet t")
        let second = try socket.rulesetGeneration()
        #expect(second != first)
        try place.nft("delete table inet t")
        #expect(try socket.rulesetGeneration() != second)
    }

    @Test func aQuestionHasTheSubsystemAndTheFamily() throws {
        let request = NetlinkRequest.netfilter(.rules, family: 10)
        #expect(Array(request.bytes[4..<6]) == [7, 10])
        #expect(Array(request.bytes[16...]) == [10, 0, 0, 0])
        #expect(request.answerType == 0x0a06)
    }

    @Test func whatIsNotThereIsSaidByTheKernel() throws {
        let place = try TestNamespace("nothing")
        var socket = try NetlinkSocket.open(.netfilter, in: place.namespace)
        var request = NetlinkRequest.netfilter(.elements, family: 1)
        try request.add(1, text: "none")
        try request.add(2, text: "none")
        do throws(NetlinkError) {
            _ = try socket.dump(request, doing: "read a set", into: 0) { _, _ in }
            Issue.record("there is a set that nobody made")
        } catch {
            #expect(error.errno == 2)
        }
    }
}
