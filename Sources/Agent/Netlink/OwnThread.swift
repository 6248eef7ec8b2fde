internal import CMnl
internal import Glibc
internal import Synchronization

/// POSIX threads of our own. A network namespace belongs to a thread, and a wait in the kernel
/// holds one: neither may happen on Swift's pool threads.
package enum OwnThread {
    private final class Body: Sendable {
        let run: @Sendable () -> Void

        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    private final class Outcome<Value: Sendable>: Sendable {
        let value = Mutex<Value?>(nil)
    }

    /// Starts `body` on a new thread; the caller joins or detaches it.
    static func start(_ body: @escaping @Sendable () -> Void) throws(NetlinkError) -> pthread_t {
        let context = Unmanaged.passRetained(Body(body))
        var thread = pthread_t()
        let number = pthread_create(
            &thread, nil,
            { raw in
                guard let raw else { return nil }
                Unmanaged<Body>.fromOpaque(raw).takeRetainedValue().run()
                return nil
            }, context.toOpaque())
        guard number == 0 else {
            context.release()
            throw .system(number, doing: "start a thread")
        }
        return thread
    }

    /// Starts `body` on a new thread that nobody waits for.
    package static func detach(_ body: @escaping @Sendable () -> Void) throws(NetlinkError) {
        pthread_detach(try start(body))
    }

    /// Runs `body` on a new thread and waits for what it returns.
    static func run<Value: Sendable>(
        _ body: @escaping @Sendable () -> Value
    ) throws(NetlinkError) -> Value {
        let outcome = Outcome<Value>()
        let thread = try start {
            let value = body()
            outcome.value.withLock { $0 = value }
        }
        pthread_join(thread, nil)
        guard let value = outcome.value.withLock({ $0 }) else {
            throw .system(EINTR, doing: "run a thread")
        }
        return value
    }
}
