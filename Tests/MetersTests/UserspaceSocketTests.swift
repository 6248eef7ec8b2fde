import Accounting
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import Meters

/// Daemons that fail in ways that a real one cannot be made to.
@Suite struct UserspaceSocketTests {
    let folder: TemporaryFolder
    let path: String

    init() throws {
        folder = try TemporaryFolder()
        path = "\(folder.path)/wg0.sock"
    }

    @Test func anAnswerThatStopsInTheMiddleIsMalformed() throws {
        let daemon = try PretendedDaemon(at: path, answers: ["listen_port=1\nerrno"])
        defer { daemon.stop() }
        #expect { try meter().read() } throws: { ($0 as? MeterError)?.code == .malformed }
    }

    @Test func aDaemonThatClosesAtOnceIsMalformed() throws {
        let daemon = try PretendedDaemon(at: path, answers: [""])
        defer { daemon.stop() }
        #expect { try meter().read() } throws: { ($0 as? MeterError)?.code == .malformed }
    }

    @Test func anAnswerInManySmallPiecesIsOneAnswer() throws {
        let text = "listen_port=7\npublic_key=\(UserspaceReplyTests.key)\nrx_bytes=3\ntx_bytes=4\n"
        let pieces = (text + "errno=0\n\n").map { String($0) }
        let daemon = try PretendedDaemon(at: path, answers: pieces, closes: false)
        defer { daemon.stop() }
        let reading = try meter().read()
        #expect(reading.listenPort == 7)
        #expect(reading.reading.counters.map(\.value) == [Traffic(uplink: 3, downlink: 4)])
    }

    @Test func aDaemonThatSaysNothingIsGivenUp() throws {
        let daemon = try PretendedDaemon(at: path, answers: [], closes: false)
        defer { daemon.stop() }
        #expect {
            try meter(timeout: .milliseconds(200)).read()
        } throws: { error in
            (error as? MeterError)?.reason == "the daemon did not answer in time"
        }
    }

    @Test func aDaemonThatAcceptsNobodyIsGivenUp() throws {
        let listener = try Listener(at: path, backlog: 0)
        defer { listener.close() }
        for _ in 0..<3 {
            #expect { try meter(timeout: .milliseconds(100)).read() } throws: { $0 is MeterError }
        }
    }

    @Test func anErrorNumberEndsARemoval() throws {
        let daemon = try PretendedDaemon(at: path, answers: ["errno=0\n\n", "errno=-5\n\n"])
        defer { daemon.stop() }
        let key = try #require(PublicKey(hexadecimal: UserspaceReplyTests.key))
        #expect {
            try meter().remove([.publicKey(key)])
        } throws: { ($0 as? MeterError)?.reason.contains("errno -5") == true }
    }

    @Test func aPathWithoutASocketIsAbsentAndALongOneIsRefused() throws {
        #expect { try meter().read() } throws: { ($0 as? MeterError)?.code == .absent }
        let long = UserspaceDevice(
            name: MeterName(kind: .wireguard, device: "wg0"),
            socket: FilePlace("/" + String(repeating: "a", count: 200)), now: Moment.now)
        #expect { try long.read() } throws: {
            ($0 as? MeterError)?.reason.hasSuffix("is too long") == true
        }
    }

    private func meter(timeout: Duration = .seconds(5)) -> UserspaceDevice {
        UserspaceDevice(
            name: MeterName(kind: .wireguard, device: "wg0"), socket: FilePlace(path),
            timeout: timeout,
            now: Moment.now)
    }
}

/// The test's clocks.
enum Moment {
    static let boot = BootID("00000000000000000000000000000001")

    static func now() -> Instant {
        var time = timespec()
        clock_gettime(CLOCK_BOOTTIME, &time)
        guard let boot else { preconditionFailure("32 digits are a boot id") }
        let nanoseconds = UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
        return Instant(wall: 0, boot: boot, boottime: nanoseconds)
    }
}

/// A socket that listens and, by itself, accepts nobody.
final class Listener: Sendable {
    let descriptor: Int32

    init(at path: String, backlog: Int32) throws {
        descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let size = socklen_t(MemoryLayout<sockaddr_un>.size)
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, size) }
        }
        try #require(bound == 0 && listen(descriptor, backlog) == 0)
    }

    func close() {
        Glibc.close(descriptor)
    }
}

/// Answers the first connection with what it was told, whatever is asked.
final class PretendedDaemon: Sendable {
    private let listener: Listener
    private let isStopped = Atomic<Bool>(false)

    init(at path: String, answers: [String], closes: Bool = true) throws {
        listener = try Listener(at: path, backlog: 4)
        Thread.detachNewThread { [self] in serve(answers, closes: closes) }
    }

    func stop() {
        isStopped.store(true, ordering: .relaxed)
        shutdown(listener.descriptor, Int32(SHUT_RDWR))
    }

    private func serve(_ answers: [String], closes: Bool) {
        let connection = accept(listener.descriptor, nil, nil)
        var request = [UInt8](repeating: 0, count: 4096)
        if connection >= 0, recv(connection, &request, request.count, 0) > 0 {
            for answer in answers {
                send(connection, answer, answer.utf8.count, Int32(MSG_NOSIGNAL))
                usleep(500)
            }
            if closes { shutdown(connection, Int32(SHUT_WR)) }
        }
        while !isStopped.load(ordering: .relaxed) { usleep(2000) }
        close(connection)
        listener.close()
    }
}
