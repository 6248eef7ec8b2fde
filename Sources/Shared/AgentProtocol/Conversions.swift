package import Accounting
import FoundationEssentials

extension WireClock {
    /// The instant as it travels.
    package init(_ instant: Instant) {
        self.init()
        wall = instant.wall
        boot = .init(Hexadecimal.decode(instant.boot.description) ?? [])
        boottime = instant.boottime
    }

    /// The instant; nil where the boot id is not 16 bytes.
    package var instant: Instant? {
        guard let boot = BootID(Hexadecimal.encode(boot)) else { return nil }
        return Instant(wall: wall, boot: boot, boottime: boottime)
    }
}

extension WireAccess {
    /// The access as it travels.
    package init(_ access: Access) {
        switch access {
        case .open: self = .open
        case .shut: self = .shut
        case .deleted: self = .deleted
        case .uncounted: self = .uncounted
        }
    }

    /// The access; what a newer controller may add is taken as shut, never as open.
    package var value: Access {
        switch self {
        case .open: .open
        case .shut, .UNRECOGNIZED: .shut
        case .deleted: .deleted
        case .uncounted: .uncounted
        }
    }
}
