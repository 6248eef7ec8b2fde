internal import Accounting

/// Collects a daemon's answer line by line.
struct UserspaceDecoder {
    private var reply = UserspaceReply()
    private var seen: Set<PublicKey> = []
    private var peer: Draft?
    private var code: Int64?

    /// A peer whose lines are still coming.
    private struct Draft {
        var key: PublicKey
        var settings: PeerSettings
        var lastHandshake: Int64 = 0
        var handshakeNanoseconds: Int64 = 0
        var received: UInt64?
        var sent: UInt64?
    }

    /// Takes one line. Unknown names are skipped: newer daemons and AmneziaWG have more.
    mutating func take(_ line: UserspaceLine, in bytes: RawSpan) throws(UserspaceFault) {
        guard code == nil else { throw .malformed("stands behind its error number") }
        let word = UserspaceWord(line, in: bytes)
        switch word {
        case .publicKey: try start(line, in: bytes)
        case .errno:
            guard let number = UserspaceText.signed(bytes, line.value) else {
                throw .malformed("has an error number that is none")
            }
            code = number
        case .listenPort where peer == nil:
            guard let port = UserspaceText.number(bytes, line.value, as: UInt16.self) else {
                throw .malformed("has a listen_port that is none")
            }
            reply.listenPort = port == 0 ? nil : port
        case .unknown: break
        default:
            guard peer != nil else { return }
            try fill(word, line, in: bytes)
        }
    }

    /// The answer, once its blank line has come.
    mutating func finish() throws(UserspaceFault) -> UserspaceReply {
        guard let code else { throw .malformed("ends it without an error number") }
        guard code == 0 else { throw .refused(code) }
        try close()
        return reply
    }

    private mutating func start(
        _ line: UserspaceLine, in bytes: RawSpan
    ) throws(UserspaceFault) {
        try close()
        guard let key = UserspaceText.key(bytes, line.value) else {
            throw .malformed("has a public_key that is not 64 hexadecimal digits")
        }
        guard seen.insert(key).inserted else { throw .malformed("repeats a public_key") }
        peer = Draft(key: key, settings: PeerSettings(key: .publicKey(key)))
    }

    private mutating func close() throws(UserspaceFault) {
        guard let done = peer else { return }
        guard let received = done.received, let sent = done.sent else {
            throw .malformed("ends a peer without rx_bytes and tx_bytes")
        }
        reply.peers.append(
            UserspacePeer(
                key: done.key, settings: done.settings,
                value: Traffic(uplink: received, downlink: sent),
                lastHandshake: HandshakeTime.seconds(
                    done.lastHandshake, nanoseconds: done.handshakeNanoseconds)))
        peer = nil
    }

    private mutating func fill(
        _ word: UserspaceWord, _ line: UserspaceLine, in bytes: RawSpan
    ) throws(UserspaceFault) {
        let isGood =
            switch word {
            case .presharedKey: setPresharedKey(UserspaceText.key(bytes, line.value))
            case .endpoint: setEndpoint(UserspaceText.endpoint(bytes, line.value))
            case .handshake: setHandshake(UserspaceText.number(bytes, line.value, as: Int64.self))
            case .handshakeNanoseconds:
                setHandshakeNanoseconds(UserspaceText.number(bytes, line.value, as: Int64.self))
            case .received: setReceived(UserspaceText.number(bytes, line.value, as: UInt64.self))
            case .sent: setSent(UserspaceText.number(bytes, line.value, as: UInt64.self))
            case .keepalive: setKeepalive(UserspaceText.range(bytes, line.value))
            case .allowedAddress: addAddress(UserspaceText.addressRange(bytes, line.value))
            default: true
            }
        guard isGood else { throw .malformed("has a \(word.rawValue) that cannot be understood") }
    }

    private mutating func setPresharedKey(_ value: PublicKey?) -> Bool {
        guard let value else { return false }
        peer?.settings.presharedKey = value.isZero ? nil : value
        return true
    }

    private mutating func setEndpoint(_ value: String?) -> Bool {
        peer?.settings.endpoint = value
        return value != nil
    }

    private mutating func setHandshake(_ value: Int64?) -> Bool {
        peer?.lastHandshake = value ?? 0
        return value != nil
    }

    private mutating func setHandshakeNanoseconds(_ value: Int64?) -> Bool {
        peer?.handshakeNanoseconds = value ?? 0
        return value != nil
    }

    private mutating func setReceived(_ value: UInt64?) -> Bool {
        peer?.received = value
        return value != nil
    }

    private mutating func setSent(_ value: UInt64?) -> Bool {
        peer?.sent = value
        return value != nil
    }

    private mutating func setKeepalive(_ value: (first: UInt16, last: UInt16)?) -> Bool {
        guard let value else { return false }
        peer?.settings.keepalive = value.first
        peer?.settings.longestKeepalive = value.last > value.first ? value.last : nil
        return true
    }

    private mutating func addAddress(_ value: AddressRange?) -> Bool {
        guard let value else { return false }
        peer?.settings.addresses.append(value)
        return true
    }
}
