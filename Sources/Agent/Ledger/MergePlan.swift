import Accounting

/// A bucket of the spool: its id and when it was.
struct SpoolBucket: Hashable {
    var id: Int64
    var stretch: Stretch
}

/// Which buckets of the spool may become one. Pure arithmetic.
struct MergePlan {
    /// One bucket that goes into the one before it.
    struct Step: Hashable {
        var from: Int64
        var into: Int64
    }

    /// How many steps are planned at a time.
    static let mostSteps = 256

    /// The next steps, of the finest kind that is left: first into ten minutes, then into hours,
    /// then whatever is older than the present UTC day into days. Never across any of these.
    ///
    /// Where nothing of that is left, buckets whose clocks contradict each other: nobody can say
    /// in which hour they were.
    ///
    /// - Parameters:
    ///   - buckets: all that are closed, in the order in which they passed.
    ///   - now: the present moment.
    static func steps(of buckets: [SpoolBucket], now: Instant) -> [Step] {
        var timeline = Timeline(from: now)
        for bucket in buckets {
            timeline.anchor(bucket.stretch.first)
            timeline.anchor(bucket.stretch.last)
        }
        let spans = buckets.map { Span($0, timeline) }
        let today = Timeline.unit(of: now.wall, .day)
        let kinds: [(Span, Span) -> Bool] = [
            { $0.lies(in: .tenMinutes, with: $1) },
            { $0.lies(in: .hour, with: $1) },
            { $0.lies(in: .day, with: $1) && Timeline.unit(of: $1.end, .day) < today },
            { $1.start < $0.end },
        ]
        for mayMerge in kinds {
            let steps = steps(of: spans, where: mayMerge)
            if !steps.isEmpty { return steps }
        }
        return []
    }

    private static func steps(of spans: [Span], where mayMerge: (Span, Span) -> Bool) -> [Step] {
        guard var current = spans.first else { return [] }
        var steps: [Step] = []
        for next in spans.dropFirst() {
            guard mayMerge(current, next) else {
                current = next
                continue
            }
            steps.append(Step(from: next.id, into: current.id))
            guard steps.count < mostSteps else { break }
            current.start = min(current.start, next.start)
            current.end = max(current.end, next.end)
        }
        return steps
    }
}

/// From when to when a bucket was, in nanoseconds since 1970.
private struct Span {
    var id: Int64
    var start: Int64
    var end: Int64

    init(_ bucket: SpoolBucket, _ timeline: Timeline) {
        id = bucket.id
        let first = timeline.wall(of: bucket.stretch.first)
        let last = timeline.wall(of: bucket.stretch.last)
        (start, end) = (min(first, last), max(first, last))
    }

    func lies(in unit: Timeline.Unit, with other: Span) -> Bool {
        let own = Timeline.unit(of: start, unit)
        return [end, other.start, other.end].allSatisfy { Timeline.unit(of: $0, unit) == own }
    }
}
