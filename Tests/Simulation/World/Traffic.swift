import Accounting
import Meters

extension World {
    /// Clients send and receive, on every host.
    func traffic() {
        for host in hosts {
            for device in host.devices where !device.counters.isEmpty {
                for _ in 0..<(1 + chance.below(3)) { carry(on: device, of: host) }
            }
        }
    }

    private func carry(on device: TrueDevice, of host: TrueHost) {
        guard let counter = chance.pick(device.counters) else { return }
        carry(amount(), of: counter, on: device, of: host)
    }

    func carry(_ amount: Traffic, of counter: TrueCounter, on device: TrueDevice, of host: TrueHost)
    {
        // wireguard-go has neither an order nor a link whose counters tell of a restart. A rule
        // has neither, too: there the truth allows for it.
        let mayOvertake = device.kind != .userspace && faults.contains(.overtaking)
        if !mayOvertake, counter.recorded == nil, let limit = counter.overtakes {
            guard counter.value.uplink + amount.uplink + 148 < limit.uplink else { return }
        }
        device.carry(amount, of: counter, handshakeAt: now + host.wallOffset)
    }

    /// From some bytes to some terabytes.
    private func amount() -> Traffic {
        let top = 1 << (4 + chance.below(38))
        return Traffic(uplink: UInt64(chance.below(top)), downlink: UInt64(chance.below(top)))
    }

    /// What happens on a host just before one of its meters is read.
    func beforeReading(of device: TrueDevice, on host: TrueHost) {
        guard suffers(.busyReading, 200) else { return }
        if !device.counters.isEmpty { carry(on: device, of: host) }
    }

    /// What happens on a host while one of its meters is read: packets, as they always do.
    func duringReading(of device: TrueDevice, on host: TrueHost) {
        guard suffers(.busyReading, 200), let counter = chance.pick(device.counters) else { return }
        let few = Traffic(
            uplink: UInt64(chance.below(100_000)), downlink: UInt64(chance.below(100_000)))
        carry(few, of: counter, on: device, of: host)
    }

    /// What happens between the final reading of keys and their removal: handshakes, mostly.
    func betweenReadingAndRemoval(of keys: [Key], _ device: TrueDevice, on host: TrueHost) {
        guard suffers(.busyReading, 300), let key = chance.pick(keys),
            let counter = device.counter(key)
        else { return }
        carry(amount(), of: counter, on: device, of: host)
    }
}
