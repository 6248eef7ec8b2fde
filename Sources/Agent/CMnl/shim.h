// libmnl and the kernel's headers for Swift, and what Swift cannot call of them.
#ifndef TOLLKEEPER_CMNL_H
#define TOLLKEEPER_CMNL_H
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/socket.h>
#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/wireguard.h>

// setns is declared only under _GNU_SOURCE, which Swift's Glibc module does not set.
static inline int tk_setns_network(int descriptor) {
    return setns(descriptor, CLONE_NEWNET);
}
#endif
