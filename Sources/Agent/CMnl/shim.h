// libmnl and the kernel's headers for Swift, and what Swift cannot call of them.
#ifndef TOLLKEEPER_CMNL_H
#define TOLLKEEPER_CMNL_H
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>
#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <linux/if_link.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <linux/openat2.h>
#include <linux/rtnetlink.h>
#include <linux/sched.h>

// glibc declares setns only under _GNU_SOURCE, which would make its types differ from those of
// Swift's Glibc module.
extern int setns(int descriptor, int kind);

static inline int tk_setns_network(int descriptor) {
    return setns(descriptor, CLONE_NEWNET);
}

// glibc has no openat2, and O_PATH only under _GNU_SOURCE.
enum { tk_path_only = 010000000 };

static inline int tk_open_in_root(int root, const char *path, unsigned long long flags) {
    struct open_how how = { .flags = flags, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };
    return (int)syscall(437, root, path, &how, sizeof how);
}

// Debian 11's headers do not have SO_NETNS_COOKIE yet.
static inline int tk_network_cookie(int descriptor, unsigned long long *cookie) {
    socklen_t size = sizeof *cookie;
    return getsockopt(descriptor, SOL_SOCKET, 71, cookie, &size);
}
#endif
