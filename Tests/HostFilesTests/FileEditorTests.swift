import Foundation
import Glibc
import TestSupport
import Testing

@testable import HostFiles

/// Files that cannot be replaced first, then what must stay of one that is.
@Suite struct FileEditorTests {
    let folder: TemporaryFolder
    let file: FileLocation

    init() throws {
        folder = try TemporaryFolder()
        file = FileLocation("\(folder.path)/wg0.conf")
        try folder.write("old\n", to: "wg0.conf")
    }

    func replace(_ place: FileLocation? = nil, by text: String = "new\n") throws -> Bool {
        let outcome = try FileEditor.edit(place ?? file) { _ in Array(text.utf8) }
        guard case .changed = outcome else { return false }
        return true
    }

    func text(_ name: String = "wg0.conf") throws -> String {
        try String(contentsOfFile: "\(folder.path)/\(name)", encoding: .utf8)
    }

    var entries: [String] {
        get throws { try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() }
    }

    func refusal(_ place: FileLocation? = nil) -> FileError? {
        #expect(throws: FileError.self) { _ = try replace(place) }
    }

    @Test(arguments: ["/nowhere", "/nowhere/at/all", "/wg0.conf/below"])
    func whatIsNotThereIsAbsentOrRefused(_ path: String) throws {
        let place = FileLocation(folder.path + path)
        if path.hasSuffix("below") {
            #expect(refusal(place) != nil)
        } else {
            let outcome = try FileEditor.edit(place) { _ in [1] }
            guard case .absent = outcome else {
                Issue.record("\(outcome)")
                return
            }
            #expect(try FileEditor.stamp(of: place) == nil)
            #expect(try FileEditor.read(place) == nil)
        }
        #expect(try entries == ["wg0.conf"])
    }

    @Test func whatIsNoRegularFileIsRefusedAndNeverWaitedFor() throws {
        try #require(mkfifo("\(folder.path)/pipe", 0o600) == 0)
        try #require(mkdir("\(folder.path)/folder", 0o700) == 0)
        #expect(refusal(FileLocation("\(folder.path)/pipe"))?.code == .refused)
        #expect(refusal(FileLocation("\(folder.path)/folder"))?.code == .refused)
        #expect(refusal(FileLocation("/"))?.code == .system(EISDIR))
    }

    @Test func aFileWithTwoNamesIsRefused() throws {
        try #require(link("\(folder.path)/wg0.conf", "\(folder.path)/other.conf") == 0)
        let error = refusal()
        #expect(error?.code == .refused)
        #expect(error?.reason.contains("2 names") == true)
        #expect(try text("other.conf") == "old\n")
    }

    @Test func aFileThatIsAMountOfItsOwnIsRefusedAndLeftAsItIs() throws {
        try #require(geteuid() == 0, "mounting needs root")
        try folder.write("mounted\n", to: "other.conf")
        let path = "\(folder.path)/wg0.conf"
        try Command.run("mount", "--bind", "\(folder.path)/other.conf", path)
        defer { _ = try? Command.run("umount", path) }
        #expect(refusal()?.code == .system(EBUSY))
        #expect(try text() == "mounted\n")
        #expect(try entries == ["other.conf", "wg0.conf"])
    }

    @Test func aFolderThatCannotBeWrittenIsNamedWithTheWayOut() throws {
        try #require(geteuid() == 0, "mounting needs root")
        try Command.run("mount", "-t", "tmpfs", "tmpfs", folder.path)
        defer { _ = try? Command.run("umount", folder.path) }
        try folder.write("old\n", to: "wg0.conf")
        try Command.run("mount", "-o", "remount,ro", folder.path)
        let error = refusal()
        #expect(error?.code == .system(EROFS))
        #expect(error?.reason.contains("ReadWritePaths") == true)
    }

    @Test func linksThatGoRoundEndInARefusal() throws {
        symlink("b", "\(folder.path)/a")
        symlink("a", "\(folder.path)/b")
        #expect(refusal(FileLocation("\(folder.path)/a"))?.code == .system(ELOOP))
    }

    @Test func linksAreFollowedToTheRealFile() throws {
        mkdir("\(folder.path)/real", 0o700)
        try folder.write("old\n", to: "real/1.conf")
        symlink("real/1.conf", "\(folder.path)/relative")
        symlink("\(folder.path)/relative", "\(folder.path)/absolute")
        #expect(try replace(FileLocation("\(folder.path)/absolute")))
        #expect(try text("real/1.conf") == "new\n")
        var status = stat()
        lstat("\(folder.path)/absolute", &status)
        #expect(status.st_mode & S_IFMT == S_IFLNK)
    }

    @Test func aContainersAbsoluteLinksStayInTheContainer() throws {
        mkdir("\(folder.path)/etc", 0o700)
        try folder.write("inside\n", to: "etc/target")
        symlink("/etc/target", "\(folder.path)/link")
        symlink("/../../../etc/target", "\(folder.path)/escape")
        let root = FileRoot(folder.path, of: "the box")
        #expect("\(FileLocation("/link", root: root))" == "/link in the box")
        for name in ["/link", "/escape"] {
            #expect(
                try FileEditor.read(FileLocation(name, root: root)) == Array("inside\n".utf8))
        }
        #expect(try replace(FileLocation("/escape", root: root)))
        #expect(try text("etc/target") == "new\n")
    }

    @Test func modeOwnerAndAttributesStay() throws {
        try #require(geteuid() == 0, "owners need root")
        let path = "\(folder.path)/wg0.conf"
        try #require(chown(path, 0, 0) == 0 && chmod(path, 0o640) == 0)
        try Command.run("chgrp", "12", path)
        try Command.run(
            "python3", "-c", "import os,sys; os.setxattr(sys.argv[1], 'user.note', b'x')", path)
        #expect(try replace())
        var status = stat()
        stat(path, &status)
        #expect(status.st_mode & 0o7777 == 0o640)
        #expect(status.st_gid == 12)
        let note = try Command.run(
            "python3", "-c", "import os,sys; print(os.getxattr(sys.argv[1], 'user.note'))", path)
        #expect(note.contains("b'x'"))
        #expect(try text() == "new\n")
        #expect(try entries == ["wg0.conf"])
    }

    @Test func whatDoesNotChangeIsNotWritten() throws {
        let before = try FileEditor.stamp(of: file)
        guard case .unchanged = try FileEditor.edit(file, { $0 }) else {
            Issue.record("the same bytes were written")
            return
        }
        guard case .unchanged = try FileEditor.edit(file, { _ in nil }) else {
            Issue.record("nothing was written")
            return
        }
        #expect(try FileEditor.stamp(of: file) == before)
    }
}

/// Others change the file at the worst moments: none of their edits is lost.
@Suite struct FileEditorRaceTests {
    let folder: TemporaryFolder
    let file: FileLocation
    var path: String { "\(folder.path)/wg0.conf" }

    init() throws {
        folder = try TemporaryFolder()
        file = FileLocation("\(folder.path)/wg0.conf")
        try folder.write("old\n", to: "wg0.conf")
    }

    func text() throws -> String { try String(contentsOfFile: path, encoding: .utf8) }

    /// Replaces the file as most editors do.
    func rename(_ text: String) {
        _ = try? folder.write(text, to: "theirs")
        Glibc.rename("\(folder.path)/theirs", path)
    }

    /// Adds "+" to whatever the file says.
    func edit(_ pauses: FileEditor.Pauses) throws -> FileEdit? {
        let outcome = try FileEditor.edit(file, pauses: pauses) { $0 + Array("+".utf8) }
        guard case .changed(let edit) = outcome else { return nil }
        return edit
    }

    var entries: [String] {
        get throws { try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() }
    }

    @Test func aFileThatIsReplacedBeforeTheExchangeIsReadAnew() throws {
        var pauses = FileEditor.Pauses()
        let turn = Turn()
        pauses.beforeExchange = { turn.first { rename("theirs\n") } }
        #expect(try edit(pauses) != nil)
        #expect(try text() == "theirs\n+")
        #expect(try entries == ["wg0.conf"])
    }

    @Test func aFileThatIsReplacedAfterTheExchangeWasReplacedByWhoReadOurs() throws {
        var pauses = FileEditor.Pauses()
        pauses.afterExchange = { rename("old\n+theirs\n") }
        #expect(try edit(pauses) != nil)
        #expect(try text() == "old\n+theirs\n")
        #expect(try entries == ["wg0.conf"])
    }

    @Test func threeEditsAtOneInstantLeaveNoneLost() throws {
        var pauses = FileEditor.Pauses()
        pauses.beforeExchange = { rename("first\n") }
        pauses.beforePuttingBack = { rename("second\n") }
        let error = #expect(throws: FileError.self) { _ = try edit(pauses) }
        #expect(error?.code == .conflict)
        #expect(try text() == "second\n")
        let saved = try #require(try entries.first { $0.contains("saved") })
        #expect(error?.reason.contains(saved) == true)
        #expect(
            try String(contentsOfFile: "\(folder.path)/\(saved)", encoding: .utf8) == "first\n")
        #expect(try entries.count == 2)
    }

    @Test func whoeverKeepsChangingItIsLeftInPeace() throws {
        var pauses = FileEditor.Pauses()
        let turn = Turn()
        pauses.beforeExchange = { rename("theirs \(turn.count())\n") }
        let error = #expect(throws: FileError.self) { _ = try edit(pauses) }
        #expect(error?.code == .busy)
        #expect(try text() == "theirs \(FileEditor.mostTries)\n")
        #expect(try entries == ["wg0.conf"])
    }

    @Test func aFileThatIsOpenForWritingIsNotReplaced() throws {
        let writer = open(path, O_WRONLY | O_APPEND | O_CLOEXEC)
        let error = #expect(throws: FileError.self) { _ = try edit(.init()) }
        #expect(error?.code == .busy)
        write(writer, "more\n", 5)
        close(writer)
        #expect(try edit(.init()) != nil)
        #expect(try text() == "old\nmore\n+")
    }

    /// A shell that appends while the edit is between its two looks.
    @Test func whoOpensItForWritingMeanwhileWaitsAndIsNotLost() throws {
        for moment in 0..<2 {
            try folder.write("old\n", to: "wg0.conf")
            var pauses = FileEditor.Pauses()
            let turn = Turn()
            let start = {
                turn.first {
                    turn.job = try? Job(["sh", "-c", "echo more >> \(path)"])
                    usleep(400_000)
                }
            }
            if moment == 0 { pauses.beforeExchange = start } else { pauses.afterExchange = start }
            let edit = try edit(pauses)
            #expect(turn.job?.wait(limit: 20) == 0)
            _ = try edit?.rescue { $0 + Array("+".utf8) }
            let lines = try text()
            #expect(lines.contains("more\n"))
            #expect(lines.contains("+"))
        }
    }

    /// On a file system without leases and exchanges, what a late writer adds is brought in.
    @Test func whatIsWrittenIntoTheReplacedFileIsBroughtIn() throws {
        let late = Turn()
        var pauses = FileEditor.Pauses()
        pauses.lacksExchange = true
        // Opened for reading alone, and for writing only once it has been replaced.
        let reader = open(path, O_RDONLY | O_CLOEXEC)
        defer { close(reader) }
        let edit = try #require(try edit(pauses))
        #expect(try text() == "old\n+")
        #expect(try edit.rescue { _ in nil } == nil)
        let writer = open("/proc/self/fd/\(reader)", O_WRONLY | O_APPEND | O_CLOEXEC)
        try #require(writer >= 0)
        write(writer, "more\n", 5)
        close(writer)
        let outcome = try edit.rescue { $0 + Array("+".utf8) }
        guard case .changed = outcome else {
            Issue.record("nothing was brought in")
            return
        }
        #expect(try text() == "old\nmore\n+")
        #expect(
            try edit.rescue { _ in
                late.first {}; return nil
            } == nil)
    }

    @Test func whatCannotBeBroughtInIsKeptBesideTheFile() throws {
        let reader = open(path, O_RDONLY | O_CLOEXEC)
        defer { close(reader) }
        let edit = try #require(try edit(.init()))
        rename("something else\n")
        let writer = open("/proc/self/fd/\(reader)", O_WRONLY | O_TRUNC | O_CLOEXEC)
        write(writer, "late\n", 5)
        close(writer)
        let error = #expect(throws: FileError.self) { _ = try edit.rescue { _ in nil } }
        #expect(error?.code == .conflict)
        #expect(try text() == "something else\n")
        let saved = try #require(try entries.first { $0.contains("saved") })
        #expect(try String(contentsOfFile: "\(folder.path)/\(saved)", encoding: .utf8) == "late\n")
    }

    /// Wherever a kill stops it, the file is whole, and the next edit brings it to an end.
    @Test(arguments: [false, true], [false, true])
    func aStopInTheMiddleIsBroughtToAnEnd(_ wasExchanged: Bool, _ wasTheirs: Bool) throws {
        let snapshot = "\(folder.path)-kept"
        defer { try? FileManager.default.removeItem(atPath: snapshot) }
        var pauses = FileEditor.Pauses()
        // Hard links keep the inodes that the names carry.
        let (taken, written) = (Turn(), Turn())
        let take = {
            taken.first {
                #expect(throws: Never.self) { try Command.run("cp", "-al", folder.path, snapshot) }
            }
        }
        if wasTheirs { pauses.beforeExchange = { written.first { rename("theirs\n") } } }
        if wasExchanged {
            pauses.afterExchange = take
        } else {
            pauses.beforeExchange = { [before = pauses.beforeExchange] in
                before()
                take()
            }
        }
        _ = try? edit(pauses)
        try FileManager.default.removeItem(atPath: folder.path)
        try FileManager.default.moveItem(atPath: snapshot, toPath: folder.path)
        #expect(try entries.count == 2)
        // Without an edit: what was begun is settled all the same.
        _ = try FileEditor.edit(file) { _ in nil }
        #expect(try entries == ["wg0.conf"])
        let whole = wasTheirs ? "theirs\n" : wasExchanged ? "old\n+" : "old\n"
        #expect(try text() == whole)
    }

    @Test func aHalfWrittenNewFileGoes() throws {
        try folder.write("ol", to: ".wg0.conf.tollkeeper.part")
        #expect(try edit(.init()) != nil)
        #expect(try text() == "old\n+")
        #expect(try entries == ["wg0.conf"])
    }
}

/// Does things once, in the closures of one test's thread.
private final class Turn {
    private var isTaken = false
    private var number = 0
    var job: Job?

    func first(_ body: () -> Void) {
        guard !isTaken else { return }
        isTaken = true
        body()
    }

    func count() -> Int {
        number += 1
        return number
    }
}
