/// Why the store could not do what was asked.
package struct StoreError: Error, CustomStringConvertible {
    /// Kinds of failure that callers tell apart.
    package enum Code: Sendable {
        /// What was named is not there.
        case notFound
        /// What was asked contradicts what is there.
        case conflict
        /// The caller may not do this.
        case forbidden
        /// What was given makes no sense.
        case invalid
        /// An agent's ledger does not continue what was booked: a clone or a rollback.
        case diverged
        /// The store's file is damaged, foreign or of a newer version.
        case damaged
        /// The store cannot be used now; later it may.
        case unavailable
        /// A mistake in this program.
        case `internal`
    }

    /// What kind of failure it is.
    package let code: Code
    /// A word for programs; nil where the kind says enough.
    package let reason: String?
    /// A sentence for people.
    package let description: String
    /// The driver's error; nil where there is none.
    package let cause: (any Error)?

    /// Makes an error.
    package init(
        _ code: Code, reason: String? = nil, _ description: String, cause: (any Error)? = nil
    ) {
        self.code = code
        self.reason = reason
        self.description = description
        self.cause = cause
    }
}
