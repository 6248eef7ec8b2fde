import Accounting
import Ledger
import Meters

/// What is to be counted and shut at a host's ports, as its settings and the controller want it.
///
/// Pure: made from what is wanted and what is, carried out elsewhere, made anew at each reading.
struct PortPlan {
    var counted: Set<PortKey> = []
    var shut: Set<PortKey> = []
    /// Wishes that are fulfilled once the table is as this plan says.
    var fulfilled: [DesiredAccess] = []
    /// Wishes that cannot be fulfilled, and why.
    var unmet: [UnmetWish] = []
    private var claims = PortClaims()

    /// Plans for the wishes of a port table beside what the host's own settings name. Of several
    /// for one key the newest credential's counts: a key that was cleaned and is named again has
    /// another.
    ///
    /// - Parameters:
    ///   - kept: keys that must stay counted, since what they counted is not booked.
    ///   - protection: why a key must not be shut; nil where it may.
    init(
        for wishes: [DesiredAccess], named: Set<PortKey>, keeping kept: Set<PortKey>,
        observing: Bool, protection: (PortKey) -> String?
    ) {
        let cleaned = Set(wishes.filter { $0.access == .uncounted }.map(\.key))
        let texts = named.map { ($0, $0.description) }.sorted { $0.1 < $1.1 }
        for (key, _) in texts {
            guard key.key.map({ !cleaned.contains($0) }) ?? false else { continue }
            if claims.claim(key) == nil { counted.insert(key) }
        }
        var newest: [Key: UInt64] = [:]
        for wish in wishes {
            newest[wish.key] = max(newest[wish.key] ?? 0, wish.credential)
        }
        for wish in wishes.sorted(by: { $0.credential < $1.credential }) {
            guard newest[wish.key] == wish.credential else {
                fulfilled.append(wish)
                continue
            }
            guard let key = PortKey(wish.key.description), key.refusal == nil else {
                except(wish, .failed, "\(wish.key) is no port or address that can be counted")
                continue
            }
            take(wish, key, kept, observing: observing, protection: protection)
        }
    }

    private mutating func take(
        _ wish: DesiredAccess, _ key: PortKey, _ kept: Set<PortKey>, observing: Bool,
        protection: (PortKey) -> String?
    ) {
        switch wish.access {
        case .uncounted:
            guard !kept.contains(key) else {
                counted.insert(key)
                return except(wish, .failed, "what it counted is not booked yet")
            }
            fulfilled.append(wish)
        case .open:
            if count(key, for: wish) { fulfilled.append(wish) }
        case .shut, .deleted:
            let isCounted = count(key, for: wish)
            if observing {
                except(wish, .observe, "this host is in observe mode: nothing is changed on it")
            } else if !wish.isForced, let reason = protection(key) {
                except(wish, .protected, reason)
            } else {
                shut.insert(key)
                if isCounted { fulfilled.append(wish) }
            }
        }
    }

    /// Counts `key`, unless another key counts some of it already.
    private mutating func count(_ key: PortKey, for wish: DesiredAccess) -> Bool {
        guard !counted.contains(key) else { return true }
        if let other = claims.claim(key) {
            except(wish, .failed, "\(key) is counted as \(other) already: clean that one first")
            return false
        }
        counted.insert(key)
        return true
    }

    private mutating func except(
        _ wish: DesiredAccess, _ code: UnmetWish.Code, _ detail: String
    ) {
        unmet.append(UnmetWish(credential: wish.credential, code: code, detail: detail))
    }
}
