/// Runs what somebody waits for ahead of what may take its time, such as pushes: a shut must not
/// queue behind a fleet's traffic for a thread.
enum Urgency {
    /// Does `body` in a task of high priority; cancelling the caller cancels it.
    static func run<Value: Sendable>(
        _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        let task = Task(priority: .high) { try await body() }
        return try await withTaskCancellationHandler {
            try await task.value
        } onCancel: {
            task.cancel()
        }
    }
}
