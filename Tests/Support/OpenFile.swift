import Foundation

/// A descriptor, closed when nobody holds it any more.
final class OpenFile: Sendable {
    let number: Int32

    private init(_ number: Int32) {
        self.number = number
        _ = fcntl(number, F_SETFD, FD_CLOEXEC)
    }

    deinit { close(number) }

    /// A file without a name, read from its start on and written at its end.
    static func unnamed(_ text: String = "") throws -> OpenFile {
        var template = Array("/tmp/tollkeeper-test-XXXXXX".utf8CString)
        let number = mkstemp(&template)
        guard number >= 0 else { throw OpenFailure("mkstemp") }
        let file = OpenFile(number)
        unlink(template)
        _ = fcntl(number, F_SETFL, O_APPEND)
        try file.write(text)
        lseek(number, 0, SEEK_SET)
        return file
    }

    /// A pipe with a text in it, which must be as short as its buffer.
    static func pipe(_ text: String) throws -> (reader: OpenFile, writer: OpenFile) {
        var numbers: [Int32] = [-1, -1]
        guard Glibc.pipe(&numbers) == 0 else { throw OpenFailure("pipe") }
        let ends = (reader: OpenFile(numbers[0]), writer: OpenFile(numbers[1]))
        _ = fcntl(ends.writer.number, F_SETFL, O_NONBLOCK)
        try ends.writer.write(text)
        return ends
    }

    /// All that was written to it so far. Where others read and write is not moved by this.
    var text: String {
        var bytes: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = pread(number, &part, part.count, bytes.count)
            guard count > 0 else { return String(decoding: bytes, as: UTF8.self) }
            bytes += part[..<count]
        }
    }

    private func write(_ text: String) throws {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(number, $0.baseAddress, $0.count) }
            guard count > 0 else { throw OpenFailure("write") }
            rest = rest.dropFirst(count)
        }
    }
}

/// A call that failed, and why.
struct OpenFailure: Error, CustomStringConvertible {
    let description: String

    init(_ call: String, _ code: Int32 = errno) {
        description = "\(call): \(String(cString: strerror(code)))"
    }
}
