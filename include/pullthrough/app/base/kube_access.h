/*
 * The API server of the cluster that the program runs in.
 */
#ifndef PULLTHROUGH_APP_BASE_KUBE_ACCESS_H
#define PULLTHROUGH_APP_BASE_KUBE_ACCESS_H

#include "pullthrough/core/base/error.h"
#include "pullthrough/edge/kube/kube_client.h"
#include "pullthrough/edge/sys/timing.h"

/* A new client, by the process's environment; nobody is asked yet. -1 with the reason. */
int kube_access_client(struct kube_client **clientp, const struct timing *timing,
                       struct error *error);

#endif
