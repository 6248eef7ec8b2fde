import Accounting
import Testing

@Suite struct ContestTests {
    private func state(after falls: [Int64]) -> Contest {
        var contest = Contest()
        for fall in falls { contest.note(fell: true, at: fall) }
        return contest
    }

    @Test(
        arguments: [
            ([], false), ([10, 20, 30], false), ([10, 20, 30, 40], true),
            ([0, 1200, 2400, 3600], false), ([0, 1200, 2400, 3599], true),
            ([0, 3000, 3100, 3200, 3650], true),
        ] as [([Int64], Bool)])
    func moreThanThreeFallsAnHourMakeAContest(falls: [Int64], isContested: Bool) {
        #expect(state(after: falls).isContested == isContested)
    }

    @Test func itEndsWhenAnHourPassesWithoutAFall() {
        var contest = state(after: [10, 20, 30, 40])
        contest.note(fell: false, at: 3639)
        #expect(contest.isContested)
        contest.note(fell: true, at: 3639)
        contest.note(fell: false, at: 7238)
        #expect(contest.isContested, "an hour since the newest fall has not passed")
        contest.note(fell: false, at: 7239)
        #expect(!contest.isContested)
        #expect(contest == Contest())
    }

    @Test func aClockThatIsSetBackNeitherEndsNorFreezesIt() {
        var contest = state(after: [9_000, 9_001, 9_002, 9_003])
        contest.note(fell: false, at: 1_000)
        #expect(contest.isContested)
        contest.note(fell: false, at: 4_600)
        #expect(!contest.isContested)
    }

    @Test func itKeepsNoMoreThanItNeeds() {
        #expect(state(after: Array(0..<1000)).falls.count == 4)
        var contest = Contest(falls: [.min, .max])
        contest.note(fell: true, at: .min)
        #expect(contest.falls.count == 3)
    }
}
