import Accounting
import Ledger
import Meters

/// A key that is kept out, as the agent remembers it.
struct KeptOut: Hashable, Sendable {
    /// What restores it; nil where that is lost.
    var settings: PeerSettings?
    /// Whether the agent has removed it, or means to: the mark is set before the deed.
    var isRemoved: Bool
    /// Whether the ledger has it; until then nothing is removed.
    var isSaved = true
    /// Nanoseconds since boot at which it was seen blocked; nil where that was before this start.
    var blockedAt: UInt64?
}

/// What must be done on one meter so that its keys are as the controller wants them.
///
/// Pure: made from what is wanted and what is, carried out elsewhere, made anew at each reading.
struct EnforcementPlan: Sendable {
    /// Settings to save before anything is touched.
    var save: [PeerSettings] = []
    /// Keys to block in place.
    var block: [Key] = []
    /// Keys to take out: their final reading is committed.
    var remove: [Key] = []
    /// Keys to put back.
    var restore: [PeerSettings] = []
    /// Keys that are open and need not be remembered as kept out.
    var forget: [Key] = []
    /// Wishes that are fulfilled without doing anything.
    var fulfilled: [DesiredAccess] = []
    /// Wishes that cannot be fulfilled, and why.
    var exceptions: [UnmetWish] = []

    /// Whether something must be changed.
    var hasWork: Bool {
        !save.isEmpty || !block.isEmpty || !remove.isEmpty || !restore.isEmpty
    }
}

/// A wish that is not fulfilled.
struct UnmetWish: Hashable, Sendable {
    enum Code: String, Sendable {
        /// Somebody else removed the key; it is not made again.
        case gone
        /// A tunnel address belongs to another key now.
        case addressTaken = "address_taken"
        /// Nothing is known of the key but its name.
        case needsNewKey = "needs_new_key"
        /// This host is only observed.
        case observe
        /// The meter cannot be changed; it is tried again.
        case failed
        /// The meter cannot be read now: what was verified before may still hold.
        case unread
        /// A port that is not shut unless forced: ssh's, the controller's, or one that clients of
        /// another meter share.
        case protected
    }

    var credential: UInt64
    var code: Code
    var detail: String
}

/// What a plan is made from.
struct MeterView {
    /// Keys that the source has now.
    var present: [Key: PeerSettings]
    /// Keys that are kept out.
    var kept: [Key: KeptOut]
    /// Whether a key can be blocked while its counter stays readable.
    var blocksInPlace: Bool
    /// When `present` was read, nanoseconds since boot.
    var now: UInt64
    /// Whether this ledger has ever counted the key.
    var wasCounted: (Key) -> Bool
    /// What the interface's configuration file says of a key; nil: nothing.
    var configured: (Key) -> PeerSettings?
}

extension EnforcementPlan {
    /// How long a blocked key's counter is watched before it is removed: packets in flight still
    /// count for some milliseconds.
    static let settle: UInt64 = 1_000_000_000

    /// Plans for the wishes of one meter.
    init(for wishes: [DesiredAccess], in view: MeterView, observing: Bool) {
        for wish in wishes {
            if wish.access.isShut {
                shut(wish, view, observing: observing)
            } else {
                open(wish, view, observing: observing)
            }
        }
    }

    private mutating func shut(_ wish: DesiredAccess, _ view: MeterView, observing: Bool) {
        guard let peer = view.present[wish.key] else {
            fulfilled.append(wish)
            return
        }
        guard !observing else {
            except(wish, .observe, "this host is in observe mode: nothing is changed on it")
            return
        }
        guard !peer.addresses.isEmpty || !view.blocksInPlace else {
            settleBlocked(wish, view)
            return
        }
        if let settings = settingsToSave(of: peer, view) { save.append(settings) }
        if view.blocksInPlace { block.append(wish.key) } else { remove.append(wish.key) }
    }

    /// What the ledger must hold before a key is taken out; nil where it does. A peer that was
    /// emptied while the ledger could not be written is not what it was.
    private func settingsToSave(of peer: PeerSettings, _ view: MeterView) -> PeerSettings? {
        guard peer.addresses.isEmpty else { return peer }
        guard let kept = view.kept[peer.key] else { return view.configured(peer.key) ?? peer }
        return kept.isSaved ? nil : kept.settings
    }

    /// A key that lets nothing through already: once watched for a while it is removed, if it was
    /// the agent that blocked it.
    private mutating func settleBlocked(_ wish: DesiredAccess, _ view: MeterView) {
        fulfilled.append(wish)
        guard let kept = view.kept[wish.key], let settings = kept.settings else { return }
        guard kept.isSaved else {
            save.append(settings)
            return
        }
        guard let blockedAt = kept.blockedAt, view.now >= blockedAt + Self.settle
        else { return }
        remove.append(wish.key)
    }

    private mutating func open(_ wish: DesiredAccess, _ view: MeterView, observing: Bool) {
        let peer = view.present[wish.key]
        let kept = view.kept[wish.key]
        if let peer, !peer.addresses.isEmpty {
            fulfilled.append(wish)
            if kept != nil { forget.append(wish.key) }
            return
        }
        if peer != nil, kept == nil, view.configured(wish.key)?.addresses.isEmpty == true {
            fulfilled.append(wish)
            return
        }
        guard let settings = settings(for: wish, kept, isPresent: peer != nil, view) else { return }
        guard !observing else {
            except(wish, .observe, "this host is in observe mode: nothing is changed on it")
            return
        }
        restore.append(settings)
    }

    private mutating func settings(
        for wish: DesiredAccess, _ kept: KeptOut?, isPresent: Bool, _ view: MeterView
    ) -> PeerSettings? {
        if let kept {
            if let settings = kept.settings, kept.isRemoved || isPresent { return settings }
            if kept.isRemoved || isPresent {
                if let settings = view.configured(wish.key) { return settings }
                except(wish, .needsNewKey, "its settings are lost; make a new key for this client")
                return nil
            }
        } else if isPresent {
            // Blocked by an agent whose ledger could not be written, and which ended before it could.
            if let settings = view.configured(wish.key) { return settings }
            except(
                wish, .needsNewKey,
                "it has no allowed IPs, and this host remembers none: give it its own, or a new key"
            )
            return nil
        } else if !view.wasCounted(wish.key) {
            if let settings = view.configured(wish.key) { return settings }
            except(
                wish, .needsNewKey,
                "this host's ledger was lost and no configuration file has the peer; make a new key"
            )
            return nil
        }
        except(wish, .gone, "somebody else removed the peer; add it to the interface again")
        return nil
    }

    /// Leaves out what takes a ledger that can be written. What would be removed is blocked, on
    /// any device: nobody stays in because of that.
    mutating func holdRemovals(
        of wishes: [DesiredAccess], in present: [Key: PeerSettings], because reason: String
    ) {
        let isIn = { (key: Key) in present[key]?.addresses.isEmpty == false }
        let (doomed, back) = (Set(remove), Set(restore.map(\.key)))
        for wish in wishes where !fulfilled.contains(wish) {
            if back.contains(wish.key) { except(wish, .failed, reason) }
            if doomed.contains(wish.key), !isIn(wish.key) { fulfilled.append(wish) }
        }
        block += remove.filter(isIn)
        (remove, restore, forget) = ([], [], [])
    }

    private mutating func except(
        _ wish: DesiredAccess, _ code: UnmetWish.Code, _ detail: String
    ) {
        exceptions.append(
            UnmetWish(credential: wish.credential, code: code, detail: detail))
    }
}
