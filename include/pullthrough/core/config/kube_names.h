/*
 * Names of Kubernetes objects and labels.
 *
 * Each function: 0; or -1 with the reason in error, which reads on after the name and a
 * colon.
 */
#ifndef PULLTHROUGH_CORE_CONFIG_KUBE_NAMES_H
#define PULLTHROUGH_CORE_CONFIG_KUBE_NAMES_H

#include "pullthrough/core/base/error.h"
#include "pullthrough/core/base/slice.h"

int kube_name_namespace(struct slice text, struct error *error);
int kube_name_service(struct slice text, struct error *error);
/* Of a Secret, a service account, a MutatingWebhookConfiguration and most others. */
int kube_name_object(struct slice text, struct error *error);
/* A label's key, "NAME" or "DOMAIN/NAME". */
int kube_name_label(struct slice text, struct error *error);
/* A label's value; may be empty. */
int kube_name_label_value(struct slice text, struct error *error);

#endif
