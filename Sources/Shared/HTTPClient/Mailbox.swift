import CCurl
import Synchronization

/// A request on its way to the thread, and whom to tell.
struct Job: Sendable {
    let id: UInt64
    let request: HTTPRequest
    let continuation: CheckedContinuation<Result<HTTPResponse, HTTPClientError>, Never>

    /// Tells the waiting task; must be called exactly once.
    func finish(_ outcome: Result<HTTPResponse, HTTPClientError>) {
        continuation.resume(returning: outcome)
    }

    func finish(cancelledBecause reason: String) {
        finish(.failure(HTTPClientError(.cancelled, doing: request.summary, reason: reason)))
    }
}

/// The one thing that tasks and the transport's thread share.
final class Mailbox: Sendable {
    /// What the thread has to do next.
    struct Orders {
        var jobs: [Job] = []
        var cancelled: [UInt64] = []
        var isClosed = false
    }

    private struct State {
        var orders = Orders()
        var doorbell: Doorbell?
        var lastID: UInt64 = 0
    }

    let options: TransferOptions
    private let state = Mutex(State())

    init(_ options: TransferOptions) { self.options = options }

    func nextID() -> UInt64 {
        state.withLock { state in
            state.lastID += 1
            return state.lastID
        }
    }

    /// Queues a job. A task that is cancelled already is told at once: its `cancel` may have come
    /// before the job, and the lock orders the two.
    func submit(_ job: Job) {
        let refusal: String? = state.withLock { state in
            if state.orders.isClosed { return "the connection was closed" }
            if Task.isCancelled { return "cancelled" }
            state.orders.jobs.append(job)
            state.doorbell?.ring()
            return nil
        }
        if let refusal { job.finish(cancelledBecause: refusal) }
    }

    func cancel(_ id: UInt64) {
        state.withLock { state in
            state.orders.cancelled.append(id)
            state.doorbell?.ring()
        }
    }

    func close() {
        state.withLock { state in
            state.orders.isClosed = true
            state.doorbell?.ring()
        }
    }

    /// The thread is ready to be woken by `doorbell`; nil: it no longer is.
    func attach(_ doorbell: Doorbell?) {
        state.withLock { $0.doorbell = doorbell }
    }

    /// Hands over what came since the last time.
    func take() -> Orders {
        state.withLock { state in
            defer { state.orders = Orders(isClosed: state.orders.isClosed) }
            return state.orders
        }
    }
}

/// Wakes the thread out of its poll.
///
/// Unchecked: `curl_multi_wakeup` is the one call on a multi handle that libcurl allows from any
/// thread, and it is only made under the mailbox's lock, which the thread takes to withdraw the
/// doorbell before it closes the handle.
struct Doorbell: @unchecked Sendable {
    let multi: UnsafeMutableRawPointer

    func ring() { _ = curl_multi_wakeup(multi) }
}
