/// One header field.
public struct HTTPField: Hashable, Sendable {
    /// The name; its case does not matter.
    public var name: String
    /// The value, without spaces at its ends.
    public var value: String

    /// Makes a field.
    public init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }
}

/// An answer of any status: a 404 or 500 is no error of the transport.
public struct HTTPResponse: Sendable {
    /// 200, 404, …
    public var status: Int
    /// Header fields in the order in which they came, then trailers.
    public var headers: [HTTPField]
    /// The body as it came; empty for none.
    public var body: [UInt8]

    /// Makes a response.
    public init(status: Int, headers: [HTTPField] = [], body: [UInt8] = []) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    /// The first value of the header `name`, whatever its case; nil where there is none.
    public func header(_ name: String) -> String? {
        headers.first { $0.name.lowercased() == name.lowercased() }?.value
    }
}
