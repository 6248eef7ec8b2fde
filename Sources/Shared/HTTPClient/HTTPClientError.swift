import CCurl

/// Why a request got no answer. An answer of whatever status is not an error.
public struct HTTPClientError: Error, Hashable, Sendable {
    /// What kind of failure it is, for those who act on it.
    public enum Code: Hashable, Sendable {
        /// The request, a pin or the transport's configuration makes no sense; nothing was sent.
        case invalid
        /// The host's (or proxy's) name has no address.
        case resolve
        /// Nothing accepted the connection.
        case connect
        /// The request's time was up.
        case timeout
        /// The server's key is not one of the pinned ones; nothing was sent.
        case pin
        /// TLS could not be agreed on, or the certificate is not trusted; nothing was sent.
        case tls
        /// The answer was longer than allowed.
        case tooLarge
        /// The task was cancelled, or the transport closed.
        case cancelled
        /// Anything else, mostly a connection that broke; the server may have acted.
        case failed
    }

    /// What kind of failure it is.
    public var code: Code
    /// What was being done, as the end of "could not …".
    public var doing: String
    /// What went wrong, in libcurl's words where it has some.
    public var reason: String

    /// Makes an error.
    public init(_ code: Code, doing: String, reason: String) {
        self.code = code
        self.doing = doing
        self.reason = reason
    }
}

extension HTTPClientError: CustomStringConvertible {
    /// One sentence for people.
    public var description: String { "could not \(doing): \(reason)" }
}

extension HTTPClientError {
    /// The one way from libcurl's result to an error; `words` is its error buffer.
    init(_ result: CURLcode, doing: String, words: String) {
        let general = String(cString: curl_easy_strerror(result))
        self.init(Self.code(of: result), doing: doing, reason: words.isEmpty ? general : words)
    }

    private static func code(of result: CURLcode) -> Code {
        switch result {
        case CURLE_UNSUPPORTED_PROTOCOL, CURLE_URL_MALFORMAT, CURLE_UNKNOWN_OPTION,
            CURLE_BAD_FUNCTION_ARGUMENT, CURLE_NOT_BUILT_IN, CURLE_LOGIN_DENIED:
            .invalid
        case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY: .resolve
        case CURLE_COULDNT_CONNECT: .connect
        case CURLE_OPERATION_TIMEDOUT: .timeout
        case CURLE_SSL_PINNEDPUBKEYNOTMATCH: .pin
        case CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CACERT_BADFILE,
            CURLE_SSL_CERTPROBLEM, CURLE_SSL_CIPHER, CURLE_SSL_ISSUER_ERROR,
            CURLE_SSL_INVALIDCERTSTATUS, CURLE_USE_SSL_FAILED:
            .tls
        case CURLE_FILESIZE_EXCEEDED: .tooLarge
        default: .failed
        }
    }
}
