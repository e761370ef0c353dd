/*
 * An API server that a test scripts, over TLS, the service account's folder, and a client of both.
 * As state of a cmocka test.
 */
#ifndef PULLTHROUGH_TESTS_KUBE_BENCH_H
#define PULLTHROUGH_TESTS_KUBE_BENCH_H

#include "fake_http.h"
#include "fake_script.h"
#include "fake_surroundings.h"
#include "made_certificate.h"
#include "pullthrough/edge/kube/kube_client.h"

struct kube_bench {
    struct fake_script script;
    struct fake_surroundings around;
    struct made_certificate *ca, *leaf;
    struct fake_http *server;
    struct kube_client *client;
    struct error error;
    char folder[64];
};

int kube_bench_set_up(void **state);
int kube_bench_tear_down(void **state);

/* A file of the service account. */
void kube_bench_write(const struct kube_bench *bench, const char *name, const char *text);
void kube_bench_remove(const struct kube_bench *bench, const char *name);

/* Request i was this line, with a body of this type ("": none). */
void kube_bench_asked(const struct kube_bench *bench, size_t i, const char *line, const char *type);

#endif
