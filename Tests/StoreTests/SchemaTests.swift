import Testing

@testable import Store

@Suite struct SchemaTests {
    @Test(arguments: [
        "UPDATE totals SET uplink = -1", "UPDATE totals SET held_downlink = -1",
        "UPDATE totals SET uplink = 9223372036854775807 + 1",
        "UPDATE totals SET downlink = NULL", "UPDATE credentials SET client = 999",
        "UPDATE credentials SET desired = 4", "UPDATE credentials SET forced = 2",
        "UPDATE credentials SET recovery = 3", "UPDATE ledgers SET gap = 3",
        "UPDATE credentials SET present = 2",
        "UPDATE clients SET access = 2", "UPDATE clients SET name = ''",
        "UPDATE servers SET revision = -1", "UPDATE meters SET listen_port = 65536",
        "DELETE FROM clients", "DELETE FROM servers", "DELETE FROM ledgers WHERE 1 = 1",
        "INSERT INTO api_tokens (hash, name, scope, created_at) VALUES (x'00', 'a', 'root', 1)",
        """
        INSERT INTO credentials (server, meter, key, client, name, addresses, present, created_at)
        SELECT server, meter, key, client, name, addresses, present, created_at FROM credentials
        """,
    ])
    func theTablesThemselvesRefuseNonsense(sql: String) async throws {
        let fixture = try await Fixture()
        var agent = try await fixture.join()
        let ids = try await agent.tell([publicKey(1)])
        try await agent.push([try agent.batch([WireRow(credential: ids[0], up: 1, down: 2)])])
        await #expect(throws: StoreError.self) {
            try await fixture.store.database.write { _ = try $0.execute(sql, []) }
        }
        #expect(try await fixture.integers("SELECT uplink, downlink FROM totals") == [[1, 2]])
    }

    @Test func aCredentialsIdIsNeverGivenAgain() async throws {
        let fixture = try await Fixture()
        let agent = try await fixture.join()
        let ids = try await agent.tell([publicKey(1), publicKey(2)])
        try await fixture.store.database.write { session in
            try session.execute("DELETE FROM totals", [])
            try session.execute("DELETE FROM credentials", [])
        }
        let again = try await agent.tell([publicKey(2)])
        #expect(again[0] > ids[1])
    }

    /// Statements that run at every push, call or page, and what they look things up by.
    @Test(arguments: [
        """
        SELECT \(HeldTotals.columns) FROM credentials c JOIN totals t ON t.credential = c.id \
        WHERE c.server = $1 AND c.id IN ($2, $3)
        """,
        "UPDATE totals SET uplink = 1 WHERE credential = $1",
        "SELECT digest FROM batches WHERE ledger = $1 AND sequence = $2",
        "DELETE FROM batches WHERE ledger = $1 AND sequence <= $2",
        "SELECT id FROM ledgers WHERE server = $1 AND closed_at = 0",
        "SELECT id FROM incarnations WHERE token = $1",
        "SELECT entry FROM desired WHERE server = $1 AND revision > $2 ORDER BY revision",
        "SELECT digest FROM desired_history WHERE server = $1 AND revision = $2",
        """
        UPDATE credentials SET latency = 1 WHERE server = $1 \
        AND desired_revision > enforced_revision AND desired_revision <= $2
        """,
        "UPDATE credentials SET latency = 1 WHERE server = $1 AND exception_code <> ''",
        "SELECT id FROM credentials WHERE meter = $1 AND retired_at = 0 AND key IN ($2, $3)",
        "SELECT client FROM credentials WHERE key IN ($1, $2)",
        "\(CredentialRecord.source) WHERE c.client IN ($1, $2) AND c.retired_at = 0",
        "\(CredentialRecord.source) WHERE c.id > $1 AND c.server = $2 ORDER BY c.id LIMIT $3",
        "\(CredentialRecord.source) WHERE c.id > $1 ORDER BY c.id LIMIT $2",
        "SELECT id FROM api_tokens WHERE hash = $1",
        "\(Store.counters) ORDER BY c.id, r.part LIMIT $3",
        "\(Store.reopenedCredentials) AND c.server IN ($1, $2)",
        "SELECT id FROM credentials WHERE server = $1 AND recovery <> 0 AND recovery = 1",
        "SELECT revision FROM desired_history WHERE server = $1 ORDER BY revision LIMIT 1",
        "SELECT \(ServerRecord.columns) FROM servers WHERE id = $1 AND closed_at = 0",
        "SELECT id FROM servers WHERE name = $1 AND closed_at = 0",
    ])
    func whatRunsOftenUsesAnIndex(sql: String) async throws {
        try await expectIndexed(sql)
    }

    @Test(arguments: [ClientQuery.Order.id, .name], [false, true])
    func theListsOfClientsUseAnIndex(order: ClientQuery.Order, isDescending: Bool) async throws {
        var query = ClientQuery()
        (query.order, query.isDescending) = (order, isDescending)
        query.after = ClientQuery.Position(id: 5, name: "e")
        try await expectIndexed(query.statement().sql)
        query.name = "a"
        query.server = 1
        query.key = "k"
        query.status = ClientQuery.Status(isShut: true, isPending: true)
        try await expectIndexed(query.statement().sql)
    }

    private func expectIndexed(_ sql: String) async throws {
        let fixture = try await Fixture()
        let count = (1...9).reversed().first { sql.contains("$\($0)") } ?? 0
        let values = [SQLValue](repeating: .integer(1), count: count)
        let plan = try await fixture.store.database.write { session in
            try session.query("EXPLAIN QUERY PLAN \(sql)", values).map { $0.text(3) }
        }
        #expect(!plan.isEmpty)
        for step in plan {
            #expect(!step.hasPrefix("SCAN"), "\(step) in \(sql)")
            #expect(!step.contains("TEMP B-TREE FOR ORDER BY"), "\(step) in \(sql)")
        }
    }
}
