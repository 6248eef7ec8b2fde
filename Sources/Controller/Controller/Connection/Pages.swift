import API
import Foundation

/// One page of a list.
protocol Page: Decodable {
    associatedtype Item
    /// Where the items stand in the JSON.
    static var itemsKey: String { get }
    var items: [Item] { get }
    var nextCursor: String? { get }
}

extension ClientList: Page {
    static var itemsKey: String { "clients" }
    var items: [ClientInfo] { clients }
}

extension ServerList: Page {
    static var itemsKey: String { "servers" }
    var items: [ServerInfo] { servers }
}

extension CredentialList: Page {
    static var itemsKey: String { "credentials" }
    var items: [CredentialInfo] { credentials }
}

extension PortPage: Page {
    static var itemsKey: String { "ports" }
    var items: [PortInfo] { ports }
}

extension Connection {
    /// Every page of a list, as answered.
    private func pages<List: Page>(
        _ path: String, _ query: [(String, String?)], of type: List.Type
    ) async throws -> [(answer: Answer, page: List)] {
        var pages: [(answer: Answer, page: List)] = []
        var cursor: String?
        repeat {
            let answer = try await call(
                "GET", path, query + [("limit", "1000"), ("cursor", cursor)])
            let page = try answer.decode(type)
            pages.append((answer, page))
            guard page.nextCursor != cursor else { break }
            cursor = page.nextCursor
        } while cursor != nil
        return pages
    }

    /// Every item of a list.
    func all<List: Page>(
        _ path: String, _ query: [(String, String?)] = [], of type: List.Type
    ) async throws -> [List.Item] {
        try await pages(path, query, of: type).flatMap(\.page.items)
    }

    /// A list as JSON: the API's own answer, or one made of all its pages.
    func allAsJSON<List: Page>(
        _ path: String, _ query: [(String, String?)] = [], of type: List.Type
    ) async throws -> String {
        let pages = try await pages(path, query, of: type)
        guard pages.count > 1 else { return pages.first?.answer.line ?? "" }
        let items = try pages.flatMap { page in
            let object = try JSONSerialization.jsonObject(with: Data(page.answer.body))
            return (object as? [String: Any])?[List.itemsKey] as? [Any] ?? []
        }
        let whole: [String: Any] = [
            "success": true, List.itemsKey: items, "next_cursor": NSNull(),
        ]
        let data = try JSONSerialization.data(
            withJSONObject: whole, options: [.withoutEscapingSlashes, .sortedKeys])
        return String(decoding: data, as: UTF8.self) + "\n"
    }
}
