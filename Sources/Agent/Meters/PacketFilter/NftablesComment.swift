/// Comments as they are kept beside rules and elements. They are others' text: bytes that are none
/// make no comment, and no error.
enum NftablesComment {
    /// The comment within userdata (0, length, text with its zero byte), as `nft` writes it.
    static func inside(_ userdata: ArraySlice<UInt8>) -> String? {
        var rest = userdata
        while rest.count >= 2 {
            let (kind, length) = (rest[rest.startIndex], Int(rest[rest.startIndex + 1]))
            rest = rest.dropFirst(2)
            guard rest.count >= length else { return nil }
            if kind == 0 { return text(rest.prefix(length)) }
            rest = rest.dropFirst(length)
        }
        return nil
    }

    /// The text up to its first zero byte; nil for an empty one and for what is no text.
    static func text(_ bytes: ArraySlice<UInt8>) -> String? {
        let text = String(validating: bytes.prefix { $0 != 0 }, as: UTF8.self)
        return text.flatMap { $0.isEmpty ? nil : $0 }
    }
}
