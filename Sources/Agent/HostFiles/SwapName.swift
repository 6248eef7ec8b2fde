/// The name of a new file that is about to change places with an old one. It tells both apart, so
/// that after a power cut it can be seen how far that came.
struct SwapName: Hashable {
    var new: FileStamp
    var old: FileStamp

    private static let mark = "tollkeeper"

    /// The name of a new file that is still being written.
    static func unfinished(of name: String) -> String { ".\(name).\(mark).part" }

    /// The name under which an edit of somebody else is kept that could not be brought in.
    static func saved(_ number: Int, of name: String) -> String {
        "\(name).\(mark)-saved.\(number)"
    }

    static func isSaved(_ text: String, of name: String) -> Bool {
        text.hasPrefix("\(name).\(mark)-saved.")
    }

    private static func prefix(of name: String) -> String { ".\(name).\(mark).swap." }

    init(new: FileStamp, old: FileStamp) {
        self.new = new
        self.old = old
    }

    /// Reads a name; nil for one that is no new file of `name`.
    init?(_ text: String, of name: String) {
        let prefix = Self.prefix(of: name)
        guard text.hasPrefix(prefix) else { return nil }
        let parts = text.dropFirst(prefix.count).split(separator: ".").map { Int64($0) }
        let numbers = parts.compactMap { $0 }
        guard parts.count == 7, numbers.count == 7, numbers[0] >= 0, numbers[1] >= 0,
            numbers[4] >= 0
        else { return nil }
        let device = UInt64(numbers[0])
        new = FileStamp(
            device: device, inode: UInt64(numbers[1]), size: numbers[2], modified: numbers[3])
        old = FileStamp(
            device: device, inode: UInt64(numbers[4]), size: numbers[5], modified: numbers[6])
    }

    func text(of name: String) -> String {
        let numbers = [
            Int64(bitPattern: new.device), Int64(bitPattern: new.inode), new.size, new.modified,
            Int64(bitPattern: old.inode), old.size, old.modified,
        ]
        return Self.prefix(of: name) + numbers.map(String.init).joined(separator: ".")
    }
}
