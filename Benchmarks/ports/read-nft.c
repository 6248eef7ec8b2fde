// A bare loop over what nftables counts: handles or keys, packets and bytes.
//
//   read-nft TIMES rules               every rule of every table in one dump
//   read-nft TIMES chains TABLE        the rules of an inet table, one dump for each chain
//   read-nft TIMES elements TABLE SET  the elements of a set of an inet table
//
// Prints the median of microseconds of CPU of this thread, how many counters, their packets, and the
// bytes of the kernel's reply.
#include <endian.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct counter {
    uint64_t name, packets, bytes;
};

struct counters {
    struct counter *list;
    size_t count, room;
};

static struct mnl_socket *nfnetlink;
static uint32_t sequence;
static char buffer[64 * 1024];
static char (*chains)[64];
static size_t chain_count, replied;

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static struct counter *add(struct counters *counters) {
    if (counters->count == counters->room) {
        counters->room = counters->room ? counters->room * 2 : 1024;
        counters->list = realloc(counters->list, counters->room * sizeof *counters->list);
        if (!counters->list) fail("memory");
    }
    return memset(&counters->list[counters->count++], 0, sizeof(struct counter));
}

static uint64_t number(const struct nlattr *attribute) {
    uint64_t value;
    memcpy(&value, mnl_attr_get_payload(attribute), sizeof value);
    return be64toh(value);
}

// One expression: what it counts where it is a counter.
static int take_expression(const struct nlattr *nest, struct counter *counter) {
    const struct nlattr *attribute, *data = NULL;
    int counts = 0;
    mnl_attr_for_each_nested(attribute, nest) {
        if (mnl_attr_get_type(attribute) == NFTA_EXPR_NAME)
            counts = !strcmp(mnl_attr_get_str(attribute), "counter");
        if (mnl_attr_get_type(attribute) == NFTA_EXPR_DATA) data = attribute;
    }
    if (!counts || !data) return 0;
    mnl_attr_for_each_nested(attribute, data) {
        if (mnl_attr_get_type(attribute) == NFTA_COUNTER_BYTES) counter->bytes = number(attribute);
        if (mnl_attr_get_type(attribute) == NFTA_COUNTER_PACKETS)
            counter->packets = number(attribute);
    }
    return 1;
}

static int take_expressions(const struct nlattr *list, struct counter *counter) {
    const struct nlattr *element;
    mnl_attr_for_each_nested(element, list) {
        if (take_expression(element, counter)) return 1;
    }
    return 0;
}

static int take_rule(const struct nlmsghdr *message, void *into) {
    const struct nlattr *attribute;
    struct counters *counters = into;
    struct counter *counter = add(counters);
    int counts = 0;
    mnl_attr_for_each(attribute, message, sizeof(struct nfgenmsg)) {
        switch (mnl_attr_get_type(attribute)) {
        case NFTA_RULE_HANDLE: counter->name = number(attribute); break;
        case NFTA_RULE_EXPRESSIONS: counts = take_expressions(attribute, counter); break;
        }
    }
    if (!counts) counters->count--;
    return MNL_CB_OK;
}

static void take_element(const struct nlattr *element, struct counters *counters) {
    const struct nlattr *attribute, *value;
    struct counter *counter = add(counters);
    int counts = 0;
    mnl_attr_for_each_nested(attribute, element) {
        switch (mnl_attr_get_type(attribute)) {
        case NFTA_SET_ELEM_KEY:
            mnl_attr_for_each_nested(value, attribute) {
                size_t size = mnl_attr_get_payload_len(value);
                memcpy(&counter->name, mnl_attr_get_payload(value),
                    size < sizeof counter->name ? size : sizeof counter->name);
            }
            break;
        case NFTA_SET_ELEM_EXPR: counts = take_expression(attribute, counter); break;
        case NFTA_SET_ELEM_EXPRESSIONS: counts = take_expressions(attribute, counter); break;
        }
    }
    if (!counts) counters->count--;
}

static int take_elements(const struct nlmsghdr *message, void *into) {
    const struct nlattr *attribute, *element;
    mnl_attr_for_each(attribute, message, sizeof(struct nfgenmsg)) {
        if (mnl_attr_get_type(attribute) != NFTA_SET_ELEM_LIST_ELEMENTS) continue;
        mnl_attr_for_each_nested(element, attribute) take_element(element, into);
    }
    return MNL_CB_OK;
}

static int take_chain(const struct nlmsghdr *message, void *table) {
    const struct nlattr *attribute;
    const char *name = NULL;
    int is_wanted = 0;
    mnl_attr_for_each(attribute, message, sizeof(struct nfgenmsg)) {
        if (mnl_attr_get_type(attribute) == NFTA_CHAIN_TABLE)
            is_wanted = !strcmp(mnl_attr_get_str(attribute), table);
        if (mnl_attr_get_type(attribute) == NFTA_CHAIN_NAME) name = mnl_attr_get_str(attribute);
    }
    if (!is_wanted || !name) return MNL_CB_OK;
    chains = realloc(chains, (chain_count + 1) * sizeof *chains);
    if (!chains) fail("memory");
    snprintf(chains[chain_count++], sizeof *chains, "%s", name);
    return MNL_CB_OK;
}

static struct nlmsghdr *request(uint8_t command, uint8_t family) {
    struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
    message->nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | command;
    message->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    message->nlmsg_seq = ++sequence;
    struct nfgenmsg *header = mnl_nlmsg_put_extra_header(message, sizeof *header);
    header->nfgen_family = family;
    return message;
}

static void dump(struct nlmsghdr *message, mnl_cb_t take, void *into) {
    unsigned int port = mnl_socket_get_portid(nfnetlink);
    if (mnl_socket_sendto(nfnetlink, message, message->nlmsg_len) < 0) fail("send");
    int result = MNL_CB_OK;
    while (result > MNL_CB_STOP) {
        ssize_t count = mnl_socket_recvfrom(nfnetlink, buffer, sizeof buffer);
        if (count < 0) fail("receive");
        replied += count;
        result = mnl_cb_run(buffer, count, sequence, port, take, into);
    }
    if (result < 0) fail("answer");
}

static void reading(char **words, struct counters *counters) {
    if (!strcmp(words[2], "rules")) {
        dump(request(NFT_MSG_GETRULE, NFPROTO_UNSPEC), take_rule, counters);
    } else if (!strcmp(words[2], "chains")) {
        for (size_t index = 0; index < chain_count; index++) {
            struct nlmsghdr *message = request(NFT_MSG_GETRULE, NFPROTO_INET);
            mnl_attr_put_strz(message, NFTA_RULE_TABLE, words[3]);
            mnl_attr_put_strz(message, NFTA_RULE_CHAIN, chains[index]);
            dump(message, take_rule, counters);
        }
    } else {
        struct nlmsghdr *message = request(NFT_MSG_GETSETELEM, NFPROTO_INET);
        mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_TABLE, words[3]);
        mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_SET, words[4]);
        dump(message, take_elements, counters);
    }
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
    int times = count > 2 ? atoi(words[1]) : 0;
    int wanted = times < 1 ? 0 : !strcmp(words[2], "rules") ? 3 :
        !strcmp(words[2], "chains") ? 4 : !strcmp(words[2], "elements") ? 5 : 0;
    if (!wanted || count != wanted) {
        fprintf(stderr, "usage: read-nft TIMES rules | chains TABLE | elements TABLE SET\n");
        return 64;
    }
    nfnetlink = mnl_socket_open(NETLINK_NETFILTER);
    if (!nfnetlink || mnl_socket_bind(nfnetlink, 0, MNL_SOCKET_AUTOPID) < 0) fail("socket");
    if (wanted == 4) dump(request(NFT_MSG_GETCHAIN, NFPROTO_INET), take_chain, words[3]);
    struct counters counters = {0};
    double *all = calloc(times, sizeof *all);
    if (!all) fail("memory");
    for (int time = 0; time < times; time++) {
        counters.count = replied = 0;
        double before = spent();
        reading(words, &counters);
        all[time] = spent() - before;
    }
    qsort(all, times, sizeof *all, by_size);
    uint64_t packets = 0;
    for (size_t index = 0; index < counters.count; index++) packets += counters.list[index].packets;
    printf("%.0f %zu %llu %zu\n", all[times / 2], counters.count, (unsigned long long)packets,
        replied);
    return 0;
}
