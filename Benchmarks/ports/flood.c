// Sends small UDP datagrams as quickly as one thread can, and says what one costs: the way through
// the receiver's packet filter is part of it, since a veth pair hands packets over within the call.
//
//   flood ADDRESS PORT ROUNDS EACH   prints nanoseconds of a datagram: the quickest round's, a tenth of
//                                    the rounds', and the median
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1e9 + time.tv_nsec;
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

int main(int count, char **words) {
    if (count != 5) return 64;
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(atoi(words[2]))};
    int rounds = atoi(words[3]), each = atoi(words[4]);
    int descriptor = socket(AF_INET, SOCK_DGRAM, 0);
    double *costs = calloc(rounds > 0 ? rounds : 1, sizeof *costs);
    char data[18] = {0};
    if (inet_pton(AF_INET, words[1], &to.sin_addr) != 1 || rounds < 1 || each < 1 || !costs ||
        connect(descriptor, (void *)&to, sizeof to) != 0)
        return 1;
    for (int round = 0; round < rounds; round++) {
        double start = now();
        for (int i = 0; i < each; i++) send(descriptor, data, sizeof data, MSG_DONTWAIT);
        costs[round] = (now() - start) / each;
    }
    qsort(costs, rounds, sizeof *costs, by_size);
    printf("%.0f %.0f %.0f\n", costs[0], costs[rounds / 10], costs[rounds / 2]);
    return 0;
}
