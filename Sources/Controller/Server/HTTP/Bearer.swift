import HTTPTypes
import HummingbirdCore

extension Request {
    /// What follows `Bearer` in the Authorization header; nil for none. The scheme's case does not
    /// matter (RFC 9110, section 11.1).
    var bearer: Substring? {
        guard let text = headers[.authorization], text.lowercased().hasPrefix("bearer ") else {
            return nil
        }
        return text.dropFirst(7)
    }
}
