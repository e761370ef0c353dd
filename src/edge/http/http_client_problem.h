/*
 * Why a request of http_client got no answer, in words that hold no secret.
 *
 * libcurl quotes what it could not use. Of a proxy's URL that may be any part: it takes
 * "http://user:p#ss@proxy" for a host "user" with the port "p", and an unescaped "/" or "?" does
 * the same. So where the environment's proxies name a user, only those of its texts are shown that
 * cannot hold a part of a URL; of the others, what the error's code means.
 */
#ifndef PULLTHROUGH_EDGE_HTTP_HTTP_CLIENT_PROBLEM_H
#define PULLTHROUGH_EDGE_HTTP_HTTP_CLIENT_PROBLEM_H

#include "pullthrough/core/base/error.h"

#include <curl/curl.h>

#include <stdbool.h>

/* Write what went wrong; returns -1. `text` is what libcurl wrote, maybe "". `direct`: the request
 * went past any proxy. */
int http_client_problem_set(struct error *error, CURLcode code, const char *text, bool direct);

#endif
