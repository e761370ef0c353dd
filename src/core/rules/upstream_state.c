#include "pullthrough/core/rules/upstream_state.h"

const char *upstream_state_name(enum upstream_state state)
{
    static const char *const names[] = {
        [UPSTREAM_UNKNOWN] = "unknown",
        [UPSTREAM_READY] = "ready",
        [UPSTREAM_MISSING] = "missing",
        [UPSTREAM_CONFLICT] = "conflict",
        [UPSTREAM_DENIED] = "denied",
        [UPSTREAM_SECRET_MISSING] = "secret-missing",
        [UPSTREAM_SECRET_INVALID] = "secret-invalid",
        [UPSTREAM_UNSUPPORTED] = "unsupported",
        [UPSTREAM_DISABLED] = "disabled",
    };

    return names[state];
}
