/*
 * Age alone decides; that a login isn't taken any more is for the registry to say, and then the
 * caller drops it.
 */
#include "registry_login.h"

enum { TOKEN_MAX = 64 * 1024 }; /* ECR's has some 2 KiB, and "isn't of a fixed size" */

void registry_login_init(struct registry_login *login)
{
    *login = (struct registry_login){.token = STRBUF_SECRET_INIT(TOKEN_MAX)};
}

void registry_login_fini(struct registry_login *login)
{
    strbuf_fini(&login->token);
}

int registry_login_have(struct registry_login *login, const struct ecr_client *client,
                        uint64_t now_ms, bool *fresh)
{
    const char *endpoint; /* which registry is asked is the configuration's to say */
    int result;

    *fresh = login->token.len == 0 || now_ms - login->fetched_ms >= REGISTRY_LOGIN_MS;
    if (!*fresh)
        return 0;
    strbuf_clear(&login->token);
    result = ecr_client_login(client, &login->token, &endpoint);
    if (result != 0)
        strbuf_clear(&login->token);
    login->fetched_ms = now_ms;
    return result;
}

void registry_login_drop(struct registry_login *login)
{
    strbuf_clear(&login->token);
}
