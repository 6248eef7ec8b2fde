/// How bytes are printed.
enum SizeFormat: Hashable, Sendable {
    /// Whole numbers.
    case bytes
    /// Multiples of 1024 with a label: `1.5 GB`.
    case human(decimals: Int)

    private static let labels = ["B", "KB", "MB", "GB", "TB"]

    func text(_ bytes: Int64) -> String {
        guard case .human(let decimals) = self, bytes >= 1024 else {
            return self == .bytes ? "\(bytes)" : "\(bytes) B"
        }
        let scale = UInt128((0..<decimals).reduce(1) { product, _ in product * 10 })
        var power = 1
        while power < Self.labels.count - 1,
            Self.scaled(bytes, scale, power: power) >= 1024 * scale
        {
            power += 1
        }
        let amount = Self.scaled(bytes, scale, power: power)
        guard decimals > 0 else { return "\(amount) \(Self.labels[power])" }
        let fraction = String(amount % scale)
        let zeros = String(repeating: "0", count: decimals - fraction.count)
        return "\(amount / scale).\(zeros)\(fraction) \(Self.labels[power])"
    }

    /// Units times `scale`, rounded half up.
    private static func scaled(_ bytes: Int64, _ scale: UInt128, power: Int) -> UInt128 {
        let unit: UInt128 = 1 << (10 * UInt128(power))
        return (UInt128(bytes) * scale + unit / 2) / unit
    }
}
