public import Accounting

/// Rewrites an interface's configuration file so that peers are kept out of it, or come back.
///
/// Every byte that no change concerns stays. What was shut and is opened again is, byte for byte,
/// what it was; shutting what is shut changes nothing.
public struct ConfigurationRewrite: Sendable {
    /// Whether Amnezia's app edits the file too: see `ShutMark`.
    public var isSharedWithAmnezia: Bool

    /// What a rewrite came to.
    public struct Result: Sendable {
        /// The file's new bytes.
        public var bytes: [UInt8]
        /// The keys whose blocks are commented out now, in the order of the file.
        public var shut: [PublicKey] = []
        /// What was left undone, for people. It never quotes a secret.
        public var problems: [String] = []
    }

    /// Makes a rewrite for files that Amnezia's app edits too, or for others.
    public init(isSharedWithAmnezia: Bool = false) {
        self.isSharedWithAmnezia = isSharedWithAmnezia
    }

    /// Brings a file's blocks to what is wanted of their keys; nil leaves a key as it is. A shut
    /// block whose key cannot be understood is asked for as nil.
    ///
    /// `shut` comments a block out, `open` undoes that, `deleted` takes the block out.
    public func apply(
        to bytes: [UInt8], wanted: (PublicKey?) -> Access?
    ) -> Result {
        let layout = ConfigurationLayout(bytes)
        var result = Result(bytes: bytes)
        result.problems = layout.problems.map(\.description)
        var edits: [LineEdit] = []
        for block in layout.blocks {
            guard let key = block.key, let access = wanted(key), access.isShut else { continue }
            guard !block.isSplit else {
                result.problems.append(
                    "the block of \(key.base64) goes on behind lines that are commented out; "
                        + "put its settings together")
                continue
            }
            edits.append(access == .deleted ? layout.removal(block.lines) : comment(block, layout))
        }
        edits += openings(layout, wanted, &result.problems)
        result.bytes = layout.applying(edits)
        result.shut = Self.shutKeys(in: result.bytes)
        return result
    }

    /// The keys of the blocks that are commented out in a file, in its order.
    public static func shutKeys(in bytes: [UInt8]) -> [PublicKey] {
        ConfigurationLayout(bytes).shutBlocks.compactMap(\.key)
    }

    private func comment(
        _ block: ConfigurationLayout.Block, _ layout: ConfigurationLayout
    ) -> LineEdit {
        let mark = ShutMark(isDisguised: isSharedWithAmnezia)
        let newline = layout.newline(of: block.lines.lowerBound)
        var bytes = mark.opening + newline
        for index in block.lines {
            bytes += mark.commented(layout.text(index))
            let end = layout.lineEnd(index)
            bytes += end.isEmpty ? newline[...] : end
        }
        let isLast = layout.lineEnd(block.lines.upperBound).isEmpty
        bytes += ShutMark(lacksNewline: isLast).closing + newline
        return LineEdit(lines: block.lines, bytes: bytes)
    }

    /// Puts shut blocks back, or takes them out. One whose address another block has by now stays
    /// as it is: both would start, and one of them without its address.
    private func openings(
        _ layout: ConfigurationLayout, _ wanted: (PublicKey?) -> Access?,
        _ problems: inout [String]
    ) -> [LineEdit] {
        var edits: [LineEdit] = []
        var owners: [PeerSettings]?
        for shut in layout.shutBlocks {
            switch wanted(shut.key) {
            case .deleted: edits.append(layout.removal(shut.lines))
            case .open:
                let block = layout.uncommented(shut)
                var present = owners ?? Self.settings(in: layout.bytes)
                let settings = Self.settings(in: block)
                if let conflict = AddressConflict.first(restoring: settings, among: present) {
                    let key = shut.key?.base64 ?? "a client"
                    problems.append(
                        "\(key) stays commented out: \(conflict.address) belongs to the block of "
                            + "\(conflict.owner) now; give that one another address")
                } else {
                    edits.append(LineEdit(lines: shut.lines, bytes: block))
                    present += settings
                }
                owners = present
            case .shut, .uncounted, nil: break
            }
        }
        return edits
    }

    private static func settings(in bytes: [UInt8]) -> [PeerSettings] {
        InterfaceConfiguration(bytes).peers.values.compactMap(\.settings)
    }
}

/// New bytes for some lines.
struct LineEdit {
    var lines: ClosedRange<Int>
    var bytes: [UInt8]
}

extension ConfigurationLayout {
    /// The bytes with every edit made; edits do not overlap.
    func applying(_ edits: [LineEdit]) -> [UInt8] {
        var result = Array(bytes[..<head])
        var next = head
        for edit in edits.sorted(by: { $0.lines.lowerBound < $1.lines.lowerBound }) {
            let start = lines[edit.lines.lowerBound].start
            result += bytes[next..<max(start, next)]
            result += edit.bytes
            next = lines[edit.lines.upperBound].end
        }
        return result + bytes[next...]
    }

    /// What stands behind a line's text: a line feed, or nothing.
    func lineEnd(_ index: Int) -> ArraySlice<UInt8> {
        bytes[lines[index].textEnd..<lines[index].end]
    }

    /// The line end that the file uses at a line.
    func newline(of index: Int) -> [UInt8] {
        text(index).last == UInt8(ascii: "\r") ? Array("\r\n".utf8) : Array("\n".utf8)
    }

    /// The block inside a shut one, as it was.
    func uncommented(_ shut: ShutBlock) -> [UInt8] {
        var result: [UInt8] = []
        for index in shut.lines.dropFirst().dropLast() {
            result += shut.opening.uncommented(text(index)) + lineEnd(index)
        }
        guard shut.closing.lacksNewline, shut.lines.upperBound == lines.count - 1 else {
            return result
        }
        let added = newline(of: shut.lines.lowerBound)
        return result.suffix(added.count) == added[...] ? result.dropLast(added.count) : result
    }

    /// Takes a block out, with the comment lines that name it and the blank lines below it.
    func removal(_ block: ClosedRange<Int>) -> LineEdit {
        var first = block.lowerBound
        while first > 0, isName(first - 1) { first -= 1 }
        var last = block.upperBound
        if last + 1 < lines.count, comment(last + 1) == .endMark { last += 1 }
        while last + 1 < lines.count, case .blank = ConfigurationLine(text(last + 1)) { last += 1 }
        return LineEdit(lines: first...last, bytes: [])
    }

    private func isName(_ index: Int) -> Bool {
        switch comment(index) {
        case .tag, .mark, .plain, .empty: true
        case .setting, .endMark, nil: false
        }
    }

    private func comment(_ index: Int) -> ConfigurationComment? {
        guard case .comment = ConfigurationLine(text(index)) else { return nil }
        return ConfigurationComment(String(decoding: text(index), as: UTF8.self).trimmed())
    }
}
