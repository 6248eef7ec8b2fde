// What the yardsticks share: what they keep of a peer, and the median cost of a reading.
#ifndef YARDSTICK_H
#define YARDSTICK_H
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct peer {
    uint8_t key[32];
    uint64_t received, sent;
    int64_t handshake;
};

struct peers {
    struct peer *list;
    size_t count, room;
};

static inline struct peer *add_peer(struct peers *peers) {
    if (peers->count == peers->room) {
        peers->room = peers->room ? peers->room * 2 : 1024;
        peers->list = realloc(peers->list, peers->room * sizeof *peers->list);
        if (!peers->list) exit(1);
    }
    struct peer *peer = &peers->list[peers->count++];
    *peer = (struct peer){0};
    return peer;
}

static inline double spent(void) {
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return time.tv_sec * 1e6 + time.tv_nsec / 1e3;
}

static inline int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

// Reads TIMES times and prints the median of microseconds, how many peers there were, and the mean.
static inline int measure(int times, void (*reading)(void *, struct peers *), void *source) {
    double *costs = calloc(times, sizeof *costs), sum = 0;
    struct peers peers = {0};
    if (!costs) return 1;
    for (int i = 0; i < times; i++) {
        double start = spent();
        peers.count = 0;
        reading(source, &peers);
        costs[i] = spent() - start;
        sum += costs[i];
    }
    qsort(costs, times, sizeof *costs, by_size);
    printf("%.0f %zu %.0f\n", costs[times / 2], peers.count, sum / times);
    return 0;
}
#endif
