// SQLite for Swift: the header, and the one destructor constant that Swift does not import.
#ifndef TOLLKEEPER_CSQLITE_H
#define TOLLKEEPER_CSQLITE_H
#include <sqlite3.h>

// SQLITE_TRANSIENT: SQLite copies the bound bytes before the call returns.
static inline sqlite3_destructor_type tk_sqlite_transient(void) {
    return SQLITE_TRANSIENT;
}
#endif
