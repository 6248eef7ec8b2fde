import Foundation

/// A server and a client in namespaces of their own, joined by a veth pair, IPv4 and IPv6, with
/// real TCP and UDP between them.
package final class TrafficPair {
    /// Where services listen, and rules stand.
    package let server: Namespace
    /// Where connections come from.
    package let client: Namespace
    /// The server's addresses.
    package static let addresses = ["10.91.0.1", "fd91::1"]
    /// The client's addresses.
    package static let clientAddresses = ["10.91.0.2", "fd91::2"]

    private let folder = try? TemporaryFolder()

    /// Makes both and joins them.
    package init() throws {
        server = try Namespace()
        client = try Namespace()
        try server.run(
            "ip", "link", "add", "ve", "type", "veth", "peer", "name", "ve", "netns", client.name)
        let all = [(server, Self.addresses), (client, Self.clientAddresses)]
        for (namespace, addresses) in all {
            try namespace.run("ip", "address", "add", "\(addresses[0])/24", "dev", "ve")
            try namespace.run("ip", "address", "add", "\(addresses[1])/64", "dev", "ve", "nodad")
            try namespace.run("ip", "link", "set", "ve", "up")
        }
    }

    /// Listens on TCP and UDP `ports` of both families and answers each request with `answer` bytes,
    /// as long as the job runs.
    package func serve(_ ports: [Int], answer: Int = 20_000) throws -> Job {
        let job = try server.start(
            "python3", "-c", Self.serving, ports.map(String.init).joined(separator: ","),
            "\(answer)")
        guard eventually(within: 30, { job.output.contains("ready") }) else {
            throw CommandFailure(
                words: ["serve"], status: 1, output: job.output, errors: job.errors)
        }
        return job
    }

    /// Sends `count` requests of `size` bytes over `transport` to `port` of an address and waits for
    /// each answer; throws where one does not come.
    package func ask(
        _ transport: String, _ address: String, _ port: Int, count: Int = 3, size: Int = 5_000
    ) throws {
        try client.run(
            "python3", "-c", Self.asking, transport, address, "\(port)", "\(count)", "\(size)")
    }

    /// One datagram a request, so that the UDP size stays below the packet's.
    private static let serving = """
        import selectors, socket, sys
        ports, answer = [int(p) for p in sys.argv[1].split(",")], int(sys.argv[2])
        waiting = selectors.DefaultSelector()
        for family, address in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
            for port in ports:
                for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                    s = socket.socket(family, kind)
                    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    if family == socket.AF_INET6:
                        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                    s.bind((address, port))
                    if kind == socket.SOCK_STREAM:
                        s.listen(64)
                    waiting.register(s, selectors.EVENT_READ)
        print("ready", flush=True)
        while True:
            for key, _ in waiting.select():
                s = key.fileobj
                if s.type == socket.SOCK_DGRAM:
                    data, peer = s.recvfrom(65536)
                    s.sendto(b"x" * min(answer, 1000), peer)
                    continue
                c, _ = s.accept()
                with c:
                    while c.recv(65536):
                        pass
                    c.sendall(b"x" * answer)
                    c.shutdown(socket.SHUT_WR)
        """

    private static let asking = """
        import socket, sys
        transport, address, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
        count, size = int(sys.argv[4]), int(sys.argv[5])
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        for _ in range(count):
            if transport == "tcp":
                with socket.create_connection((address, port), timeout=20) as s:
                    s.sendall(b"y" * size)
                    s.shutdown(socket.SHUT_WR)
                    while s.recv(65536):
                        pass
            else:
                with socket.socket(family, socket.SOCK_DGRAM) as s:
                    s.settimeout(20)
                    s.connect((address, port))
                    s.send(b"y" * min(size, 1000))
                    s.recv(65536)
        """
}
