/// The comment lines round a block that Tollkeeper commented out, and how its lines are written.
///
/// Each line of the block that is not blank has a `#` more than before. Amnezia's app cuts the
/// file at every `[` and drops the first piece that holds a client's key, so in its files neither
/// a bracket nor a key may stand in the comment: the app would take a neighbour out. There a
/// bracket is written `~(`, a long word is parted by `~.`, and a `~` is doubled.
struct ShutMark: Hashable {
    /// Whether brackets and keys are hidden from Amnezia's app; of an opening mark.
    var isDisguised = false
    /// Whether the block's last line ended without a line feed; of a closing mark.
    var lacksNewline = false

    private static let reason =
        "the lines to the end mark come back as they were when the client is restored"
    private static let plain = Array("#Tollkeeper = shut: \(reason)".utf8)
    private static let disguised = Array("#Tollkeeper = shut, disguised: \(reason)".utf8)
    private static let end = Array("#Tollkeeper = end".utf8)
    private static let endWithoutNewline = Array("#Tollkeeper = end, no newline".utf8)

    init(isDisguised: Bool) {
        self.isDisguised = isDisguised
    }

    init(lacksNewline: Bool) {
        self.lacksNewline = lacksNewline
    }

    /// Reads the mark above a shut block; nil for any other line.
    init?(opening text: ArraySlice<UInt8>) {
        guard text.first == UInt8(ascii: "#") else { return nil }
        let colon = UInt8(ascii: ":")
        let word = text.prefix { $0 != colon }
        guard word.count < text.count else { return nil }
        if word.elementsEqual(Self.plain.prefix { $0 != colon }) {
            self.init(isDisguised: false)
        } else if word.elementsEqual(Self.disguised.prefix { $0 != colon }) {
            self.init(isDisguised: true)
        } else {
            return nil
        }
    }

    /// Reads the mark below a shut block; nil for any other line.
    init?(closing text: ArraySlice<UInt8>) {
        guard text.first == UInt8(ascii: "#"), let last = text.lastIndex(where: { !$0.isSpace })
        else { return nil }
        let word = text[...last]
        if word.elementsEqual(Self.end) {
            self.init(lacksNewline: false)
        } else if word.elementsEqual(Self.endWithoutNewline) {
            self.init(lacksNewline: true)
        } else {
            return nil
        }
    }

    /// The mark above a block, without a line end.
    var opening: [UInt8] { isDisguised ? Self.disguised : Self.plain }

    /// The mark below a block, without a line end.
    var closing: [UInt8] { lacksNewline ? Self.endWithoutNewline : Self.end }
}

extension ShutMark {
    private static let tilde = UInt8(ascii: "~")
    /// Longest run of base64's characters that a disguised line has; a key has 44.
    private static let longestRun = 22

    /// A line of the block as a comment.
    func commented(_ text: ArraySlice<UInt8>) -> [UInt8] {
        guard text.contains(where: { !$0.isSpace }) else { return Array(text) }
        let number = [UInt8(ascii: "#")]
        return number + (isDisguised ? Self.disguise(text) : Array(text))
    }

    /// The line that was commented; one that somebody else put there stays as it is.
    func uncommented(_ text: ArraySlice<UInt8>) -> [UInt8] {
        guard text.first == UInt8(ascii: "#") else { return Array(text) }
        return isDisguised ? Self.reveal(text.dropFirst()) : Array(text.dropFirst())
    }

    private static func disguise(_ text: ArraySlice<UInt8>) -> [UInt8] {
        var result: [UInt8] = []
        var run = 0
        for byte in text {
            run = isBase64(byte) ? run + 1 : 0
            if run > longestRun {
                result += [tilde, UInt8(ascii: ".")]
                run = 1
            }
            switch byte {
            case tilde: result += [tilde, tilde]
            case UInt8(ascii: "["): result += [tilde, UInt8(ascii: "(")]
            default: result.append(byte)
            }
        }
        return result
    }

    private static func reveal(_ text: ArraySlice<UInt8>) -> [UInt8] {
        var result: [UInt8] = []
        var rest = text
        while let byte = rest.popFirst() {
            guard byte == tilde, let next = rest.first else {
                result.append(byte)
                continue
            }
            switch next {
            case tilde: result.append(tilde)
            case UInt8(ascii: "("): result.append(UInt8(ascii: "["))
            case UInt8(ascii: "."): break
            default:
                result.append(byte)
                continue
            }
            rest = rest.dropFirst()
        }
        return result
    }

    private static func isBase64(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "+"), UInt8(ascii: "/"),
            UInt8(ascii: "="):
            true
        default: false
        }
    }
}
