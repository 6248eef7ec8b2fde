import CCurl

/// Sends requests over connections that are kept alive and used again.
///
/// All transfers run on one thread of the transport's own, so that a request that waits for
/// its answer holds no thread of Swift's pool. Letting go of the transport ends the thread.
public final class HTTPTransport: Sendable {
    /// How a transport reaches servers; the same for all of its requests.
    public struct Configuration: Hashable, Sendable {
        /// Which servers are believed.
        public var trust: TrustPolicy
        /// Path of a unix socket to use in place of the URL's host and port; nil for none.
        public var unixSocket: String?
        /// `http://`, `https://` or `socks5h://` URL; nil for none, whatever the environment says.
        public var proxy: String?
        /// How long a connection may take to come up.
        public var connectTimeout: Duration

        /// Makes a configuration: the system's trust and a direct connection.
        public init(
            trust: TrustPolicy = .system, unixSocket: String? = nil, proxy: String? = nil,
            connectTimeout: Duration = .seconds(10)
        ) {
            self.trust = trust
            self.unixSocket = unixSocket
            self.proxy = proxy
            self.connectTimeout = connectTimeout
        }
    }

    private let mailbox: Mailbox

    /// Starts a transport; throws `.invalid` for an empty list of pins.
    public init(_ configuration: Configuration = Configuration()) throws(HTTPClientError) {
        let doing = "start the HTTP client"
        guard globalInitialisation == CURLE_OK else {
            throw HTTPClientError(globalInitialisation, doing: doing, words: "")
        }
        mailbox = Mailbox(try TransferOptions(configuration))
        try Worker.start(with: mailbox)
    }

    deinit { mailbox.close() }

    /// Sends a request and waits for the whole answer; cancelling the task aborts the transfer.
    public func send(_ request: HTTPRequest) async throws(HTTPClientError) -> HTTPResponse {
        try request.validate()
        let id = mailbox.nextID()
        let outcome = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                mailbox.submit(Job(id: id, request: request, continuation: continuation))
            }
        } onCancel: {
            mailbox.cancel(id)
        }
        return try outcome.get()
    }

    /// Ends every transfer that is under way, and refuses later ones, as cancelled.
    public func close() { mailbox.close() }
}

/// libcurl's global set-up, done once, by whoever comes first.
private let globalInitialisation: CURLcode = tk_curl_global_init()
