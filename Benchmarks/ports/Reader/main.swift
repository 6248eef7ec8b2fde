// The agent's own code reading what packet filters count in this network namespace.
//
//   tollkeeper-filters TIMES SOURCE   prints the median of microseconds of CPU of this thread, how
//                                     many counters, their packets, the first reading's
//                                     microseconds, and the most kilobytes held at once
import Glibc

/// Something that counters are read from.
protocol CounterSource: ~Copyable {
    /// Reads them once.
    mutating func read() throws -> (counters: Int, packets: UInt64)
}

func spent() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Double(time.tv_sec) * 1e6 + Double(time.tv_nsec) / 1e3
}

func measure(_ source: consuming some CounterSource & ~Copyable, times: Int) throws {
    var before = spent()
    var last = try source.read()
    let first = spent() - before
    var costs: [Double] = []
    for _ in 0..<times {
        before = spent()
        last = try source.read()
        costs.append(spent() - before)
    }
    costs.sort()
    var use = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &use)
    print(
        Int(costs[times / 2]), last.counters, last.packets, Int(first), use.ru_maxrss)
}

let words = CommandLine.arguments
guard words.count == 3, let times = Int(words[1]), times > 0 else {
    print("usage: tollkeeper-filters TIMES nft|legacy|own")
    exit(64)
}
switch words[2] {
case "nft": try measure(NftablesCounters(), times: times)
case "legacy": try measure(LegacyCounters(), times: times)
case "own": try measure(OwnCounters(), times: times)
default:
    print("there is no source \(words[2])")
    exit(64)
}
