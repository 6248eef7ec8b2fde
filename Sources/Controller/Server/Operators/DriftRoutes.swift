import API
import HTTPTypes
import Hummingbird
import HummingbirdCore
import Store

extension Backend {
    /// The longest stretch that one call answers for, in seconds.
    private static let longestDrift: Int64 = 31 * 86_400

    /// The calls about what was charged beside what was observed.
    var driftRoutes: [Route] {
        [
            Route(.get, "/api/servers/:id/drift", .operator(.read)) { request, context in
                try await drift(request, try context.id())
            }
        ]
    }

    /// The last day, or from `from` on and before `to`, both in seconds since 1970.
    private func drift(_ request: Request, _ id: Int64) async throws -> Response {
        let query = try Query(request, allowing: "from", "to")
        let latest = Int64.max / 2_000_000_000
        let end = try query.integer("to", in: 0...latest) ?? now / 1_000_000_000 + 1
        let start = try query.integer("from", in: 0...latest) ?? max(end - 86_400, 0)
        guard start < end, end - start <= Self.longestDrift else {
            throw Refusal.invalid("from: a moment before `to`, at most 31 days, is expected")
        }
        let records = try await store.drift(server: id, from: start, to: end)
        return try .json(
            DriftAnswer(
                drift: records.map { record in
                    MeterDrift(
                        start: Timestamp(seconds: record.hour), meter: record.meter,
                        chargedSent: record.uplink, chargedReceived: record.downlink,
                        observedSent: record.observed?.uplink,
                        observedReceived: record.observed?.downlink)
                }))
    }
}
