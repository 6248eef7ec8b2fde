import CCurl
import Glibc

/// The transport's thread: it alone touches libcurl's handles.
struct Worker: ~Copyable {
    private let mailbox: Mailbox
    private let multi: UnsafeMutableRawPointer
    private var transfers: [UInt64: Transfer] = [:]

    /// Milliseconds that an idle thread sleeps at most; it is woken when there is work.
    private static let longestSleep: Int32 = 60_000

    /// Starts the thread; it ends when the mailbox is closed.
    static func start(with mailbox: Mailbox) throws(HTTPClientError) {
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        defer { pthread_attr_destroy(&attributes) }
        pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        var thread = pthread_t()
        let context = Unmanaged.passRetained(mailbox)
        let result = pthread_create(
            &thread, &attributes,
            { context in
                guard let context else { return nil }
                Worker.main(Unmanaged<Mailbox>.fromOpaque(context).takeRetainedValue())
                return nil
            }, context.toOpaque())
        guard result == 0 else {
            context.release()
            throw HTTPClientError(
                .failed, doing: "start the HTTP client's thread",
                reason: String(cString: strerror(result)))
        }
    }

    private static func main(_ mailbox: Mailbox) {
        var signals = sigset_t()
        sigfillset(&signals)
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        guard let multi = curl_multi_init() else { return refuseAll(mailbox) }
        var worker = Worker(mailbox: mailbox, multi: multi)
        worker.run()
    }

    private init(mailbox: Mailbox, multi: UnsafeMutableRawPointer) {
        self.mailbox = mailbox
        self.multi = multi
        mailbox.attach(Doorbell(multi: multi))
    }

    deinit {
        mailbox.attach(nil)
        curl_multi_cleanup(multi)
    }

    private mutating func run() {
        while true {
            let orders = mailbox.take()
            for job in orders.jobs { start(job) }
            for id in orders.cancelled { cancel(id, because: "cancelled") }
            if orders.isClosed { break }
            var running: Int32 = 0
            curl_multi_perform(multi, &running)
            collect()
            _ = tk_curl_multi_poll(multi, Self.longestSleep)
        }
        for id in Array(transfers.keys) { cancel(id, because: "the connection was closed") }
    }

    private mutating func start(_ job: Job) {
        do throws(HTTPClientError) {
            let transfer = try Transfer(job, mailbox.options)
            try transfer.join(multi)
            transfers[job.id] = transfer
        } catch {
            job.finish(.failure(error))
        }
    }

    private mutating func cancel(_ id: UInt64, because reason: String) {
        guard let transfer = transfers.removeValue(forKey: id) else { return }
        transfer.leave(multi)
        transfer.job.finish(cancelledBecause: reason)
    }

    /// Finishes the transfers that libcurl is done with.
    private mutating func collect() {
        var left: Int32 = 0
        while let message = curl_multi_info_read(multi, &left) {
            guard message.pointee.msg == CURLMSG_DONE else { continue }
            let result = tk_curl_message_result(message)
            guard let id = Transfer.id(of: message.pointee.easy_handle),
                let transfer = transfers.removeValue(forKey: id)
            else { continue }
            transfer.leave(multi)
            transfer.job.finish(transfer.outcome(result))
        }
    }

    /// Without a multi handle nothing can be sent: says so to whoever asks, until the end.
    private static func refuseAll(_ mailbox: Mailbox) {
        while true {
            let orders = mailbox.take()
            for job in orders.jobs {
                job.finish(
                    .failure(HTTPClientError(CURLE_OUT_OF_MEMORY, doing: "send", words: "")))
            }
            if orders.isClosed { return }
            usleep(100_000)
        }
    }
}
