// The yardstick of ingest: the store's own statements in a bare loop over libsqlite3, with nothing round
// them. It prints deltas per second of its CPU time.
//
//   ingest STORE STATEMENTS ROWS TRANSACTIONS
//
// STORE is one that a controller made and an agent has pushed to. STATEMENTS holds what
// `tollkeeper-swarm statements` prints. Each transaction books ROWS deltas of the first server.
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { WIDTH = 256, COLUMNS = 13 };
enum name { STATE, HELD, TOTALS, USAGE_HOURS, METER_HOURS, INCARNATION, RAW_COUNTERS, BATCH,
            FORGET_BATCHES, LEDGER, SERVER, COUNT };
static const char *names[COUNT] = {
    "state", "held", "totals", "usage_hours", "meter_hours", "incarnation", "raw_counters", "batch",
    "forget_batches", "ledger", "server"};

static sqlite3 *store;
static sqlite3_stmt *statements[COUNT];
static sqlite3_int64 server, applied, *held;
static unsigned char ledger[16], digest[32];
static char incarnation[512];

static void check(int code) {
    if (code == SQLITE_OK || code == SQLITE_ROW || code == SQLITE_DONE) return;
    fprintf(stderr, "ingest: %s\n", sqlite3_errmsg(store));
    exit(1);
}

static void run(const char *sql) {
    check(sqlite3_exec(store, sql, NULL, NULL, NULL));
}

static void prepare_all(const char *path) {
    static char line[1 << 16];
    FILE *file = fopen(path, "r");
    if (!file) { perror(path); exit(1); }
    while (fgets(line, sizeof line, file)) {
        char *sql = strchr(line, '\t');
        if (!sql) continue;
        *sql++ = 0;
        if (!strcmp(line, "pragma")) { run(sql); continue; }
        for (int name = 0; name < COUNT; name++)
            if (!strcmp(line, names[name]))
                check(sqlite3_prepare_v2(store, sql, -1, &statements[name], NULL));
    }
    fclose(file);
    for (int name = 0; name < COUNT; name++)
        if (!statements[name]) { fprintf(stderr, "ingest: no %s\n", names[name]); exit(1); }
}

static void integers(enum name name, int count, const sqlite3_int64 *values) {
    for (int index = 0; index < count; index++)
        check(sqlite3_bind_int64(statements[name], index + 1, values[index]));
}

static void blob(enum name name, int place, const void *bytes, int count) {
    check(sqlite3_bind_blob(statements[name], place, bytes, count, SQLITE_STATIC));
}

static void step(enum name name) {
    check(sqlite3_step(statements[name]));
    sqlite3_reset(statements[name]);
}

static int read_held(const sqlite3_int64 *ids, int rows) {
    int found = 0;
    for (int start = 0; start < rows; start += WIDTH) {
        sqlite3_stmt *query = statements[HELD];
        sqlite3_bind_int64(query, 1, server);
        for (int index = 0; index < WIDTH; index++) {
            int place = start + index < rows ? start + index : rows - 1;
            sqlite3_bind_int64(query, index + 2, ids[place]);
        }
        while (sqlite3_step(query) == SQLITE_ROW && found < rows) {
            for (int column = 0; column < COLUMNS; column++)
                held[found * COLUMNS + column] = sqlite3_column_int64(query, column);
            found++;
        }
        sqlite3_reset(query);
    }
    return found;
}

static void book(const sqlite3_int64 *h, sqlite3_int64 now, sqlite3_int64 token) {
    sqlite3_int64 hour = now / 1000000000 / 3600 * 3600, up = 1000 + h[0], down = 9000 + h[0];
    integers(TOTALS, 11, (sqlite3_int64[]){
        h[2] + up, h[3] + down, h[4] + up, h[5] + down, h[6], h[7], now / 1000000000, now, h[10],
        h[11], h[0]});
    step(TOTALS);
    integers(USAGE_HOURS, 5, (sqlite3_int64[]){h[0], hour, h[1], up, down});
    step(USAGE_HOURS);
    integers(RAW_COUNTERS, 5, (sqlite3_int64[]){0, h[0], token, h[4] + up, h[5] + down});
    check(sqlite3_bind_text(statements[RAW_COUNTERS], 1, "", 0, SQLITE_STATIC));
    step(RAW_COUNTERS);
}

static void transact(const sqlite3_int64 *ids, int rows, sqlite3_int64 sequence) {
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    sqlite3_int64 now = time.tv_sec * 1000000000LL + time.tv_nsec, token = 0;
    run("BEGIN IMMEDIATE");
    blob(STATE, 1, ledger, 16);
    sqlite3_bind_int64(statements[STATE], 2, server);
    step(STATE);
    int found = read_held(ids, rows);
    sqlite3_bind_text(statements[INCARNATION], 1, incarnation, -1, SQLITE_STATIC);
    if (sqlite3_step(statements[INCARNATION]) == SQLITE_ROW)
        token = sqlite3_column_int64(statements[INCARNATION], 0);
    sqlite3_reset(statements[INCARNATION]);
    for (int row = 0; row < found; row++) book(held + row * COLUMNS, now, token);
    sqlite3_int64 hour = now / 1000000000 / 3600 * 3600;
    integers(METER_HOURS, 6, (sqlite3_int64[]){held[12], hour, rows * 1000, rows * 9000, 0, 0});
    step(METER_HOURS);
    memcpy(digest, &sequence, sizeof sequence);
    blob(BATCH, 1, ledger, 16);
    sqlite3_bind_int64(statements[BATCH], 2, sequence);
    blob(BATCH, 3, digest, 32);
    sqlite3_bind_int64(statements[BATCH], 4, now);
    step(BATCH);
    blob(FORGET_BATCHES, 1, ledger, 16);
    sqlite3_bind_int64(statements[FORGET_BATCHES], 2, sequence - 64);
    step(FORGET_BATCHES);
    integers(LEDGER, 6, (sqlite3_int64[]){sequence, 0, 0, 0, 1, 0});
    blob(LEDGER, 2, digest, 32);
    blob(LEDGER, 6, ledger, 16);
    blob(LEDGER, 7, ledger, 16);
    step(LEDGER);
    integers(SERVER, 11, (sqlite3_int64[]){now, now, 0, 0, 1, now, now, 0, 1, 0, server});
    blob(SERVER, 8, ledger, 16);
    step(SERVER);
    run("COMMIT");
    if (found < rows) { fprintf(stderr, "ingest: only %d credentials\n", found); exit(1); }
}

static void look_up(const char *sql, void (*take)(sqlite3_stmt *)) {
    sqlite3_stmt *query;
    check(sqlite3_prepare_v2(store, sql, -1, &query, NULL));
    if (sqlite3_step(query) != SQLITE_ROW) {
        fprintf(stderr, "ingest: nothing for %s\n", sql);
        exit(1);
    }
    take(query);
    sqlite3_finalize(query);
}

static void take_ledger(sqlite3_stmt *query) {
    memcpy(ledger, sqlite3_column_blob(query, 0), 16);
    server = sqlite3_column_int64(query, 1);
    applied = sqlite3_column_int64(query, 2);
}

static void take_token(sqlite3_stmt *query) {
    snprintf(incarnation, sizeof incarnation, "%s", sqlite3_column_text(query, 0));
}

static double cpu_seconds(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_utime.tv_sec + usage.ru_stime.tv_sec
        + (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

int main(int count, char **words) {
    if (count != 5) {
        fprintf(stderr, "usage: ingest STORE STATEMENTS ROWS TRANSACTIONS\n");
        return 64;
    }
    int rows = atoi(words[3]), transactions = atoi(words[4]);
    if (sqlite3_open_v2(words[1], &store, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK) check(1);
    run("PRAGMA journal_mode = WAL; PRAGMA foreign_keys = ON");
    prepare_all(words[2]);
    look_up(
        "SELECT id, server, applied FROM ledgers WHERE applied > 0 ORDER BY server",
        take_ledger);
    look_up("SELECT token FROM incarnations ORDER BY id LIMIT 1", take_token);
    sqlite3_int64 *ids = calloc(rows, sizeof *ids);
    held = calloc((size_t)rows * COLUMNS, sizeof *held);
    sqlite3_stmt *query;
    check(sqlite3_prepare_v2(
        store, "SELECT id FROM credentials WHERE server = ? ORDER BY id LIMIT ?", -1, &query, NULL));
    sqlite3_bind_int64(query, 1, server);
    sqlite3_bind_int(query, 2, rows);
    for (int row = 0; row < rows && sqlite3_step(query) == SQLITE_ROW; row++)
        ids[row] = sqlite3_column_int64(query, 0);
    sqlite3_finalize(query);
    for (int turn = 0; turn < 4; turn++) transact(ids, rows, ++applied);
    double start = cpu_seconds();
    for (int turn = 0; turn < transactions; turn++) transact(ids, rows, ++applied);
    printf("%.0f\n", (double)rows * transactions / (cpu_seconds() - start));
    return 0;
}
