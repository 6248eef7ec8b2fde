/// Bytes for people: multiples of 1024, labels B KB MB GB TB, one decimal: `1.5 GB`.
public enum HumanSize {
    private static let labels = ["B", "KB", "MB", "GB", "TB"]

    /// The amount in words, rounded to the nearest tenth; whole bytes have no decimal.
    ///
    /// Exact for every amount: the arithmetic is in integers.
    public static func format(_ bytes: UInt64) -> String {
        guard bytes >= 1024 else { return "\(bytes) B" }
        var power = 1
        while power < labels.count - 1, tenths(of: bytes, power: power) >= 10240 { power += 1 }
        let amount = tenths(of: bytes, power: power)
        return "\(amount / 10).\(amount % 10) \(labels[power])"
    }

    /// The amount in words; a negative one, which no counter has, counts as none.
    public static func format(_ bytes: Int64) -> String {
        format(UInt64(max(0, bytes)))
    }

    private static func tenths(of bytes: UInt64, power: Int) -> UInt64 {
        let unit: UInt64 = 1 << (10 * UInt64(power))
        return bytes / unit * 10 + (bytes % unit * 10 + unit / 2) / unit
    }
}
