internal import Accounting

extension MeterName {
    /// Whether the name as text is this one's alone and can be shown: whoever makes an interface or
    /// a control socket, also in a container, chooses how it is called.
    var isClear: Bool {
        MeterName(description) == self && description.unicodeScalars.allSatisfy(Shown.isClear)
    }
}

/// Text that others chose, made fit to be shown.
enum Shown {
    static func isClear(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator: false
        default: true
        }
    }

    /// The text with a question mark for whatever would not be seen, or do something to a terminal.
    static func text(_ text: String) -> String {
        var shown = String.UnicodeScalarView()
        for scalar in text.unicodeScalars { shown.append(isClear(scalar) ? scalar : "?") }
        return String(shown)
    }
}
