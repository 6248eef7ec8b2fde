/// Numbers with a unit, as people write them.
public enum Quantity {
    private static let seconds: [(unit: String, milliseconds: Int64)] = [
        ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1),
    ]
    private static let powers = ["K": 1, "M": 2, "G": 3, "T": 4, "P": 5]

    /// The time that `10s`, `500ms`, `2m`, `24h` or `7d` means; nil for anything else.
    public static func duration(_ text: String) -> Duration? {
        guard let (number, unit) = split(text),
            let factor = seconds.first(where: { $0.unit == unit })?.milliseconds,
            let count = Int64(exactly: number)
        else { return nil }
        let (milliseconds, overflow) = count.multipliedReportingOverflow(by: factor)
        return overflow ? nil : .milliseconds(milliseconds)
    }

    /// Bytes that `2048`, `512MB`, `100GB` or `1GiB` means, in multiples of 1024; nil for others.
    public static func size(_ text: String) -> UInt64? {
        guard let (number, unit) = split(text.uppercased()) else { return nil }
        if unit.isEmpty || unit == "B" { return number }
        guard let power = powers[String(unit.prefix(1))],
            ["", "B", "IB"].contains(unit.dropFirst())
        else { return nil }
        let (bytes, overflow) = number.multipliedReportingOverflow(by: 1 << (10 * UInt64(power)))
        return overflow ? nil : bytes
    }

    /// The shortest exact way to write a time.
    public static func text(of duration: Duration) -> String {
        let (whole, attoseconds) = duration.components
        let milliseconds = whole * 1000 + attoseconds / 1_000_000_000_000_000
        guard milliseconds != 0 else { return "0s" }
        let best = seconds.first { milliseconds % $0.milliseconds == 0 } ?? ("ms", 1)
        return "\(milliseconds / best.milliseconds)\(best.unit)"
    }

    /// The shortest exact way to write a size.
    public static func text(of size: UInt64) -> String {
        for (unit, power) in powers.sorted(by: { $0.value > $1.value }) {
            let factor: UInt64 = 1 << (10 * UInt64(power))
            if size != 0, size % factor == 0 { return "\(size / factor)\(unit)B" }
        }
        return "\(size)B"
    }

    /// Digits, then letters, with nothing before, between or after but spaces in the middle.
    private static func split(_ text: String) -> (number: UInt64, unit: String)? {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        let unit = text.dropFirst(digits.count).drop { $0 == " " }
        guard let number = UInt64(digits), unit.allSatisfy({ $0.isASCII && $0.isLetter }) else {
            return nil
        }
        return (number, String(unit))
    }
}
