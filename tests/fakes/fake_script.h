/*
 * Answers in order, and what was asked: the commonest script for a fake server. The last answer
 * is repeated. Read it only while no request is under way, and n_requests first: the counts
 * are what the test's thread and the server's see each other's texts by.
 */
#ifndef PULLTHROUGH_TESTS_FAKE_SCRIPT_H
#define PULLTHROUGH_TESTS_FAKE_SCRIPT_H

#include "fake_http.h"

enum { FAKE_SCRIPT_MAX = 16, FAKE_SCRIPT_TEXT_BYTES = 32 * 1024 };

struct fake_script {
    struct fake_http_answer answers[FAKE_SCRIPT_MAX];
    _Atomic size_t n_answers;
    struct {
        char head[FAKE_SCRIPT_TEXT_BYTES]; /* "METHOD TARGET\n" and the header lines */
        char body[FAKE_SCRIPT_TEXT_BYTES];
    } requests[FAKE_SCRIPT_MAX];
    _Atomic size_t n_requests;
};

/* For fake_http_start(), with the script as context. */
void fake_script_follow(void *context, const struct fake_http_request *request,
                        struct fake_http_answer *answer);

/* Add an answer with this status, extra header lines and body. */
void fake_script_add(struct fake_script *script, int status, const char *headers, const char *body);
void fake_script_add_way(struct fake_script *script, enum fake_http_way way);

/* Forget requests and answers. */
void fake_script_clear(struct fake_script *script);

/* The value of a header of request i, NUL-terminated in `value`; "" where it isn't there. */
void fake_script_header(const struct fake_script *script, size_t i, const char *name, char *value,
                        size_t size);

#endif
