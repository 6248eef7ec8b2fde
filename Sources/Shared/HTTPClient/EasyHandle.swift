import CCurl

/// One libcurl easy handle, its header list and its error buffer; all freed together.
struct EasyHandle: ~Copyable {
    let pointer: UnsafeMutableRawPointer
    private let words: UnsafeMutablePointer<CChar>
    private var headers: UnsafeMutablePointer<curl_slist>?
    private let doing: String

    /// Opens a handle; `doing` goes into its errors.
    static func open(doing: String) throws(HTTPClientError) -> EasyHandle {
        guard let pointer = curl_easy_init() else {
            throw HTTPClientError(CURLE_OUT_OF_MEMORY, doing: doing, words: "")
        }
        let handle = EasyHandle(pointer: pointer, doing: doing)
        try handle.set(CURLOPT_ERRORBUFFER, pointer: handle.words)
        return handle
    }

    private init(pointer: UnsafeMutableRawPointer, doing: String) {
        self.pointer = pointer
        self.doing = doing
        words = .allocate(capacity: Int(CURL_ERROR_SIZE))
        words.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
    }

    deinit {
        curl_easy_cleanup(pointer)
        curl_slist_free_all(headers)
        words.deallocate()
    }

    func set(_ option: CURLoption, _ value: Int) throws(HTTPClientError) {
        try check(tk_curl_set_long(pointer, option, value))
    }

    func set(_ option: CURLoption, offset value: Int) throws(HTTPClientError) {
        try check(tk_curl_set_offset(pointer, option, curl_off_t(value)))
    }

    /// libcurl copies the text.
    func set(_ option: CURLoption, _ value: String) throws(HTTPClientError) {
        try check(value.withCString { tk_curl_set_pointer(pointer, option, $0) })
    }

    func set(_ option: CURLoption, pointer value: UnsafeRawPointer) throws(HTTPClientError) {
        try check(tk_curl_set_pointer(pointer, option, value))
    }

    func set(
        _ option: CURLoption, callback: @escaping tk_curl_write
    ) throws(HTTPClientError) {
        try check(tk_curl_set_write(pointer, option, callback))
    }

    /// Sets a body, which libcurl copies. It wants an address even for an empty one.
    func setBody(_ body: [UInt8]) throws(HTTPClientError) {
        try set(CURLOPT_POST, 1)
        try set(CURLOPT_POSTFIELDSIZE_LARGE, offset: body.count)
        let terminated = body.isEmpty ? [0] : body
        try check(
            terminated.withUnsafeBytes {
                tk_curl_set_pointer(pointer, CURLOPT_COPYPOSTFIELDS, $0.baseAddress)
            })
    }

    /// Sets the request's header lines.
    mutating func setHeaders(_ lines: [String]) throws(HTTPClientError) {
        for line in lines {
            guard let longer = curl_slist_append(headers, line) else {
                throw error(CURLE_OUT_OF_MEMORY)
            }
            headers = longer
        }
        if let headers { try set(CURLOPT_HTTPHEADER, pointer: headers) }
    }

    /// The status of the last answer; 0 for none.
    var status: Int {
        var status = 0
        _ = tk_curl_get_long(pointer, CURLINFO_RESPONSE_CODE, &status)
        return status
    }

    /// The error for a result, with libcurl's own words where it left some.
    func error(_ result: CURLcode) -> HTTPClientError {
        HTTPClientError(result, doing: doing, words: String(cString: words))
    }

    private func check(_ result: CURLcode) throws(HTTPClientError) {
        guard result == CURLE_OK else { throw error(result) }
    }
}
