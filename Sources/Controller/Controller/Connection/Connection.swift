import API
import Foundation
import HTTPClient

/// The way to the controller's HTTP API.
struct Connection: Sendable {
    private let transport: HTTPTransport
    private let base: String
    private let token: String?
    private let place: Place

    /// The controller that the options and the environment name.
    init(_ options: CommonOptions, in world: World) throws {
        place = try Place(options, in: world)
        base = place.base
        token = try place.isLocal ? nil : TokenSource.token(options, in: world)
        transport = try HTTPTransport(place.configuration(pins: options.pin))
    }

    /// Calls the API; throws `Refusal` for an answer that is not a success.
    ///
    /// `timeout` is in seconds, for a call that may wait before it answers.
    func call(
        _ method: String, _ path: String, _ query: [(String, String?)] = [],
        body: (any Encodable)? = nil, timeout: Int = 30
    ) async throws -> Answer {
        var request = HTTPRequest(
            method, base + path + Self.encode(query), timeout: .seconds(timeout),
            answerLimit: 256 << 20)
        request.headers = [HTTPField("Accept", "application/json")]
        if let token { request.headers.append(HTTPField("Authorization", "Bearer \(token)")) }
        if let body {
            request.headers.append(HTTPField("Content-Type", "application/json"))
            request.body = Array(try JSONEncoder().encode(body))
        }
        let response: HTTPResponse
        do throws(HTTPClientError) {
            response = try await transport.send(request)
        } catch {
            throw CommandFailure(.failed, place.explain(error))
        }
        let answer = Answer(status: response.status, body: response.body)
        guard (200..<300).contains(response.status) else { throw Refusal(answer) }
        return answer
    }

    /// `?a=b&c=d` without the pairs that have no value.
    private static func encode(_ query: [(String, String?)]) -> String {
        let allowed = CharacterSet(
            charactersIn: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
        let pairs = query.compactMap { name, value in
            value?.addingPercentEncoding(withAllowedCharacters: allowed).map { "\(name)=\($0)" }
        }
        return pairs.isEmpty ? "" : "?" + pairs.joined(separator: "&")
    }
}

/// What the API answered.
struct Answer: Sendable {
    let status: Int
    let body: [UInt8]

    /// The body as it came, with a line end.
    var line: String {
        let text = String(decoding: body, as: UTF8.self)
        return text.hasSuffix("\n") ? text : text + "\n"
    }

    func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
        do {
            return try JSONDecoder().decode(type, from: Data(body))
        } catch {
            throw CommandFailure(
                .failed,
                "the controller's answer cannot be understood (\(error)); "
                    + "do it and this program have the same version?")
        }
    }
}

/// An answer that is not a success.
struct Refusal: Error {
    let answer: Answer

    init(_ answer: Answer) { self.answer = answer }

    private var failure: Failure? {
        try? JSONDecoder().decode(Failure.self, from: Data(answer.body))
    }

    /// The API's own word for programs; nil where it gave none.
    var code: String? { failure?.error.code }

    /// The API's own sentence, where it gave one.
    var message: String {
        let words = failure?.message ?? "the controller answered \(answer.status)"
        switch answer.status {
        case 401: return words + " (the token comes from TOLLKEEPER_TOKEN or --token-file)"
        default: return words
        }
    }

    var status: CommandFailure.Status { answer.status == 404 ? .notFound : .failed }
}
