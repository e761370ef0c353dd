/*
 * A request to the API server, as the calls of kube_client, kube_pods and kube_events make it.
 */
#ifndef PULLTHROUGH_EDGE_KUBE_KUBE_CALL_H
#define PULLTHROUGH_EDGE_KUBE_KUBE_CALL_H

#include "pullthrough/edge/http/http_client.h"
#include "pullthrough/edge/kube/kube_client.h"

enum { KUBE_ASKED_BYTES = 700 };

struct kube_client {
    struct http_client *http;
    struct timing timing;
    uint64_t total_ms;
    struct strbuf server; /* "https://10.0.0.1:443" */
    struct strbuf folder; /* of the service account */
    char manager[sizeof("pullthrough-") + 16];
    int64_t skew_s;
};

struct kube_call {
    const char *method, *verb;
    const char *content_type; /* NULL: no body */
    struct slice body;
    char object[KUBE_ASKED_BYTES - 20]; /* "secrets/x in namespace y" */
    struct strbuf url;
    bool (*on_bytes)(void *context, struct slice bytes); /* or NULL: as in http_client_request */
    void *context;
    unsigned idle_s;
};

void kube_call_fini(struct kube_call *call);
#define KUBE_CALL_CLEANUP __attribute__((cleanup(kube_call_fini)))

/* The answer's body is there where the outcome is KUBE_DONE. Its status is 0 where none came. */
enum kube_outcome kube_call_send(struct kube_client *client, const struct kube_call *call,
                                 struct http_client_answer *answer, struct error *error);

#endif
