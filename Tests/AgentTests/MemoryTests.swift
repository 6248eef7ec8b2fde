import Foundation
import Testing

@testable import Agent

@Suite struct MemoryTests {
    /// Resident kilobytes of this program's own file, of pages that hold code.
    private func residentCode() throws -> Int {
        let program = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        var sum = 0
        var isCode = false
        let maps = try String(contentsOfFile: "/proc/self/smaps", encoding: .utf8)
        for line in maps.split(separator: "\n") {
            let words = line.split(separator: " ", omittingEmptySubsequences: true)
            if words.count > 4, words[0].contains("-") {
                isCode = words[1] == "r-xp" && line.hasSuffix(program)
            } else if isCode, words.count > 1, words[0] == "Rss:" {
                sum += Int(words[1]) ?? 0
            }
        }
        return sum
    }

    @Test func codeThatWasLetGoIsNotHeldAndStillRuns() throws {
        // Read twice: what reading it takes is resident before, too.
        _ = try residentCode()
        let before = try residentCode()
        Memory.letCodeGo()
        let after = try residentCode()
        #expect(before > 0)
        #expect(after < before)
    }
}
