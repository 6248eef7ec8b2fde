// A bare loop over what a table of iptables-legacy counts: ports, packets and bytes.
//
//   read-legacy TIMES TABLE   prints the median of microseconds of CPU of this thread, how many rules
//                             of ports, their packets, and the bytes of the kernel's answer
#include <linux/netfilter_ipv4/ip_tables.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct counter {
    uint16_t first, last;
    uint8_t protocol;
    uint64_t packets, bytes;
};

struct counters {
    struct counter *list;
    size_t count, room;
};

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static void take(const struct ipt_entry *entry, struct counters *counters) {
    const char *start = (const char *)entry;
    for (size_t at = sizeof *entry; at < entry->target_offset;) {
        const struct xt_entry_match *match = (const struct xt_entry_match *)(start + at);
        if (!strcmp(match->u.user.name, "tcp") || !strcmp(match->u.user.name, "udp")) {
            if (counters->count == counters->room) {
                counters->room = counters->room ? counters->room * 2 : 1024;
                counters->list =
                    realloc(counters->list, counters->room * sizeof *counters->list);
                if (!counters->list) fail("memory");
            }
            // Both structs begin with the source ports and then the destination ports.
            const uint16_t *ports = (const uint16_t *)match->data;
            counters->list[counters->count++] = (struct counter){
                ports[2], ports[3], entry->ip.proto, entry->counters.pcnt, entry->counters.bcnt};
        }
        at += match->u.match_size;
    }
}

static size_t reading(int from, const char *table, struct counters *counters) {
    static struct ipt_get_entries *answer;
    static size_t room;
    struct ipt_getinfo info = {0};
    socklen_t size = sizeof info;
    strncpy(info.name, table, sizeof info.name - 1);
    if (getsockopt(from, IPPROTO_IP, IPT_SO_GET_INFO, &info, &size)) fail("info");
    size = sizeof *answer + info.size;
    if (size > room && !(answer = realloc(answer, room = size))) fail("memory");
    strcpy(answer->name, info.name);
    answer->size = info.size;
    if (getsockopt(from, IPPROTO_IP, IPT_SO_GET_ENTRIES, answer, &size)) fail("entries");
    counters->count = 0;
    const char *start = (const char *)answer->entrytable;
    for (size_t at = 0; at < info.size;) {
        const struct ipt_entry *entry = (const struct ipt_entry *)(start + at);
        take(entry, counters);
        at += entry->next_offset;
    }
    return size;
}

static double spent(void) {
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return time.tv_sec * 1e6 + time.tv_nsec / 1e3;
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

int main(int count, char **words) {
    int times = count == 3 ? atoi(words[1]) : 0;
    if (times < 1) {
        fprintf(stderr, "usage: read-legacy TIMES TABLE\n");
        return 64;
    }
    struct counters counters = {0};
    double *costs = calloc(times, sizeof *costs);
    int from = socket(AF_INET, SOCK_DGRAM, 0);
    if (!costs || from < 0) fail("socket");
    size_t size = reading(from, words[2], &counters);
    for (int i = 0; i < times; i++) {
        double start = spent();
        size = reading(from, words[2], &counters);
        costs[i] = spent() - start;
    }
    qsort(costs, times, sizeof *costs, by_size);
    uint64_t packets = 0;
    for (size_t i = 0; i < counters.count; i++) packets += counters.list[i].packets;
    printf("%.0f %zu %llu %zu\n", costs[times / 2], counters.count, (unsigned long long)packets, size);
    return 0;
}
