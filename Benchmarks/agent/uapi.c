// A userspace WireGuard daemon's socket, from either side.
//
//   uapi set SOCKET < TEXT               sends TEXT, and waits until the daemon has taken it
//   uapi serve SOCKET PEERS MOVING       answers `get` as wireguard-go would with PEERS peers, MOVING
//                                        of which have passed traffic since the answer before: real
//                                        ones cannot be made to in such numbers
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static struct sockaddr_un address(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strncpy(address.sun_path, path, sizeof address.sun_path - 1);
    return address;
}

static void write_all(int connection, const char *text, size_t size) {
    while (size > 0) {
        ssize_t count = send(connection, text, size, MSG_NOSIGNAL);
        if (count <= 0) return;
        text += count;
        size -= count;
    }
}

static int set(const char *path) {
    static char text[1 << 16];
    struct sockaddr_un to = address(path);
    int connection = socket(AF_UNIX, SOCK_STREAM, 0);
    if (connection < 0 || connect(connection, (struct sockaddr *)&to, sizeof to)) fail(path);
    size_t count;
    while ((count = fread(text, 1, sizeof text, stdin)) > 0) write_all(connection, text, count);
    ssize_t answered = read(connection, text, sizeof text - 1);
    text[answered > 0 ? answered : 0] = 0;
    if (strcmp(text, "errno=0\n\n")) {
        fprintf(stderr, "uapi: the daemon answered: %s\n", text);
        return 1;
    }
    return 0;
}

// splitmix64: every bit of the number moves every bit of the result.
static uint64_t mix(uint64_t number) {
    number += 0x9e3779b97f4a7c15;
    number = (number ^ number >> 30) * 0xbf58476d1ce4e5b9;
    number = (number ^ number >> 27) * 0x94d049bb133111eb;
    return number ^ number >> 31;
}

// How often the peer has been one of the moving: they stand among the others, others each time.
static uint64_t moves(uint64_t peer, uint64_t answers, uint64_t peers, uint64_t moving) {
    uint64_t every = peers / moving;
    return answers / every + (peer % every < answers % every);
}

static void answer(int connection, uint64_t answers, uint64_t peers, uint64_t moving) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out) fail("memory");
    fprintf(out, "private_key=%064d\nlisten_port=51820\n", 1);
    for (uint64_t peer = 0; peer < peers; peer++) {
        uint64_t times = moves(peer, answers, peers, moving);
        fprintf(out, "public_key=%016lx%016lx%016lx%016lx\npreshared_key=%064d\n",
            mix(peer * 4), mix(peer * 4 + 1), mix(peer * 4 + 2), mix(peer * 4 + 3), 0);
        fprintf(out, "protocol_version=1\nendpoint=192.0.2.1:%lu\n", 1024 + peer % 60000);
        fprintf(out, "last_handshake_time_sec=%lu\nlast_handshake_time_nsec=0\n",
            1700000000 + times);
        fprintf(out, "tx_bytes=%lu\nrx_bytes=%lu\n", times * 123456, times * 23456);
        fprintf(out, "persistent_keepalive_interval=0\nallowed_ip=10.%lu.%lu.%lu/32\n",
            peer >> 16 & 255, peer >> 8 & 255, peer & 255);
    }
    fprintf(out, "errno=0\n\n");
    fclose(out);
    write_all(connection, text, size);
    free(text);
}

static _Noreturn void serve(const char *path, uint64_t peers, uint64_t moving) {
    struct sockaddr_un at = address(path);
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    unlink(path);
    if (listener < 0 || bind(listener, (struct sockaddr *)&at, sizeof at) || listen(listener, 16))
        fail(path);
    for (uint64_t answers = 0;;) {
        char request[4096];
        int connection = accept(listener, NULL, NULL);
        if (connection < 0) fail("accept");
        // As long as the other side stays; a look for a daemon connects and asks nothing.
        while (read(connection, request, sizeof request) >= 5 && !memcmp(request, "get=1", 5))
            answer(connection, answers++, peers, moving);
        close(connection);
    }
}

int main(int count, char **words) {
    if (count == 3 && !strcmp(words[1], "set")) return set(words[2]);
    if (count == 5 && !strcmp(words[1], "serve"))
        serve(words[2], strtoul(words[3], NULL, 10), strtoul(words[4], NULL, 10));
    fprintf(stderr, "usage: uapi set SOCKET | uapi serve SOCKET PEERS MOVING\n");
    return 64;
}
