/// The ledger's tables, as steps that are taken once and in order.
enum Schema {
    static let steps = [
        """
        CREATE TABLE fact (
            name TEXT NOT NULL PRIMARY KEY,
            value BLOB NOT NULL
        ) WITHOUT ROWID;

        -- Meters that have been accounted for.
        CREATE TABLE meter (
            id INTEGER PRIMARY KEY,
            name TEXT NOT NULL UNIQUE,
            -- Reported by the ledger before this one, and not read yet.
            inherited INTEGER NOT NULL DEFAULT 0 CHECK (inherited IN (0, 1))
        );

        -- A key of a meter, counted for one credential. When the key changes hands a new account
        -- begins and the old one stays for what it has not sent yet.
        CREATE TABLE account (
            id INTEGER PRIMARY KEY,
            meter INTEGER NOT NULL REFERENCES meter (id),
            key TEXT NOT NULL,
            credential INTEGER NOT NULL DEFAULT 0 CHECK (credential >= 0),
            current INTEGER NOT NULL DEFAULT 1 CHECK (current IN (0, 1))
        );
        CREATE UNIQUE INDEX account_current ON account (meter, key) WHERE current = 1;
        CREATE INDEX account_former ON account (meter, key) WHERE current = 0;

        -- Each account's running total, in rows so short that those which change at a reading share
        -- few pages.
        CREATE TABLE total (
            account INTEGER PRIMARY KEY REFERENCES account (id),
            -- The newest stretch of hour in which it changed; 0: never.
            hour INTEGER NOT NULL DEFAULT 0,
            uplink INTEGER NOT NULL DEFAULT 0
                CHECK (typeof(uplink) = 'integer' AND uplink >= 0),
            downlink INTEGER NOT NULL DEFAULT 0
                CHECK (typeof(downlink) = 'integer' AND downlink >= 0)
        );

        CREATE TABLE incarnation (
            id INTEGER PRIMARY KEY,
            token TEXT NOT NULL UNIQUE
        );

        CREATE TABLE baseline (
            account INTEGER NOT NULL REFERENCES account (id),
            incarnation INTEGER NOT NULL REFERENCES incarnation (id),
            part TEXT NOT NULL,
            uplink INTEGER NOT NULL,
            downlink INTEGER NOT NULL,
            handshake INTEGER NOT NULL,
            place INTEGER NOT NULL,
            PRIMARY KEY (account, incarnation, part)
        ) WITHOUT ROWID;
        CREATE INDEX baseline_incarnation ON baseline (incarnation);

        -- What a meter's link had carried when its baselines were taken: before and after them.
        CREATE TABLE link (
            meter INTEGER PRIMARY KEY REFERENCES meter (id),
            incarnation INTEGER NOT NULL REFERENCES incarnation (id),
            before_uplink INTEGER NOT NULL,
            before_downlink INTEGER NOT NULL,
            after_uplink INTEGER NOT NULL,
            after_downlink INTEGER NOT NULL,
            wall INTEGER NOT NULL
        );

        -- When a meter's counters fell, as seconds with spaces between them.
        CREATE TABLE contest (
            meter INTEGER PRIMARY KEY REFERENCES meter (id),
            falls TEXT NOT NULL,
            contested INTEGER NOT NULL CHECK (contested IN (0, 1))
        );

        -- A stretch of time; deltas of one account in one bucket are added up.
        CREATE TABLE bucket (
            id INTEGER PRIMARY KEY,
            first_boot TEXT NOT NULL,
            first_wall INTEGER NOT NULL,
            first_boottime INTEGER NOT NULL,
            last_boot TEXT NOT NULL,
            last_wall INTEGER NOT NULL,
            last_boottime INTEGER NOT NULL
        );

        -- Deltas that no batch holds yet.
        CREATE TABLE spool (
            bucket INTEGER NOT NULL REFERENCES bucket (id),
            account INTEGER NOT NULL REFERENCES account (id),
            kind INTEGER NOT NULL CHECK (kind IN (0, 1, 2, 4)),
            uplink INTEGER NOT NULL CHECK (typeof(uplink) = 'integer' AND uplink >= 0),
            downlink INTEGER NOT NULL CHECK (typeof(downlink) = 'integer' AND downlink >= 0),
            total_uplink INTEGER NOT NULL CHECK (total_uplink >= 0),
            total_downlink INTEGER NOT NULL CHECK (total_downlink >= 0),
            handshake INTEGER NOT NULL,
            PRIMARY KEY (bucket, account, kind)
        ) WITHOUT ROWID;
        CREATE INDEX spool_account ON spool (account);

        -- Hours by the host's wall clock, in the order in which they passed: the last one goes on.
        -- An id is never used again.
        CREATE TABLE hour (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            first_boot TEXT NOT NULL,
            first_wall INTEGER NOT NULL,
            first_boottime INTEGER NOT NULL,
            last_boot TEXT NOT NULL,
            last_wall INTEGER NOT NULL,
            last_boottime INTEGER NOT NULL
        );

        -- Running totals at the end of an hour that is over, of accounts that changed in it.
        CREATE TABLE hour_total (
            hour INTEGER NOT NULL REFERENCES hour (id),
            account INTEGER NOT NULL REFERENCES account (id),
            uplink INTEGER NOT NULL CHECK (uplink >= 0),
            downlink INTEGER NOT NULL CHECK (downlink >= 0),
            PRIMARY KEY (hour, account)
        ) WITHOUT ROWID;

        -- What batches reported that is in no running total: baselines and the like. Reported
        -- again to a controller that has lost the batch.
        CREATE TABLE apart (
            account INTEGER NOT NULL REFERENCES account (id),
            kind INTEGER NOT NULL CHECK (kind > 0),
            sequence INTEGER NOT NULL,
            uplink INTEGER NOT NULL CHECK (typeof(uplink) = 'integer' AND uplink >= 0),
            downlink INTEGER NOT NULL CHECK (typeof(downlink) = 'integer' AND downlink >= 0),
            PRIMARY KEY (account, kind, sequence)
        ) WITHOUT ROWID;

        -- Batches that are not acknowledged, byte for byte as they are sent.
        CREATE TABLE batch (
            sequence INTEGER PRIMARY KEY CHECK (sequence > 0),
            ticket INTEGER NOT NULL,
            digest BLOB NOT NULL CHECK (length(digest) = 32),
            bytes BLOB NOT NULL
        );

        -- What the controller wants, entry by entry as it came.
        CREATE TABLE desired (
            credential INTEGER PRIMARY KEY,
            meter TEXT NOT NULL,
            key TEXT NOT NULL,
            revision INTEGER NOT NULL CHECK (revision > 0),
            access TEXT NOT NULL CHECK (access IN ('open', 'shut', 'deleted', 'uncounted')),
            forced INTEGER NOT NULL DEFAULT 0 CHECK (forced IN (0, 1)),
            entry BLOB NOT NULL
        );

        -- Keys that this agent keeps out, and what it takes to let them in again. Secret.
        CREATE TABLE kept_out (
            meter TEXT NOT NULL,
            key TEXT NOT NULL,
            removed INTEGER NOT NULL CHECK (removed IN (0, 1)),
            settings BLOB NOT NULL,
            PRIMARY KEY (meter, key)
        ) WITHOUT ROWID;

        -- Blocks that this agent commented out, by the configuration files that they stand in.
        CREATE TABLE commented_out (
            meter TEXT NOT NULL,
            -- The container that the path is in; empty for the host.
            container TEXT NOT NULL,
            path TEXT NOT NULL,
            key TEXT NOT NULL,
            PRIMARY KEY (meter, container, path, key)
        ) WITHOUT ROWID;
        """
    ]
}
