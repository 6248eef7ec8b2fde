// Takes UDP datagrams at PORT... and throws them away: their sockets hold next to nothing.
//
//   sink PORT...
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int count, char **words) {
    for (int i = 1; i < count; i++) {
        struct sockaddr_in6 at = {.sin6_family = AF_INET6, .sin6_port = htons(atoi(words[i]))};
        int descriptor = socket(AF_INET6, SOCK_DGRAM, 0), least = 1;
        setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &least, sizeof least);
        if (bind(descriptor, (void *)&at, sizeof at) != 0) return 1;
    }
    pause();
    return 0;
}
