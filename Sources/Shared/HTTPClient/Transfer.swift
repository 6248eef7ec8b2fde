import CCurl

/// One request under way: what libcurl reads from and writes to. Used on the thread alone.
final class Transfer {
    let job: Job
    private var easy: EasyHandle
    private var head = AnswerHead()
    private var body: [UInt8] = []
    private var overLimit: String?
    /// Whether all that was wanted of an endless answer has come.
    private var hasLine = false

    init(_ job: Job, _ options: TransferOptions) throws(HTTPClientError) {
        self.job = job
        easy = try EasyHandle.open(doing: job.request.summary)
        try options.apply(to: easy)
        try easy.set(CURLOPT_URL, job.request.url)
        try easy.set(CURLOPT_TIMEOUT_MS, job.request.timeout.wholeMilliseconds)
        try setMethod()
        try easy.setHeaders(job.request.headerLines)
        try setCallbacks()
    }

    private func setMethod() throws(HTTPClientError) {
        let request = job.request
        let needsBody = ["POST", "PUT", "PATCH"].contains(request.method)
        if let body = request.body ?? (needsBody ? [] : nil) {
            try easy.setBody(body)
        } else if request.method == "HEAD" {
            try easy.set(CURLOPT_NOBODY, 1)
        }
        try easy.set(CURLOPT_CUSTOMREQUEST, request.method)
    }

    /// The context is unretained: the worker keeps the transfer until libcurl has let go of it.
    private func setCallbacks() throws(HTTPClientError) {
        let context = Unmanaged.passUnretained(self).toOpaque()
        try easy.set(CURLOPT_PRIVATE, pointer: context)
        try easy.set(CURLOPT_HEADERDATA, pointer: context)
        try easy.set(CURLOPT_WRITEDATA, pointer: context)
        try easy.set(CURLOPT_HEADERFUNCTION) { data, size, count, context in
            Transfer.receive(data, size * count, context) { $0.receiveHead($1) }
        }
        try easy.set(CURLOPT_WRITEFUNCTION) { data, size, count, context in
            Transfer.receive(data, size * count, context) { $0.receiveBody($1) }
        }
    }

    /// Answers libcurl how many bytes were taken; any other number than it gave aborts.
    private static func receive(
        _ data: UnsafeMutablePointer<CChar>?, _ count: Int, _ context: UnsafeMutableRawPointer?,
        _ take: (Transfer, UnsafeRawBufferPointer) -> Bool
    ) -> Int {
        guard let context else { return 0 }
        let transfer = Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
        return take(transfer, UnsafeRawBufferPointer(start: data, count: count)) ? count : 0
    }

    private func receiveHead(_ line: UnsafeRawBufferPointer) -> Bool {
        if head.receive(line) { return true }
        overLimit = "the answer's headers are longer than \(AnswerHead.limit) bytes"
        return false
    }

    private func receiveBody(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard bytes.count <= job.request.answerLimit - body.count else {
            overLimit = "the answer is longer than \(job.request.answerLimit) bytes"
            return false
        }
        body.append(contentsOf: bytes)
        hasLine = job.request.endsAfterLine && bytes.contains(0x0a)
        return !hasLine
    }

    /// The request's id behind a handle that libcurl speaks of.
    static func id(of easy: UnsafeMutableRawPointer?) -> UInt64? {
        var context: UnsafeMutableRawPointer?
        guard let easy, tk_curl_get_pointer(easy, CURLINFO_PRIVATE, &context) == CURLE_OK,
            let context
        else { return nil }
        return Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue().job.id
    }

    func join(_ multi: UnsafeMutableRawPointer) throws(HTTPClientError) {
        let result = curl_multi_add_handle(multi, easy.pointer)
        guard result == CURLM_OK else {
            let reason = String(cString: curl_multi_strerror(result))
            throw HTTPClientError(.failed, doing: job.request.summary, reason: reason)
        }
    }

    func leave(_ multi: UnsafeMutableRawPointer) {
        curl_multi_remove_handle(multi, easy.pointer)
    }

    /// What to tell the waiting task, now that libcurl is done.
    func outcome(_ result: CURLcode) -> Result<HTTPResponse, HTTPClientError> {
        if let overLimit {
            return .failure(
                HTTPClientError(.tooLarge, doing: job.request.summary, reason: overLimit))
        }
        guard result == CURLE_OK || hasLine else { return .failure(easy.error(result)) }
        return .success(HTTPResponse(status: easy.status, headers: head.fields, body: body))
    }
}

extension HTTPRequest {
    /// libcurl's header lines; an empty value is written `Name;`, and `Name:` leaves one out.
    var headerLines: [String] {
        var lines = headers.map { $0.value.isEmpty ? "\($0.name);" : "\($0.name): \($0.value)" }
        let names = Set(headers.map { $0.name.lowercased() })
        for name in ["Expect", "Content-Type"] where !names.contains(name.lowercased()) {
            lines.append("\(name):")
        }
        return lines
    }
}
