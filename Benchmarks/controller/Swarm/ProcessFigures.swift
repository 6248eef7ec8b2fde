import Foundation
import Glibc

/// What the kernel says of the controller's process.
struct ProcessFigures: Sendable {
    let pid: Int32

    /// User and system time of all its threads so far, in seconds.
    func cpuSeconds() throws -> Double {
        var clock = clockid_t()
        var time = timespec()
        guard clock_getcpuclockid(pid, &clock) == 0, clock_gettime(clock, &time) == 0 else {
            throw SwarmError("there is no process \(pid)")
        }
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    /// MiB of a line of /proc/PID/status, such as VmRSS or RssAnon.
    func mebibytes(_ name: String) throws -> Double { try number(name) / 1024 }

    /// The number in a line of /proc/PID/status.
    func number(_ name: String) throws -> Double {
        let text = try String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)
        let line = text.split(separator: "\n").first { $0.hasPrefix("\(name):") }
        let words = line?.split(whereSeparator: \.isWhitespace) ?? []
        guard words.count > 1, let number = Double(words[1]) else {
            throw SwarmError("process \(pid) has no \(name)")
        }
        return number
    }
}

/// Seconds since some moment, on a clock that does not step.
func monotonicSeconds() -> Double {
    Double(Clocks.read(CLOCK_MONOTONIC)) / 1e9
}
