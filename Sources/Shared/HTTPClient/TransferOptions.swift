import CCurl

/// What all transfers of a transport have in common, checked once.
struct TransferOptions: Sendable {
    private let pins: String?
    private let unixSocket: String?
    private let proxy: String
    private let connectTimeout: Duration

    init(_ configuration: HTTPTransport.Configuration) throws(HTTPClientError) {
        pins = try configuration.trust.pinList()
        unixSocket = configuration.unixSocket
        proxy = configuration.proxy ?? ""
        connectTimeout = configuration.connectTimeout
    }

    func apply(to easy: borrowing EasyHandle) throws(HTTPClientError) {
        try easy.set(CURLOPT_NOSIGNAL, 1)
        try easy.set(CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1)
        try easy.set(CURLOPT_FOLLOWLOCATION, 0)
        try easy.set(CURLOPT_DISALLOW_USERNAME_IN_URL, 1)
        try easy.set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1)
        try easy.set(CURLOPT_CONNECTTIMEOUT_MS, connectTimeout.wholeMilliseconds)
        try easy.set(CURLOPT_TCP_KEEPALIVE, 1)
        try easy.set(CURLOPT_TCP_KEEPIDLE, 20)
        try easy.set(CURLOPT_TCP_KEEPINTVL, 20)
        // The thread need not wait for a name look-up that nobody wants any more.
        try easy.set(CURLOPT_QUICK_EXIT, 1)
        try easy.set(CURLOPT_PROXY, proxy)
        if let unixSocket { try easy.set(CURLOPT_UNIX_SOCKET_PATH, unixSocket) }
        try applyTrust(to: easy)
    }

    /// libcurl skips the pin of a server that sends no certificate; TLS 1.3 has no such servers.
    private func applyTrust(to easy: borrowing EasyHandle) throws(HTTPClientError) {
        guard let pins else { return try easy.set(CURLOPT_PROTOCOLS_STR, "http,https") }
        try easy.set(CURLOPT_PROTOCOLS_STR, "https")
        try easy.set(CURLOPT_SSL_VERIFYPEER, 0)
        try easy.set(CURLOPT_SSL_VERIFYHOST, 0)
        try easy.set(CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_3)
        try easy.set(CURLOPT_SSL_SESSIONID_CACHE, 0)
        try easy.set(CURLOPT_PINNEDPUBLICKEY, pins)
    }
}

extension Duration {
    /// Milliseconds, at least 1, since 0 means for ever to libcurl.
    var wholeMilliseconds: Int {
        let (seconds, attoseconds) = components
        guard seconds < 1_000_000_000 else { return 1_000_000_000_000 }
        return max(1, Int(seconds) * 1000 + Int(attoseconds / 1_000_000_000_000_000))
    }
}
