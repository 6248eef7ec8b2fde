internal import Glibc
package import Netlink

extension MeterError {
    /// What an error of the kernel means to those who use a meter.
    package init(_ error: NetlinkError, doing: String) {
        let code: Code
        var reason = error.reason
        switch error.code {
        case .interrupted: code = .interrupted
        case .malformed: code = .malformed
        // EOPNOTSUPP: the index belongs to an interface of another kind by now.
        case .system(ENODEV), .system(ENOENT), .system(EOPNOTSUPP): code = .absent
        case .system(EPERM), .system(EACCES):
            code = .denied
            if !reason.contains("CAP_") { reason += " (CAP_NET_ADMIN is needed)" }
        case .system, .timedOut, .tooLarge: code = .failed
        }
        self.init(code, doing: doing, reason: reason)
    }
}
