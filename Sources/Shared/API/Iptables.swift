/// The answer of `GET /api/stats/iptables`.
public struct IptablesData: Codable, Hashable, Sendable {
    /// Always true.
    public var success: Bool
    /// By port, such as `8080`: all transports and all servers together.
    public var ports: [String: IptablesTraffic]
    /// All of them together.
    public var total: IptablesTraffic

    /// Makes the value from its parts.
    public init(ports: [String: IptablesTraffic], total: IptablesTraffic) {
        success = true
        self.ports = ports
        self.total = total
    }
}

/// What came in through a port and went out of it.
public struct IptablesTraffic: Codable, Hashable, Sendable {
    /// Bytes that came in: what clients sent.
    public var inputBytes: Int64
    /// Bytes that went out.
    public var outputBytes: Int64
    /// Packets that came in.
    public var inputPackets: Int64
    /// Packets that went out.
    public var outputPackets: Int64

    enum CodingKeys: String, CodingKey {
        case inputBytes = "input_bytes"
        case outputBytes = "output_bytes"
        case inputPackets = "input_packets"
        case outputPackets = "output_packets"
    }

    /// Makes the value from its parts.
    public init(
        inputBytes: Int64 = 0, outputBytes: Int64 = 0, inputPackets: Int64 = 0,
        outputPackets: Int64 = 0
    ) {
        self.inputBytes = inputBytes
        self.outputBytes = outputBytes
        self.inputPackets = inputPackets
        self.outputPackets = outputPackets
    }

    /// The sum of both; what no longer fits stays at the largest number.
    public func adding(_ other: IptablesTraffic) -> IptablesTraffic {
        func sum(_ first: Int64, _ second: Int64) -> Int64 {
            let (sum, overflow) = first.addingReportingOverflow(second)
            return overflow ? .max : sum
        }
        return IptablesTraffic(
            inputBytes: sum(inputBytes, other.inputBytes),
            outputBytes: sum(outputBytes, other.outputBytes),
            inputPackets: sum(inputPackets, other.inputPackets),
            outputPackets: sum(outputPackets, other.outputPackets))
    }
}
