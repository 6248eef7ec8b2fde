// libcurl for Swift: the header, and wrappers for its variadic calls, which Swift cannot make.
#ifndef TOLLKEEPER_CCURL_H
#define TOLLKEEPER_CCURL_H
#include <curl/curl.h>

// curl_global_init with everything; CURL_GLOBAL_ALL is a macro of macros.
static inline CURLcode tk_curl_global_init(void) {
    return curl_global_init(CURL_GLOBAL_ALL);
}

// curl_multi_poll without file descriptors of our own.
static inline CURLMcode tk_curl_multi_poll(CURLM *multi, int milliseconds) {
    return curl_multi_poll(multi, NULL, 0, milliseconds, NULL);
}

// curl_easy_setopt with a long.
static inline CURLcode tk_curl_set_long(CURL *handle, CURLoption option, long value) {
    return curl_easy_setopt(handle, option, value);
}

// curl_easy_setopt with a curl_off_t.
static inline CURLcode tk_curl_set_offset(CURL *handle, CURLoption option, curl_off_t value) {
    return curl_easy_setopt(handle, option, value);
}

// curl_easy_setopt with a pointer: strings (copied by libcurl), lists, user data.
static inline CURLcode tk_curl_set_pointer(CURL *handle, CURLoption option, const void *value) {
    return curl_easy_setopt(handle, option, value);
}

typedef size_t (*tk_curl_write)(char *data, size_t size, size_t count, void *context);

// curl_easy_setopt with a callback of CURLOPT_WRITEFUNCTION's or CURLOPT_HEADERFUNCTION's shape.
static inline CURLcode tk_curl_set_write(CURL *handle, CURLoption option, tk_curl_write value) {
    return curl_easy_setopt(handle, option, value);
}

// curl_easy_getinfo of a long.
static inline CURLcode tk_curl_get_long(CURL *handle, CURLINFO info, long *value) {
    return curl_easy_getinfo(handle, info, value);
}

// curl_easy_getinfo of a pointer.
static inline CURLcode tk_curl_get_pointer(CURL *handle, CURLINFO info, void **value) {
    return curl_easy_getinfo(handle, info, value);
}

// The easy handle's result in a CURLMSG_DONE message (a C union, opaque to Swift).
static inline CURLcode tk_curl_message_result(const CURLMsg *message) {
    return message->data.result;
}
#endif
