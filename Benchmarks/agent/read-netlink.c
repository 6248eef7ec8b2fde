// A bare loop over one kernel WireGuard device's dump: keys, counters and handshakes.
//
//   read-netlink INTERFACE TIMES   prints the median of microseconds of CPU, how many peers, the mean
#include "yardstick.h"

#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <linux/wireguard.h>
#include <net/if.h>
#include <string.h>

struct source {
    struct mnl_socket *socket;
    uint16_t family;
    uint32_t index;
    uint32_t sequence;
    char buffer[64 * 1024];
};

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static int take_peer(const struct nlattr *nest, struct peers *peers) {
    struct nlattr *attribute;
    struct peer *peer = add_peer(peers);
    mnl_attr_for_each_nested(attribute, nest) {
        const void *payload = mnl_attr_get_payload(attribute);
        size_t size = mnl_attr_get_payload_len(attribute);
        switch (mnl_attr_get_type(attribute)) {
        case WGPEER_A_PUBLIC_KEY:
            if (size == 32) memcpy(peer->key, payload, 32);
            break;
        case WGPEER_A_RX_BYTES:
            if (size == 8) memcpy(&peer->received, payload, 8);
            break;
        case WGPEER_A_TX_BYTES:
            if (size == 8) memcpy(&peer->sent, payload, 8);
            break;
        case WGPEER_A_LAST_HANDSHAKE_TIME:
            if (size == 16) memcpy(&peer->handshake, payload, 8);
            break;
        }
    }
    return MNL_CB_OK;
}

static int take_device(const struct nlmsghdr *message, void *peers) {
    struct nlattr *attribute, *nest;
    mnl_attr_for_each(attribute, message, sizeof(struct genlmsghdr)) {
        if (mnl_attr_get_type(attribute) != WGDEVICE_A_PEERS) continue;
        mnl_attr_for_each_nested(nest, attribute) take_peer(nest, peers);
    }
    return MNL_CB_OK;
}

static int take_family(const struct nlmsghdr *message, void *family) {
    struct nlattr *attribute;
    mnl_attr_for_each(attribute, message, sizeof(struct genlmsghdr)) {
        if (mnl_attr_get_type(attribute) == CTRL_ATTR_FAMILY_ID)
            *(uint16_t *)family = mnl_attr_get_u16(attribute);
    }
    return MNL_CB_OK;
}

static struct nlmsghdr *request(struct source *source, uint16_t type, uint8_t command) {
    struct nlmsghdr *message = mnl_nlmsg_put_header(source->buffer);
    message->nlmsg_type = type;
    message->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
    message->nlmsg_seq = ++source->sequence;
    struct genlmsghdr *header = mnl_nlmsg_put_extra_header(message, sizeof *header);
    header->cmd = command;
    header->version = 1;
    return message;
}

static void exchange(
    struct source *source, struct nlmsghdr *message, mnl_cb_t take, void *into) {
    unsigned int port = mnl_socket_get_portid(source->socket);
    if (mnl_socket_sendto(source->socket, message, message->nlmsg_len) < 0) fail("send");
    int result = MNL_CB_OK;
    while (result > MNL_CB_STOP) {
        ssize_t count =
            mnl_socket_recvfrom(source->socket, source->buffer, sizeof source->buffer);
        if (count < 0) fail("receive");
        result = mnl_cb_run(source->buffer, count, source->sequence, port, take, into);
    }
    if (result < 0) fail("answer");
}

static void reading(void *pointer, struct peers *peers) {
    struct source *source = pointer;
    struct nlmsghdr *message = request(source, source->family, WG_CMD_GET_DEVICE);
    message->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    mnl_attr_put_u32(message, WGDEVICE_A_IFINDEX, source->index);
    exchange(source, message, take_device, peers);
}

int main(int count, char **words) {
    static struct source source;
    if (count != 3 || atoi(words[2]) < 1) {
        fprintf(stderr, "usage: read-netlink INTERFACE TIMES\n");
        return 64;
    }
    source.index = if_nametoindex(words[1]);
    if (!source.index) fail(words[1]);
    source.socket = mnl_socket_open(NETLINK_GENERIC);
    if (!source.socket || mnl_socket_bind(source.socket, 0, MNL_SOCKET_AUTOPID) < 0)
        fail("socket");
    struct nlmsghdr *message = request(&source, GENL_ID_CTRL, CTRL_CMD_GETFAMILY);
    mnl_attr_put_strz(message, CTRL_ATTR_FAMILY_NAME, WG_GENL_NAME);
    exchange(&source, message, take_family, &source.family);
    return measure(atoi(words[2]), reading, &source);
}
