import FuzzTargets

@testable import Server

extension ControllerTargets {
    /// What operators and joining agents send as text.
    static let bodyTargets = [
        FuzzTarget("json", json), FuzzTarget("form", form), FuzzTarget("tokens", tokens),
        FuzzTarget("ports", ports),
    ]

    private static func json(_ bytes: [UInt8]) throws {
        try read { try Fields(json: bytes) }
    }

    private static func form(_ bytes: [UInt8]) throws {
        try read { try Fields(form: bytes) }
    }

    /// Asks for a field in every way; only a `Refusal` may come of it.
    private static func read(_ make: () throws -> Fields) throws {
        do {
            let fields = try make()
            let ways: [() throws -> Void] = [
                { _ = try fields.text("name") }, { _ = try fields.requiredText("name") },
                { _ = try fields.integer("name") }, { _ = try fields.flag("name") },
                { try fields.allow("name") }, { try fields.allow() },
            ]
            for way in ways {
                do { try way() } catch is Refusal {}
            }
        } catch is Refusal {}
    }

    /// A port's words are read back as the same keys, in bodies and in paths.
    private static func ports(_ bytes: [UInt8]) throws {
        let text = String(decoding: bytes, as: UTF8.self)
        for make in [{ try PortWords(text) }, { try PortWords(path: text) }] {
            do {
                let words = try make()
                let again = try PortWords(words.label)
                try FuzzFinding.unless(again == words, "\(words.label) is another port")
                let path = words.label.replacing("/", with: "-", maxReplacements: 1)
                try FuzzFinding.unless(
                    try PortWords(path: path) == words, "\(path) is another port in a path")
            } catch is Refusal {}
        }
    }

    private static func tokens(_ bytes: [UInt8]) throws {
        let text = String(decoding: bytes, as: UTF8.self)
        if let token = JoinToken(text) {
            try FuzzFinding.unless(token.hash.count == 32, "a token has no whole hash")
            try FuzzFinding.unless(
                JoinToken(token.text)?.hash == token.hash, "a token is not read back")
        }
        if let decoded = Base64URL.decode(text) {
            try FuzzFinding.unless(Base64URL.encode(decoded) == text, "base64 has two texts")
        }
        do {
            let cursor = try Cursor(text)
            try FuzzFinding.unless(try Cursor(cursor.text) == cursor, "a cursor is another")
        } catch is Refusal {}
    }
}
