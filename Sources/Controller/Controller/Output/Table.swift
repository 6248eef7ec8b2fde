/// Rows under headings, in columns that line up.
struct Table {
    /// One column.
    struct Column {
        var title: String
        var isNumber: Bool

        static func text(_ title: String) -> Column { Column(title: title, isNumber: false) }
        static func number(_ title: String) -> Column { Column(title: title, isNumber: true) }
    }

    /// One cell; the text may come from outside.
    struct Cell: ExpressibleByStringLiteral, ExpressibleByStringInterpolation {
        var text: String
        var colour: Colour?

        init(_ text: String, _ colour: Colour? = nil) {
            self.text = SafeText.escape(text)
            self.colour = colour
        }

        init(stringLiteral value: String) { self.init(value) }
    }

    private let columns: [Column]
    private var rows: [[Cell]] = []

    init(_ columns: Column...) { self.columns = columns }

    mutating func add(_ cells: Cell...) { rows.append(cells) }

    /// The lines, each with its end; without rows only the headings.
    func text(isColoured: Bool) -> String {
        let widths = columns.indices.map { index in
            let cells = rows.map { SafeText.width($0[index].text) }
            return max(cells.max() ?? 0, columns[index].title.count)
        }
        let heading = columns.map { Cell($0.title) }
        return ([heading] + rows).map { cells in
            var line = ""
            for (index, cell) in cells.enumerated() {
                let padding = String(
                    repeating: " ", count: widths[index] - SafeText.width(cell.text))
                let shown = isColoured ? cell.colour?.paint(cell.text) ?? cell.text : cell.text
                let isLast = index == cells.count - 1
                line += columns[index].isNumber ? padding + shown : shown + (isLast ? "" : padding)
                if !isLast { line += "  " }
            }
            return line + "\n"
        }.joined()
    }
}

/// What a state is painted in on a terminal.
enum Colour: String {
    case green = "32"
    case yellow = "33"
    case red = "31"

    func paint(_ text: String) -> String { "\u{1b}[\(rawValue)m\(text)\u{1b}[0m" }
}

/// Names and values, one a line, with the values in a column.
struct Listing {
    private var lines: [(name: String, value: String)] = []

    mutating func add(_ name: String, _ value: String?) {
        lines.append((name, SafeText.escape(value ?? "-")))
    }

    var text: String {
        let width = lines.map(\.name.count).max() ?? 0
        return lines.map { line in
            let padding = String(repeating: " ", count: width - line.name.count)
            return "\(line.name):\(padding)  \(line.value)\n"
        }.joined()
    }
}
