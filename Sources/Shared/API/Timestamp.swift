/// A moment in whole seconds, written as RFC 3339 in UTC: `2025-11-06T12:00:00Z`.
public struct Timestamp: Hashable, Comparable, Sendable {
    /// Seconds since 1970.
    public var seconds: Int64

    /// Makes a moment from seconds since 1970.
    public init(seconds: Int64) {
        self.seconds = seconds
    }

    /// Makes a moment from nanoseconds since 1970, rounded down to a second.
    public init(nanoseconds: Int64) {
        seconds = nanoseconds.floorDivided(by: 1_000_000_000)
    }

    /// Reads `YYYY-MM-DDTHH:MM:SSZ`; nil for anything else and for days that do not exist.
    public init?(_ text: some StringProtocol) {
        let bytes = Array(text.utf8)
        let form = Array("dddd-dd-ddTdd:dd:ddZ".utf8)
        guard bytes.count == form.count else { return nil }
        for (byte, kind) in zip(bytes, form) {
            let isDigit = (0x30...0x39).contains(byte)
            guard kind == UInt8(ascii: "d") ? isDigit : byte == kind else { return nil }
        }
        func number(_ range: Range<Int>) -> Int64 {
            bytes[range].reduce(0) { $0 * 10 + Int64($1 - 0x30) }
        }
        let date = CivilDate(year: number(0..<4), month: number(5..<7), day: number(8..<10))
        let (hour, minute, second) = (number(11..<13), number(14..<16), number(17..<19))
        guard (1...12).contains(date.month), hour < 24, minute < 60, second < 60,
            CivilDate(daysSince1970: date.daysSince1970) == date
        else { return nil }
        seconds = date.daysSince1970 * 86400 + hour * 3600 + minute * 60 + second
    }

    /// Whether the first moment is the earlier one.
    public static func < (first: Timestamp, second: Timestamp) -> Bool {
        first.seconds < second.seconds
    }
}

extension Timestamp: CustomStringConvertible {
    /// The moment as RFC 3339 in UTC.
    public var description: String {
        let days = seconds.floorDivided(by: 86400)
        let date = CivilDate(daysSince1970: days)
        let rest = seconds - days * 86400
        let day = "\(padded(date.year, 4))-\(padded(date.month, 2))-\(padded(date.day, 2))"
        let minute = "\(padded(rest / 3600, 2)):\(padded(rest / 60 % 60, 2))"
        return "\(day)T\(minute):\(padded(rest % 60, 2))Z"
    }

    private func padded(_ number: Int64, _ width: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}

extension Timestamp: Codable {
    /// Reads the moment from its text.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let moment = Timestamp(text) else {
            throw DecodingError.dataCorruptedError(
                in: container, debugDescription: "expected a time such as 2025-11-06T12:00:00Z")
        }
        self = moment
    }

    /// Writes the moment as text.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}

/// A day of the Gregorian calendar, counted in eras of 400 years that begin on 1 March.
private struct CivilDate: Equatable {
    var year: Int64
    var month: Int64
    var day: Int64

    init(year: Int64, month: Int64, day: Int64) {
        (self.year, self.month, self.day) = (year, month, day)
    }

    init(daysSince1970: Int64) {
        let shifted = daysSince1970 + 719_468
        let era = shifted.floorDivided(by: 146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra =
            (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    }

    var daysSince1970: Int64 {
        let shiftedYear = month <= 2 ? year - 1 : year
        let era = shiftedYear.floorDivided(by: 400)
        let yearOfEra = shiftedYear - era * 400
        let shiftedMonth = month > 2 ? month - 3 : month + 9
        let dayOfYear = (153 * shiftedMonth + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
            - 719_468
    }
}

extension Int64 {
    fileprivate func floorDivided(by divisor: Int64) -> Int64 {
        let quotient = self / divisor
        return self % divisor < 0 ? quotient - 1 : quotient
    }
}
