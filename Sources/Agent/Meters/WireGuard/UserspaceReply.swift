internal import Accounting
internal import Glibc

/// What a userspace daemon says of its device, without the private key.
struct UserspaceReply: Sendable {
    /// The UDP port that it listens on; nil where it names none.
    var listenPort: UInt16?
    /// Its peers, each once, in no order that means anything.
    var peers: [UserspacePeer] = []
}

/// One peer of a userspace device.
struct UserspacePeer: Sendable {
    /// The peer's public key.
    var key: PublicKey
    /// How the peer is set up.
    var settings: PeerSettings
    /// Bytes, from the client's side.
    var value: Traffic
    /// Seconds since 1970; 0 for never.
    var lastHandshake: Int64
}

extension UserspaceReply {
    /// Reads one whole answer, up to and with its blank line.
    ///
    /// An answer that carries an error number, is cut short or breaks the format is thrown, never
    /// half read. None of its values enters the error: they may be secrets.
    static func decode(_ bytes: RawSpan, doing: String) throws(MeterError) -> UserspaceReply {
        var decoder = UserspaceDecoder()
        var line = UserspaceLine()
        do throws(UserspaceFault) {
            while try line.advance(in: bytes) {
                try decoder.take(line, in: bytes)
            }
            return try decoder.finish()
        } catch {
            switch error {
            case .refused(let code): throw .refused(code, doing: doing)
            case .malformed(let what):
                throw MeterError(
                    .malformed, doing: doing,
                    reason: "line \(line.number) of the daemon's answer \(what)")
            }
        }
    }
}

/// Why an answer was not taken.
enum UserspaceFault: Error {
    /// The daemon's errno, negated as it sends it.
    case refused(Int64)
    /// What is wrong with the line.
    case malformed(String)
}

extension MeterError {
    /// The daemon answered with an error number of its own.
    fileprivate static func refused(_ code: Int64, doing: String) -> MeterError {
        let number = Int32(clamping: code.magnitude)
        let kind: Code = number == EPERM || number == EACCES ? .denied : .failed
        let words = String(cString: strerror(number))
        return MeterError(
            kind, doing: doing, reason: "the daemon answered errno \(code) (\(words))")
    }
}
