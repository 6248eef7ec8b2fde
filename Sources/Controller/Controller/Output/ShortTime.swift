/// Short spans of time as people read them.
enum ShortTime {
    /// Nanoseconds in the largest unit that holds them, cut to a tenth: `1.2 ms`.
    static func text(_ nanoseconds: Int64) -> String {
        let units: [(Int64, String)] = [(1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "µs")]
        for (size, name) in units where nanoseconds >= size {
            return "\(nanoseconds / size).\(nanoseconds % size / (size / 10)) \(name)"
        }
        return "\(nanoseconds) ns"
    }
}
