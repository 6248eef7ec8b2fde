internal import Glibc

/// What the kernel says of a daemon's process.
enum UserspaceProcess {
    /// The start time in clock ticks since boot (`/proc/PID/stat`, field 22), which together with
    /// the pid is never reused within a boot.
    static func startTicks(
        of process: Int32, in directory: String, doing: String
    ) throws(MeterError) -> UInt64 {
        try startTicks(at: "\(directory)/\(process)", doing: doing)
    }

    /// The same, of the process whose folder in `/proc` is `folder`.
    static func startTicks(at folder: String, doing: String) throws(MeterError) -> UInt64 {
        let descriptor = open("\(folder)/stat", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .system(errno, doing: doing) }
        defer { close(descriptor) }
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = Glibc.read(descriptor, &buffer, buffer.count)
        guard count > 0 else {
            throw .system(count < 0 ? errno : ESRCH, doing: doing)
        }
        let stat = buffer[..<count]
        guard let ticks = startTicks(in: stat.span.bytes) else {
            throw MeterError(
                .malformed, doing: doing, reason: "\(folder)/stat cannot be understood")
        }
        return ticks
    }

    /// Field 22 of a `stat` file; nil where there is none. The second field, the program's name in
    /// parentheses, may itself hold spaces and parentheses, so fields are counted from its end.
    static func startTicks(in stat: RawSpan) -> UInt64? {
        let bytes = 0..<stat.byteCount
        func byte(_ index: Int) -> UInt8 { stat.unsafeLoad(fromByteOffset: index, as: UInt8.self) }
        guard var start = bytes.last(where: { byte($0) == UInt8(ascii: ")") }) else { return nil }
        for _ in 3...22 {
            guard
                let space = (start + 1..<bytes.upperBound).first(where: {
                    byte($0) == UInt8(ascii: " ")
                })
            else { return nil }
            start = space
        }
        let field = (start + 1)..<bytes.upperBound
        guard
            let end = field.first(where: {
                byte($0) == UInt8(ascii: " ") || byte($0) == UInt8(ascii: "\n")
            })
        else { return nil }
        return UserspaceText.number(stat, field.lowerBound..<end, as: UInt64.self)
    }
}
