#include "pullthrough/core/upstream_state.h"

const char *upstream_state_name(enum upstream_state state)
{
    static const char *const names[UPSTREAM_STATE_COUNT] = {"unknown", "ready"};

    return names[state];
}
