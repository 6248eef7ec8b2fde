// A bare loop over the answer of a userspace WireGuard daemon: keys, counters and handshakes.
//
//   read-uapi SOCKET TIMES   prints the median of microseconds of CPU, how many peers, the mean
#include "yardstick.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static int digit(char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void take_key(uint8_t *key, const char *text, size_t size) {
    if (size != 64) exit(1);
    for (int i = 0; i < 32; i++) {
        int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);
        if (high < 0 || low < 0) exit(1);
        key[i] = high << 4 | low;
    }
}

static uint64_t number(const char *text, size_t size) {
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++) {
        if (text[i] < '0' || text[i] > '9') exit(1);
        value = value * 10 + (text[i] - '0');
    }
    return value;
}

#define IS(word) (name == sizeof word - 1 && !memcmp(line, word, name))

// Takes one line; returns 1 at the blank one that ends the answer.
static int take(const char *line, size_t size, struct peers *peers) {
    if (size == 0) return 1;
    const char *equals = memchr(line, '=', size);
    if (!equals) exit(1);
    size_t name = equals - line, length = size - name - 1;
    const char *value = equals + 1;
    struct peer *peer = peers->count ? &peers->list[peers->count - 1] : NULL;
    if (IS("public_key")) take_key(add_peer(peers)->key, value, length);
    else if (!peer) return 0;
    else if (IS("rx_bytes")) peer->received = number(value, length);
    else if (IS("tx_bytes")) peer->sent = number(value, length);
    else if (IS("last_handshake_time_sec")) peer->handshake = number(value, length);
    else if (IS("errno") && number(value, length) != 0) exit(1);
    return 0;
}

static void reading(void *path, struct peers *peers) {
    static char buffer[64 * 1024];
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strncpy(address.sun_path, path, sizeof address.sun_path - 1);
    int connection = socket(AF_UNIX, SOCK_STREAM, 0);
    if (connection < 0 || connect(connection, (struct sockaddr *)&address, sizeof address))
        fail(path);
    if (write(connection, "get=1\n\n", 7) != 7) fail("write");
    size_t held = 0;
    int done = 0;
    while (!done) {
        ssize_t count = read(connection, buffer + held, sizeof buffer - held);
        if (count <= 0) fail("read");
        held += count;
        char *line = buffer, *end;
        while (!done && (end = memchr(line, '\n', buffer + held - line))) {
            done = take(line, end - line, peers);
            line = end + 1;
        }
        held -= line - buffer;
        memmove(buffer, line, held);
    }
    close(connection);
}

int main(int count, char **words) {
    if (count != 3 || atoi(words[2]) < 1) {
        fprintf(stderr, "usage: read-uapi SOCKET TIMES\n");
        return 64;
    }
    return measure(atoi(words[2]), reading, words[1]);
}
