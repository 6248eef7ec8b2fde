internal import Accounting

/// Where the `[Peer]` blocks of a configuration file stand, as `wg` reads it: case and white space
/// do not matter, `#` starts a comment. Any bytes have a layout.
struct ConfigurationLayout {
    /// One line; the last may end without a line feed.
    struct Line {
        var start: Int
        /// Where its text ends; a carriage return is part of the text.
        var textEnd: Int
        /// Where the next line starts.
        var end: Int
    }

    /// A `[Peer]` block that counts, from its header to its last setting.
    struct Block {
        var lines: ClosedRange<Int>
        /// The public key that counts; nil where there is none or it cannot be understood.
        var key: PublicKey?
        /// Whether settings of it stand behind a shut block.
        var isSplit = false
    }

    /// A block that Tollkeeper commented out, with its two marks.
    struct ShutBlock {
        var lines: ClosedRange<Int>
        var opening: ShutMark
        var closing: ShutMark
        /// The public key of the block inside; nil where it cannot be understood.
        var key: PublicKey?
    }

    let bytes: [UInt8]
    /// Bytes before the first line: a byte order mark.
    let head: Int
    private(set) var lines: [Line] = []
    private(set) var blocks: [Block] = []
    private(set) var shutBlocks: [ShutBlock] = []
    /// What is wrong with Tollkeeper's marks, by line, counted from 1.
    private(set) var problems: [InterfaceConfiguration.Problem] = []
    /// Whether the last header that counts was a `[Peer]`'s.
    private var isInPeer = false

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
        head = bytes.starts(with: [0xef, 0xbb, 0xbf]) ? 3 : 0
        cutLines()
        findBlocks()
    }

    /// A line's text, without its line feed.
    func text(_ index: Int) -> ArraySlice<UInt8> {
        bytes[lines[index].start..<lines[index].textEnd]
    }

    private mutating func cutLines() {
        var start = head
        while start < bytes.count {
            let feed = bytes[start...].firstIndex(of: UInt8(ascii: "\n"))
            let end = feed.map { $0 + 1 } ?? bytes.count
            lines.append(Line(start: start, textEnd: feed ?? end, end: end))
            start = end
        }
    }

    private mutating func findBlocks() {
        var index = 0
        var isOpen = false
        while index < lines.count {
            if let opening = ShutMark(opening: text(index)) {
                if let shut = shutBlock(from: index, opening) {
                    shutBlocks.append(shut)
                    index = shut.lines.upperBound + 1
                    isOpen = false
                    continue
                }
                problems.append(
                    .init(line: index + 1, reason: "is Tollkeeper's mark without its end mark"))
            }
            take(ConfigurationLine(text(index)), at: index, &isOpen)
            index += 1
        }
    }

    private mutating func take(_ line: ConfigurationLine, at index: Int, _ isOpen: inout Bool) {
        switch line {
        case .blank, .comment: break
        case .header(let isPeer):
            (isOpen, isInPeer) = (isPeer, isPeer)
            if isPeer { blocks.append(Block(lines: index...index)) }
        case .publicKey(let key):
            extend(to: index, isOpen)
            if isOpen { blocks[blocks.count - 1].key = key }
        case .setting: extend(to: index, isOpen)
        }
    }

    /// Settings behind a shut block belong to the block before it, as `wg` reads them.
    private mutating func extend(to index: Int, _ isOpen: Bool) {
        guard let last = blocks.indices.last, isInPeer else { return }
        if isOpen {
            blocks[last].lines = blocks[last].lines.lowerBound...index
        } else {
            blocks[last].isSplit = true
        }
    }

    /// The shut block whose opening mark is at `start`; nil where its end mark is missing.
    private func shutBlock(from start: Int, _ opening: ShutMark) -> ShutBlock? {
        var key: PublicKey?
        for index in (start + 1)..<max(lines.count, start + 1) {
            if let closing = ShutMark(closing: text(index)) {
                return ShutBlock(
                    lines: start...index, opening: opening, closing: closing, key: key)
            }
            guard ShutMark(opening: text(index)) == nil else { return nil }
            if case .header = ConfigurationLine(text(index)) { return nil }
            let inner = opening.uncommented(text(index))
            if case .publicKey(let found) = ConfigurationLine(inner[...]) { key = found }
        }
        return nil
    }
}

/// What `wg` makes of a line.
enum ConfigurationLine {
    case blank
    case comment
    /// Any section's header.
    case header(isPeer: Bool)
    /// The setting that names a peer; nil where the value is not 32 bytes of base64.
    case publicKey(PublicKey?)
    /// Any other setting, or nonsense.
    case setting

    init(_ text: ArraySlice<UInt8>) {
        guard let first = text.first(where: { !$0.isSpace }) else {
            self = .blank
            return
        }
        guard first != UInt8(ascii: "#") else {
            self = .comment
            return
        }
        let words = text.prefix { $0 != UInt8(ascii: "#") }.filter { !$0.isSpace }
        if first == UInt8(ascii: "[") {
            self = .header(isPeer: words.map(\.lowercased) == Array("[peer]".utf8))
        } else if words.prefix(10).map(\.lowercased) == Array("publickey=".utf8) {
            self = .publicKey(
                PublicKey(base64: String(decoding: words.dropFirst(10), as: UTF8.self)))
        } else {
            self = .setting
        }
    }
}

extension UInt8 {
    /// White space as C's `isspace` has it.
    var isSpace: Bool { self == 0x20 || (0x09...0x0d).contains(self) }

    /// A letter of ASCII in lower case.
    var lowercased: UInt8 { (0x41...0x5a).contains(self) ? self | 0x20 : self }
}
