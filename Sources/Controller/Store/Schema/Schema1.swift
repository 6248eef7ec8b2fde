/// The first schema. Times are nanoseconds since 1970 unless a name says otherwise, and 0 is never.
enum Schema1 {
    static let largest = "9223372036854775807"

    /// A column of bytes that were counted: SQLite would turn an overflow into a float.
    static func bytes(_ name: String) -> String {
        "\(name) BIGINT NOT NULL DEFAULT 0 CHECK (\(name) BETWEEN 0 AND \(largest))"
    }

    /// A column that starts at 0 and is never negative.
    static func count(_ name: String) -> String {
        "\(name) BIGINT NOT NULL DEFAULT 0 CHECK (\(name) >= 0)"
    }

    /// The whole schema in an engine's words.
    static func script(_ dialect: Dialect) -> String {
        [servers, inventory, counting, access, tokens].map { $0(dialect) }.joined()
    }

    static func servers(_ dialect: Dialect) -> String {
        """
        CREATE TABLE facts (
            name TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL) \(dialect.clustered);
        CREATE TABLE servers (
            id \(dialect.id), name TEXT NOT NULL CHECK (name <> ''),
            created_at BIGINT NOT NULL, \(count("joined_at")), \(count("closed_at")),
            secret_hash BYTEA NOT NULL,
            \(count("revision")), digest BYTEA NOT NULL,
            \(count("enforced_revision")), \(count("outcome_number")),
            \(count("ticket_asked")), \(count("ticket_answered")),
            \(count("last_contact")), \(count("last_push")), \(count("last_bucket")),
            \(count("last_reading")),
            clock_offset BIGINT NOT NULL DEFAULT 0,
            clock_known BIGINT NOT NULL DEFAULT 0 CHECK (clock_known IN (0, 1)),
            reading_wall BIGINT NOT NULL DEFAULT 0, reading_boot BYTEA NOT NULL,
            \(count("reading_boottime")),
            \(count("clone_seen_at")), \(count("recovering_since")),
            wants_set BIGINT NOT NULL DEFAULT 0 CHECK (wants_set IN (0, 1)),
            \(count("taken_revision")), taken_digest BYTEA NOT NULL,
            host TEXT NOT NULL DEFAULT '', agent_version TEXT NOT NULL DEFAULT '',
            kernel TEXT NOT NULL DEFAULT '', system TEXT NOT NULL DEFAULT '',
            mode TEXT NOT NULL DEFAULT '');
        CREATE UNIQUE INDEX servers_by_name ON servers (name) WHERE closed_at = 0;
        CREATE TABLE join_tokens (
            hash BYTEA NOT NULL PRIMARY KEY, server BIGINT NOT NULL REFERENCES servers (id),
            created_at BIGINT NOT NULL, expires_at BIGINT NOT NULL,
            reusable BIGINT NOT NULL CHECK (reusable IN (0, 1))) \(dialect.clustered);
        CREATE INDEX join_tokens_by_server ON join_tokens (server);
        CREATE TABLE join_uses (
            token BYTEA NOT NULL REFERENCES join_tokens (hash), secret_hash BYTEA NOT NULL,
            server BIGINT NOT NULL REFERENCES servers (id), used_at BIGINT NOT NULL,
            PRIMARY KEY (token, secret_hash)) \(dialect.clustered);
        CREATE TABLE ledgers (
            id BYTEA NOT NULL PRIMARY KEY, server BIGINT NOT NULL REFERENCES servers (id),
            \(count("start_number")), instance BYTEA NOT NULL, refused_instance BYTEA NOT NULL,
            \(count("applied")), applied_digest BYTEA NOT NULL,
            gap BIGINT NOT NULL DEFAULT 0 CHECK (gap IN (0, 1, 2)), \(count("gap_since")),
            opened_at BIGINT NOT NULL, \(count("closed_at"))) \(dialect.clustered);
        CREATE UNIQUE INDEX ledgers_open ON ledgers (server) WHERE closed_at = 0;

        """
    }

    static func inventory(_ dialect: Dialect) -> String {
        """
        CREATE TABLE meters (
            id \(dialect.id), server BIGINT NOT NULL REFERENCES servers (id),
            name TEXT NOT NULL CHECK (name <> ''), source TEXT NOT NULL,
            listen_port BIGINT NOT NULL CHECK (listen_port BETWEEN 0 AND 65535),
            \(count("keys")), fault TEXT NOT NULL,
            contested TEXT NOT NULL DEFAULT '',
            present BIGINT NOT NULL CHECK (present IN (0, 1)), UNIQUE (server, name));
        CREATE TABLE clients (
            id \(dialect.id), name TEXT NOT NULL CHECK (name <> ''),
            named_by BIGINT NOT NULL CHECK (named_by IN (0, 1, 2)),
            access BIGINT NOT NULL CHECK (access IN (0, 1)),
            note TEXT NOT NULL DEFAULT '', created_at BIGINT NOT NULL, \(count("deleted_at")));
        CREATE INDEX clients_by_name ON clients (name, id) WHERE deleted_at = 0;
        -- Whose what is only observed is: nobody is charged for it.
        INSERT INTO clients (id, name, named_by, access, created_at, deleted_at)
            VALUES (0, 'nobody', 2, 0, 0, 1);
        CREATE TABLE credentials (
            id \(dialect.id), server BIGINT NOT NULL REFERENCES servers (id),
            meter BIGINT NOT NULL REFERENCES meters (id), key TEXT NOT NULL CHECK (key <> ''),
            client BIGINT NOT NULL REFERENCES clients (id),
            name TEXT NOT NULL, addresses TEXT NOT NULL,
            present BIGINT NOT NULL CHECK (present IN (0, 1)),
            created_at BIGINT NOT NULL, \(count("retired_at")),
            desired BIGINT NOT NULL DEFAULT 0 CHECK (desired IN (0, 1, 2, 3)),
            forced BIGINT NOT NULL DEFAULT 0 CHECK (forced IN (0, 1)),
            \(count("desired_revision")), \(count("requested_at")),
            \(count("enforced_revision")), \(count("enforced_at")), \(count("latency")),
            \(count("unwatched")),
            recovery BIGINT NOT NULL DEFAULT 0 CHECK (recovery IN (0, 1, 2)),
            exception_code TEXT NOT NULL DEFAULT '', exception_detail TEXT NOT NULL DEFAULT '');
        CREATE UNIQUE INDEX credentials_of_meter ON credentials (meter, key) WHERE retired_at = 0;
        CREATE INDEX credentials_by_key ON credentials (key);
        CREATE INDEX credentials_of_client ON credentials (client, id);
        CREATE INDEX credentials_of_server ON credentials (server, id);
        CREATE INDEX credentials_pending ON credentials (server, desired_revision)
            WHERE desired_revision > enforced_revision;
        CREATE INDEX credentials_recovering ON credentials (server) WHERE recovery <> 0;
        CREATE INDEX credentials_excepted ON credentials (server) WHERE exception_code <> '';
        CREATE INDEX credentials_ending ON credentials (server) WHERE desired = 3 AND retired_at = 0;
        -- What is said of the credentials of ports/inet beside what is said of all.
        CREATE TABLE ports (
            credential BIGINT NOT NULL PRIMARY KEY REFERENCES credentials (id),
            port_group TEXT NOT NULL DEFAULT '',
            configured BIGINT NOT NULL DEFAULT 0 CHECK (configured IN (0, 1)),
            created_at BIGINT NOT NULL) \(dialect.clustered);

        """
    }

    static func counting(_ dialect: Dialect) -> String {
        """
        CREATE TABLE totals (
            credential BIGINT NOT NULL PRIMARY KEY REFERENCES credentials (id),
            \(bytes("uplink")), \(bytes("downlink")),
            \(bytes("held_uplink")), \(bytes("held_downlink")),
            \(bytes("baseline_uplink")), \(bytes("baseline_downlink")),
            \(bytes("withheld_uplink")), \(bytes("withheld_downlink")),
            \(count("last_handshake")), \(count("last_traffic"))) \(dialect.clustered);
        CREATE TABLE incarnations (id \(dialect.id), token TEXT NOT NULL UNIQUE);
        CREATE TABLE raw_counters (
            credential BIGINT NOT NULL REFERENCES credentials (id), part TEXT NOT NULL,
            incarnation BIGINT NOT NULL REFERENCES incarnations (id),
            \(bytes("uplink")), \(bytes("downlink")),
            PRIMARY KEY (credential, part)) \(dialect.clustered);
        -- By hour first: what is written now lies side by side, however many hours there are.
        CREATE TABLE usage_hours (
            credential BIGINT NOT NULL REFERENCES credentials (id), hour BIGINT NOT NULL,
            client BIGINT NOT NULL REFERENCES clients (id),
            \(bytes("uplink")), \(bytes("downlink")),
            PRIMARY KEY (hour, credential, client)) \(dialect.clustered);
        CREATE TABLE meter_hours (
            meter BIGINT NOT NULL REFERENCES meters (id), hour BIGINT NOT NULL,
            \(bytes("uplink")), \(bytes("downlink")),
            \(bytes("observed_uplink")), \(bytes("observed_downlink")),
            PRIMARY KEY (meter, hour)) \(dialect.clustered);
        CREATE TABLE batches (
            ledger BYTEA NOT NULL REFERENCES ledgers (id), sequence BIGINT NOT NULL,
            digest BYTEA NOT NULL, applied_at BIGINT NOT NULL,
            PRIMARY KEY (ledger, sequence)) \(dialect.clustered);
        CREATE TABLE quarantine (
            ledger BYTEA NOT NULL REFERENCES ledgers (id), sequence BIGINT NOT NULL,
            part BIGINT NOT NULL, server BIGINT NOT NULL REFERENCES servers (id),
            reason TEXT NOT NULL, bytes BYTEA NOT NULL, created_at BIGINT NOT NULL,
            PRIMARY KEY (ledger, sequence, part)) \(dialect.clustered);
        CREATE INDEX quarantine_of_server ON quarantine (server);

        """
    }

    static func access(_ dialect: Dialect) -> String {
        """
        CREATE TABLE desired (
            server BIGINT NOT NULL REFERENCES servers (id),
            credential BIGINT NOT NULL REFERENCES credentials (id),
            revision BIGINT NOT NULL CHECK (revision > 0), entry BYTEA NOT NULL,
            PRIMARY KEY (server, credential)) \(dialect.clustered);
        CREATE INDEX desired_by_revision ON desired (server, revision);
        CREATE TABLE desired_history (
            server BIGINT NOT NULL REFERENCES servers (id),
            revision BIGINT NOT NULL CHECK (revision > 0), digest BYTEA NOT NULL,
            PRIMARY KEY (server, revision)) \(dialect.clustered);

        """
    }

    static func tokens(_ dialect: Dialect) -> String {
        """
        CREATE TABLE api_tokens (
            id \(dialect.id), hash BYTEA NOT NULL UNIQUE, name TEXT NOT NULL,
            scope TEXT NOT NULL CHECK (scope IN ('read', 'operate', 'admin')),
            created_at BIGINT NOT NULL, \(count("last_used_at")));
        """
    }
}
