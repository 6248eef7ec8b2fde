import Foundation

/// What a JSON or form body says, by field. A field that no route has asked for is refused.
struct Fields {
    private enum Value: Decodable {
        case text(String)
        case integer(Int64)
        case flag(Bool)
        case null

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if container.decodeNil() {
                self = .null
            } else if let flag = try? container.decode(Bool.self) {
                self = .flag(flag)
            } else if let integer = try? container.decode(Int64.self) {
                self = .integer(integer)
            } else {
                self = .text(try container.decode(String.self))
            }
        }
    }

    private var values: [String: Value] = [:]
    private var isForm = false

    /// No fields.
    init() {}

    /// Reads a JSON object of plain values.
    init(json bytes: [UInt8]) throws {
        do {
            values = try JSONDecoder().decode([String: Value].self, from: Data(bytes))
        } catch let DecodingError.typeMismatch(_, context) where !context.codingPath.isEmpty {
            throw Refusal.invalid("\(Self.name(context)): a text, number or truth is expected")
        } catch {
            throw Refusal.invalid("the body is not a JSON object")
        }
    }

    /// Reads `name=value&…`.
    init(form bytes: [UInt8]) throws {
        isForm = true
        for pair in String(decoding: bytes, as: UTF8.self).split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let texts = parts.map { part in
                part.replacingOccurrences(of: "+", with: " ").removingPercentEncoding
            }
            guard let name = texts[0], let value = texts.count == 2 ? texts[1] : "" else {
                throw Refusal.invalid("the form has a broken percent-encoding")
            }
            guard values.updateValue(.text(value), forKey: name) == nil else {
                throw Refusal.invalid("\(name): the form has this field twice")
            }
        }
    }

    /// Refuses fields other than these.
    func allow(_ names: String...) throws {
        guard let unknown = values.keys.filter({ !names.contains($0) }).min() else { return }
        let known = names.isEmpty ? "no fields" : names.joined(separator: ", ")
        throw Refusal.invalid("\(unknown): there is no such field; this call takes \(known)")
    }

    /// A text; nil where it is missing or null.
    func text(_ name: String) throws -> String? {
        switch values[name] {
        case nil, .null: nil
        case .text(let text): text
        case .integer, .flag: throw Refusal.invalid("\(name): a text is expected")
        }
    }

    /// A text that must be there.
    func requiredText(_ name: String) throws -> String {
        guard let text = try text(name) else { throw Refusal.invalid("\(name): is missing") }
        return text
    }

    /// A whole number; nil where it is missing or null.
    func integer(_ name: String) throws -> Int64? {
        switch values[name] {
        case nil, .null: return nil
        case .integer(let integer): return integer
        case .text(let text) where isForm:
            if let integer = Int64(text) { return integer }
        case .text, .flag: break
        }
        throw Refusal.invalid("\(name): a whole number is expected")
    }

    /// A truth; nil where it is missing or null.
    func flag(_ name: String) throws -> Bool? {
        switch values[name] {
        case nil, .null: return nil
        case .flag(let flag): return flag
        case .text("true") where isForm, .text("1") where isForm: return true
        case .text("false") where isForm, .text("0") where isForm: return false
        case .text, .integer: throw Refusal.invalid("\(name): true or false is expected")
        }
    }

    private static func name(_ context: DecodingError.Context) -> String {
        context.codingPath.map(\.stringValue).joined(separator: ".")
    }
}
