/// One HTTP request.
public struct HTTPRequest: Sendable {
    /// `GET`, `POST`, … in upper case.
    public var method: String
    /// An `http` or `https` URL without a user name. Pinned transports take only `https`.
    public var url: String
    /// Header fields, sent as they are. `Host` and `Content-Length` are made by the transport.
    public var headers: [HTTPField]
    /// The body; nil for none.
    public var body: [UInt8]?
    /// How long the whole exchange may take, connecting included.
    public var timeout: Duration
    /// The most bytes that the answer's body may have; more is an error.
    public var answerLimit: Int
    /// Whether the answer is taken as whole once its body has a line feed: for answers that go on
    /// line by line without an end.
    public var endsAfterLine = false

    /// Makes a request; the answer may have 8 MiB by default.
    public init(
        _ method: String = "GET", _ url: String, headers: [HTTPField] = [], body: [UInt8]? = nil,
        timeout: Duration = .seconds(30), answerLimit: Int = 8 << 20
    ) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
        self.timeout = timeout
        self.answerLimit = answerLimit
    }
}

extension HTTPRequest {
    /// "GET https://host/path", without the query, which may hold a secret.
    var summary: String {
        method + " " + url.prefix { $0 != "?" && $0 != "#" }
    }

    /// What stands between `//` and the path.
    private var authority: Substring {
        guard let slashes = url.firstRange(of: "//") else { return url[...] }
        return url[slashes.upperBound...].prefix { !"/?#".contains($0) }
    }

    /// Refuses what could smuggle a second header or request onto the wire.
    func validate() throws(HTTPClientError) {
        guard !method.isEmpty, method.utf8.allSatisfy(\.isUpperCaseLetter) else {
            throw refusal("a method is upper-case letters, such as GET")
        }
        guard url.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else {
            throw refusal("a URL has no spaces, control or non-ASCII characters; percent-encode")
        }
        guard !authority.contains("@") else {
            throw refusal("a URL has no user name or password in it; send a header")
        }
        for field in headers {
            guard !field.name.isEmpty, field.name.utf8.allSatisfy(\.isTokenCharacter) else {
                throw refusal("the header name \"\(field.name)\" has characters it may not have")
            }
            guard field.value.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7f || $0 == 9 }) else {
                throw refusal("the value of the header \(field.name) has control characters")
            }
        }
    }

    private func refusal(_ reason: String) -> HTTPClientError {
        HTTPClientError(.invalid, doing: "send a request", reason: reason)
    }
}

extension UInt8 {
    fileprivate var isUpperCaseLetter: Bool { self >= 0x41 && self <= 0x5a }

    /// RFC 9110's tchar.
    fileprivate var isTokenCharacter: Bool {
        switch self {
        case 0x30...0x39, 0x41...0x5a, 0x61...0x7a: true
        default: "!#$%&'*+-.^_`|~".utf8.contains(self)
        }
    }
}
