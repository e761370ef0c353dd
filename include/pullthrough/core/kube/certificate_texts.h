/*
 * What the Secret of the program's own certificates holds.
 */
#ifndef PULLTHROUGH_CORE_KUBE_CERTIFICATE_TEXTS_H
#define PULLTHROUGH_CORE_KUBE_CERTIFICATE_TEXTS_H

#include "pullthrough/core/base/slice.h"

enum {
    CERTIFICATE_TEXT_MAX = 64 * 1024, /* bytes of each text */
};

/* PEM, as a Secret has them. The CA's key is empty where nobody has it any more. */
struct certificate_texts {
    struct slice ca, ca_key, leaf, leaf_key; /* ca.crt, ca.key, tls.crt, tls.key */
};

#endif
