// Made-up peers, the same at each run.
//
//   peers wg COUNT     as `wg addconf` reads them
//   peers uapi COUNT   as a userspace daemon's socket takes them, in one `set`
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// splitmix64: every bit of the number moves every bit of the result.
static uint64_t mix(uint64_t number) {
    number += 0x9e3779b97f4a7c15;
    number = (number ^ number >> 30) * 0xbf58476d1ce4e5b9;
    number = (number ^ number >> 27) * 0x94d049bb133111eb;
    return number ^ number >> 31;
}

static void make_key(uint8_t key[32], uint64_t number) {
    for (int word = 0; word < 4; word++) {
        uint64_t bits = mix(number * 4 + word);
        memcpy(key + word * 8, &bits, 8);
    }
    key[31] &= 0x7f;
}

static void print_base64(const uint8_t key[32]) {
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (int i = 0; i < 32; i += 3) {
        uint32_t bits = key[i] << 16 | (i + 1 < 32 ? key[i + 1] << 8 : 0) |
            (i + 2 < 32 ? key[i + 2] : 0);
        for (int j = 0; j < (i + 2 < 32 ? 4 : 3); j++) putchar(letters[bits >> (18 - 6 * j) & 63]);
    }
    putchar('=');
}

static void print_hexadecimal(const uint8_t key[32]) {
    for (int i = 0; i < 32; i++) printf("%02x", key[i]);
}

int main(int count, char **words) {
    int most = count == 3 ? atoi(words[2]) : 0;
    int is_uapi = count == 3 && !strcmp(words[1], "uapi");
    if (most < 1 || (!is_uapi && strcmp(words[1], "wg"))) {
        fprintf(stderr, "usage: peers wg|uapi COUNT\n");
        return 64;
    }
    if (is_uapi) printf("set=1\nprivate_key=%063d1\nreplace_peers=true\n", 0);
    for (int number = 0; number < most; number++) {
        uint8_t key[32];
        make_key(key, number);
        printf(is_uapi ? "public_key=" : "[Peer]\nPublicKey = ");
        is_uapi ? print_hexadecimal(key) : print_base64(key);
        printf(is_uapi ? "\nallowed_ip=10.%d.%d.%d/32\n" : "\nAllowedIPs = 10.%d.%d.%d/32\n",
            number >> 16 & 255, number >> 8 & 255, number & 255);
        printf(is_uapi ? "endpoint=192.0.2.1:%d\n" : "Endpoint = 192.0.2.1:%d\n",
            1024 + number % 60000);
    }
    if (is_uapi) printf("\n");
    return 0;
}
