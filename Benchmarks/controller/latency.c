// What a revoke takes, and the floor beneath it. Each figure is printed on a line of its own, in
// microseconds.
//
//   latency http PORT ROUNDS                  bare round trips of GET /healthz on one connection
//   latency sync FILE ROUNDS                  a page written to FILE, and fdatasync
//   latency remove INTERFACE KEYS             `wg set INTERFACE peer KEY remove` for each line of KEYS
//   latency revoke PORT TOKEN CLIENTS ROUNDS  POST /api/clients/ID/revoke until it is enforced; each
//                                             client is restored ten turns later, untimed
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;
enum { BEHIND = 10, PAUSE = 150 };

static void stop(const char *words) {
    perror(words);
    exit(1);
}

static double microseconds(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1e6 + time.tv_nsec / 1e3;
}

static int reach(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    int descriptor = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(descriptor, (struct sockaddr *)&address, sizeof address)) stop("connect");
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return descriptor;
}

// Sends a request and reads the whole answer, which is returned.
static const char *exchange(int descriptor, const char *request) {
    static char answer[1 << 16];
    size_t length = 0;
    if (write(descriptor, request, strlen(request)) < 0) stop("write");
    for (;;) {
        ssize_t count = read(descriptor, answer + length, sizeof answer - 1 - length);
        if (count <= 0) stop("read");
        answer[length += count] = 0;
        char *end = strstr(answer, "\r\n\r\n"), *field = strcasestr(answer, "content-length:");
        if (end && field && length >= (size_t)(end + 4 - answer) + atoi(field + 15)) return answer;
    }
}

static void round_trips(int port, int rounds) {
    int descriptor = reach(port);
    for (int turn = 0; turn < rounds; turn++) {
        double start = microseconds();
        exchange(descriptor, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
        printf("%.0f\n", microseconds() - start);
    }
}

static void syncs(const char *path, int rounds) {
    static char page[4096];
    int descriptor = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (descriptor < 0) stop(path);
    for (int turn = 0; turn < rounds; turn++) {
        double start = microseconds();
        if (pwrite(descriptor, page, sizeof page, (off_t)turn * sizeof page) < 0) stop(path);
        if (fdatasync(descriptor)) stop("fdatasync");
        printf("%.0f\n", microseconds() - start);
    }
}

static void removals(char *interface, const char *path) {
    char key[64];
    FILE *file = fopen(path, "r");
    if (!file) stop(path);
    while (fscanf(file, "%63s", key) == 1) {
        char *words[] = {"wg", "set", interface, "peer", key, "remove", NULL};
        pid_t child;
        int status;
        double start = microseconds();
        if (posix_spawnp(&child, "wg", NULL, NULL, words, environ)) stop("wg");
        if (waitpid(child, &status, 0) < 0 || status) stop("wg set");
        printf("%.0f\n", microseconds() - start);
        usleep(20000);
    }
}

static void call(int descriptor, const char *token, int client, const char *verb) {
    char request[1024];
    snprintf(
        request, sizeof request,
        "POST /api/clients/%d/%s?wait=30 HTTP/1.1\r\nHost: localhost\r\n"
        "Authorization: Bearer %s\r\nContent-Length: 0\r\n\r\n", client, verb, token);
    const char *answer = exchange(descriptor, request);
    if (!strstr(answer, " 200 ") || !strstr(answer, "\"state\":\"enforced\"")) {
        fprintf(stderr, "latency: %s\n", answer);
        exit(1);
    }
}

static void revokes(int port, const char *token, const char *path, int rounds) {
    static int clients[4096];
    int count = 0, descriptor = reach(port);
    FILE *file = fopen(path, "r");
    if (!file) stop(path);
    while (count < 4096 && fscanf(file, "%d", &clients[count]) == 1) count++;
    for (int turn = 0; turn < rounds + BEHIND; turn++) {
        if (turn < rounds) {
            double start = microseconds();
            call(descriptor, token, clients[turn % count], "revoke");
            printf("%.0f\n", microseconds() - start);
        }
        usleep(PAUSE * 1000);
        if (turn >= BEHIND) call(descriptor, token, clients[(turn - BEHIND) % count], "restore");
        usleep(PAUSE * 1000);
    }
}

int main(int count, char **words) {
    const char *verb = count > 1 ? words[1] : "";
    if (!strcmp(verb, "http") && count == 4) round_trips(atoi(words[2]), atoi(words[3]));
    else if (!strcmp(verb, "sync") && count == 4) syncs(words[2], atoi(words[3]));
    else if (!strcmp(verb, "remove") && count == 4) removals(words[2], words[3]);
    else if (!strcmp(verb, "revoke") && count == 6)
        revokes(atoi(words[2]), words[3], words[4], atoi(words[5]));
    else {
        fprintf(stderr, "usage: latency http|sync|remove|revoke …\n");
        return 64;
    }
    return 0;
}
