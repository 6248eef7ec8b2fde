import HummingbirdCore

/// A request's query. What an operator's call does not take is refused.
struct Query {
    private var values: [String: String] = [:]

    /// Reads an agent's query. What a newer agent may say besides is passed over.
    init(ofAgent request: Request) {
        for (name, value) in request.uri.queryParameters {
            values[String(name)] = String(value)
        }
    }

    /// Reads the query and refuses parameters other than `names`, and repeated ones.
    init(_ request: Request, allowing names: String...) throws {
        for (name, value) in request.uri.queryParameters {
            let name = String(name)
            guard names.contains(name) else {
                let known = names.isEmpty ? "none" : names.joined(separator: ", ")
                throw Refusal.invalid(
                    "\(name): there is no such parameter; this call takes \(known)")
            }
            guard values.updateValue(String(value), forKey: name) == nil else {
                throw Refusal.invalid("\(name): the parameter stands there twice")
            }
        }
    }

    /// A text; nil where it is missing.
    func text(_ name: String) -> String? { values[name] }

    /// A whole number within a range; nil where it is missing.
    func integer(_ name: String, in range: ClosedRange<Int64>) throws -> Int64? {
        guard let text = values[name] else { return nil }
        guard let integer = Int64(text), range.contains(integer) else {
            throw Refusal.invalid(
                """
                \(name): a whole number from \(range.lowerBound) to \(range.upperBound) \
                is expected
                """)
        }
        return integer
    }

    /// Another object's id; nil where it is missing.
    func id(_ name: String) throws -> Int64? {
        try integer(name, in: 1...Int64.max)
    }

    /// How many entries a page has.
    func limit() throws -> Int {
        Int(try integer("limit", in: 1...1000) ?? 100)
    }

    /// Seconds to wait, as a duration.
    func wait(default seconds: Int64, atMost most: Int64) throws -> Duration {
        .seconds(try integer("wait", in: 0...most) ?? seconds)
    }

    /// An order of `known` ones, and whether a leading `-` turns it round.
    func sort(_ known: [String]) throws -> (name: String, isDescending: Bool) {
        let text = values["sort"] ?? known[0]
        let name = text.hasPrefix("-") ? String(text.dropFirst()) : text
        guard known.contains(name) else {
            throw Refusal.invalid(
                """
                sort: one of \(known.joined(separator: ", ")) is expected, with - before it to \
                turn it round
                """)
        }
        return (name, text.hasPrefix("-"))
    }
}
