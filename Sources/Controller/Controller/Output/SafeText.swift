/// Text from outside, made fit for a terminal.
enum SafeText {
    /// Control, format and line-breaking characters written out, so that a client's name can
    /// neither move the cursor nor turn a line round.
    static func escape(_ text: some StringProtocol) -> String {
        text.unicodeScalars.map { scalar in
            switch scalar.properties.generalCategory {
            case .control where scalar.value < 0x80:
                "\\x" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
            case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse:
                "\\u{" + String(scalar.value, radix: 16) + "}"
            default: String(scalar)
            }
        }.joined()
    }

    /// Columns that the text takes on a terminal.
    static func width(_ text: String) -> Int {
        text.reduce(0) { $0 + (isWide($1) ? 2 : 1) }
    }

    private static func isWide(_ character: Character) -> Bool {
        guard let scalar = character.unicodeScalars.first else { return false }
        switch scalar.value {
        case 0x1100...0x115f, 0x2e80...0xa4cf, 0xac00...0xd7a3, 0xf900...0xfaff,
            0xfe30...0xfe6f, 0xff00...0xff60, 0xffe0...0xffe6, 0x1f300...0x1faff,
            0x20000...0x3fffd:
            return true
        default: return false
        }
    }
}
