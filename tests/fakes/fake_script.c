#include "fake_script.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void fake_script_follow(void *context, const struct fake_http_request *request,
                        struct fake_http_answer *answer)
{
    struct fake_script *script = context;
    size_t n_answers = script->n_answers, i = script->n_requests;
    int head, body;

    if (i == FAKE_SCRIPT_MAX || n_answers == 0)
        abort();
    head = snprintf(script->requests[i].head, FAKE_SCRIPT_TEXT_BYTES, "%.*s %.*s\n%.*s",
                    SLICE_FMT(request->method), SLICE_FMT(request->target),
                    SLICE_FMT(request->headers));
    body = snprintf(script->requests[i].body, FAKE_SCRIPT_TEXT_BYTES, "%.*s",
                    SLICE_FMT(request->body));
    if (head >= FAKE_SCRIPT_TEXT_BYTES || body >= FAKE_SCRIPT_TEXT_BYTES)
        abort();
    *answer = script->answers[i < n_answers ? i : n_answers - 1];
    script->n_requests = i + 1; /* last: who sees it sees the rest */
}

static void add(struct fake_script *script, struct fake_http_answer answer)
{
    size_t n = script->n_answers;

    if (n == FAKE_SCRIPT_MAX)
        abort();
    script->answers[n] = answer;
    script->n_answers = n + 1;
}

void fake_script_add(struct fake_script *script, int status, const char *headers, const char *body)
{
    add(script,
        (struct fake_http_answer){.status = status, .headers = headers, .body = slice_str(body)});
}

void fake_script_add_way(struct fake_script *script, enum fake_http_way way)
{
    add(script, (struct fake_http_answer){.way = way, .status = 200, .headers = ""});
}

void fake_script_clear(struct fake_script *script)
{
    script->n_requests = 0;
    script->n_answers = 0;
}

void fake_script_header(const struct fake_script *script, size_t i, const char *name, char *value,
                        size_t size)
{
    struct fake_http_request request = {0};
    struct slice text;

    value[0] = '\0';
    if (i >= script->n_requests)
        return;
    request.headers = slice_str(strchr(script->requests[i].head, '\n') + 1);
    text = fake_http_header(&request, name);
    if (text.len >= size)
        abort();
    if (text.len > 0)
        memcpy(value, text.ptr, text.len);
    value[text.len] = '\0';
}
