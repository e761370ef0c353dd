/*
 * Who asks is said by the user agent; everything else the client finds in its pod.
 */
#include "pullthrough/app/base/kube_access.h"

#include "pullthrough/app/base/version.h"
#include "pullthrough/edge/sys/environment.h"

enum { AGENT_MAX = 100 };

int kube_access_client(struct kube_client **clientp, const struct timing *timing,
                       struct error *error)
{
    STRBUF_CLEANUP struct strbuf agent = STRBUF_INIT(AGENT_MAX);
    struct kube_client_config config = {.environment = environment_of_process(), .timing = *timing};

    strbuf_add_format(&agent, "pullthrough/%s", version_number);
    config.user_agent = strbuf_str(&agent);
    return kube_client_new(clientp, &config, error);
}
