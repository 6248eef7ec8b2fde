import Foundation

/// What a person types to mean a client, a server or a token.
enum Selector: Hashable, Sendable {
    case id(Int64)
    case name(String)
    /// A client by one of its keys.
    case key(String)

    /// Reads `id:15`, `name:15`, `key:…`, or else a name as it stands.
    init(_ text: String) throws(CommandFailure) {
        if let rest = text.dropping("id:") {
            guard let id = Int64(rest), id > 0 else {
                throw CommandFailure(.usage, "\"\(text)\" is no id; write a number, as in id:15")
            }
            self = .id(id)
        } else if let rest = text.dropping("key:") {
            self = .key(try Self.nonempty(rest, text))
        } else {
            self = .name(try Self.nonempty(text.dropping("name:") ?? text, text))
        }
    }

    private static func nonempty(
        _ rest: String, _ text: String
    ) throws(CommandFailure) -> String {
        guard !rest.isEmpty else {
            throw CommandFailure(
                .usage, "\"\(text)\" names nothing; write a name, id:15, name:15 or key:…")
        }
        return rest
    }

    /// All that were typed, `-` standing for the lines of standard input.
    static func all(_ texts: [String], in world: World) throws -> [Selector] {
        var selectors: [Selector] = []
        for text in texts {
            guard text == "-" else {
                selectors.append(try Selector(text))
                continue
            }
            while let line = world.readLine() {
                let name = line.trimmingCharacters(in: .whitespaces)
                if !name.isEmpty { selectors.append(try Selector(name)) }
            }
        }
        guard !selectors.isEmpty else {
            throw CommandFailure(.usage, "standard input names nobody; nothing was done")
        }
        return selectors
    }
}

extension Selector: CustomStringConvertible {
    var description: String {
        switch self {
        case .id(let id): "id:\(id)"
        case .name(let name): "\"\(name)\""
        case .key(let key): "key:\(key)"
        }
    }
}

extension String {
    /// What follows `prefix`; nil where the text does not begin with it.
    fileprivate func dropping(_ prefix: String) -> String? {
        hasPrefix(prefix) ? String(dropFirst(prefix.count)) : nil
    }
}
