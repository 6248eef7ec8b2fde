// zlib for Swift: the header, and wrappers of its two init macros, which Swift does not import.
#ifndef TOLLKEEPER_CZLIB_H
#define TOLLKEEPER_CZLIB_H
#include <zlib.h>

// deflateInit2 for the gzip format (window bits 15 + 16).
static inline int tk_deflate_init_gzip(z_streamp stream, int level) {
    return deflateInit2(stream, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
}

// inflateInit2 for the gzip format (window bits 15 + 16).
static inline int tk_inflate_init_gzip(z_streamp stream) {
    return inflateInit2(stream, 15 + 16);
}
#endif
