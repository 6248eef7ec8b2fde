import API
import Accounting
import Store

extension PortInfo {
    /// A port as the API shows it, with the traffic of one family.
    init(_ record: PortRecord, _ family: PortFamily) {
        let credential = record.credential
        let isCharged = credential.client != 0 && credential.desired != .deleted
        self.init(
            id: credential.id, serverID: credential.server, server: credential.serverName,
            port: credential.key, meter: credential.meter, source: Self.source(credential.meter),
            clientID: isCharged ? credential.client : nil,
            client: isCharged ? credential.clientName : nil, group: record.group.orNil,
            state: credential.state, desired: credential.desiredState, detail: credential.detail,
            configured: record.isConfigured, present: credential.isPresent,
            traffic: IptablesTraffic(record.counts.traffic(family)),
            lastTrafficAt: Timestamp(stored: credential.lastTraffic))
    }

    private static func source(_ meter: String) -> PortSource {
        MeterName(meter)?.device == MeterName.named ? .own : .host
    }
}

extension IptablesTraffic {
    /// What a port carried: in is what its client sent.
    init(_ traffic: PortTraffic) {
        self.init(
            inputBytes: traffic.uplink, outputBytes: traffic.downlink,
            inputPackets: traffic.uplinkPackets, outputPackets: traffic.downlinkPackets)
    }
}
