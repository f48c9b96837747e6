#pragma once
#include <curl/curl.h>

// Swift cannot call C functions with `...`: each type that curl_easy_setopt and curl_easy_getinfo take has its own
// function here. The parentheses keep libcurl's type-checking macros, which need literal options, out of the way.

static inline CURLcode curl_set_long(CURL* handle, CURLoption option, long value) {
    return (curl_easy_setopt)(handle, option, value);
}
static inline CURLcode curl_set_offset(CURL* handle, CURLoption option, curl_off_t value) {
    return (curl_easy_setopt)(handle, option, value);
}
static inline CURLcode curl_set_string(CURL* handle, CURLoption option, const char* value) {
    return (curl_easy_setopt)(handle, option, value);
}
static inline CURLcode curl_set_pointer(CURL* handle, CURLoption option, void* value) {
    return (curl_easy_setopt)(handle, option, value);
}
static inline CURLcode curl_set_write(CURL* handle, size_t (*write)(char*, size_t, size_t, void*)) {
    return (curl_easy_setopt)(handle, CURLOPT_WRITEFUNCTION, write);
}
static inline CURLcode curl_get_long(CURL* handle, CURLINFO info, long* value) {
    return (curl_easy_getinfo)(handle, info, value);
}
