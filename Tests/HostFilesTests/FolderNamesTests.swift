import Foundation
import Glibc
import TestSupport
import Testing

@testable import HostFiles

@Suite struct FolderNamesTests {
    @Test func whatIsNoFolderIsRefusedWithItsReason() throws {
        let folder = try TemporaryFolder()
        let file = try folder.write("", to: "file")
        #expect(throws: FolderNames.Failure.system(ENOENT)) {
            try FolderNames.list("\(folder.path)/nowhere")
        }
        #expect(throws: FolderNames.Failure.system(ENOTDIR)) { try FolderNames.list(file) }
        #expect(throws: FolderNames.Failure.system(EBADF)) {
            try FolderNames.list(below: -1, most: 1)
        }
    }

    @Test func onlyWantedNamesCountAgainstTheMost() throws {
        let folder = try TemporaryFolder()
        for name in ["a.sock", "b.sock", "c", ".d"] { try folder.write("", to: name) }
        let wanted = try FolderNames.list(folder.path, most: 2) { $0.hasSuffix(".sock") }
        #expect(wanted.sorted() == ["a.sock", "b.sock"])
        #expect(try FolderNames.list(folder.path, most: 4).count == 4)
        #expect(throws: FolderNames.Failure.tooMany) { try FolderNames.list(folder.path, most: 3) }
    }

    /// Far more than one reading of the kernel's fits.
    @Test func namesOfEveryLengthAreReadAsTheyWereMade() throws {
        let folder = try TemporaryFolder()
        var made: Set<String> = []
        for length in 1...255 {
            for first in "abcdefghijklmnop" {
                made.insert(String(first) + String(repeating: "n", count: length - 1))
            }
        }
        made.insert(String(repeating: "ü", count: 127))
        for name in made { try Data().write(to: URL(filePath: "\(folder.path)/\(name)")) }
        let found = try FolderNames.list(folder.path)
        #expect(found.count == made.count)
        #expect(Set(found) == made)
        let opened = open(folder.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        defer { close(opened) }
        for _ in 0..<2 {
            #expect(try Set(FolderNames.list(below: opened, most: made.count)) == made)
        }
    }

    /// What reads over the entry's end dies of it here.
    @Test func nothingBehindAnEntryIsRead() throws {
        let page = Int(sysconf(Int32(_SC_PAGESIZE)))
        let mapping = try #require(
            mmap(nil, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))
        try #require(mapping != MAP_FAILED)
        defer { munmap(mapping, 2 * page) }
        try #require(mprotect(mapping + page, page, PROT_NONE) == 0)
        let start = try #require(MemoryLayout<dirent>.offset(of: \.d_name))
        for length in 1...255 {
            let name = [UInt8](repeating: UInt8(ascii: "n"), count: length)
            // As the kernel lays it out: the name, its zero byte, and as many as align the next.
            let size = (start + length + 1 + 7) / 8 * 8
            let entry = mapping + page - size
            memset(entry, 0, size)
            (entry + start).copyMemory(from: name, byteCount: length)
            let found = FolderNames.name(of: entry.assumingMemoryBound(to: dirent.self))
            #expect(found == String(decoding: name, as: UTF8.self))
        }
    }
}
