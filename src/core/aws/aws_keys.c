/*
 * Keys are text of bounded length with an end, or none: an id without a secret isn't a set.
 * What is overwritten or let go is wiped; nothing here prints them.
 */
#include "pullthrough/core/aws/aws_keys.h"

#include "pullthrough/core/image/ecr_host.h"

#include <openssl/crypto.h>

static int copy(char *to, size_t most, struct slice text, const char *what, struct error *error)
{
    if (text.len > most)
        return error_set(error, "the %s has over %zu bytes", what, most);
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];

        if (c == '\n' || c == '\r')
            return error_set(error, "the %s contains a line break", what);
        if (c <= 0x20 || c >= 0x7f)
            return error_set(error, "the %s contains a byte that is not visible ASCII", what);
    }
    if (text.len)
        memcpy(to, text.ptr, text.len);
    to[text.len] = '\0';
    return 0;
}

int aws_keys_set(struct aws_keys *keys, struct slice id, struct slice secret, struct slice token,
                 struct error *error)
{
    aws_keys_wipe(keys);
    if (id.len == 0)
        return error_set(error, "the access key id is empty");
    if (secret.len == 0)
        return error_set(error, "the secret access key is empty");
    if (copy(keys->id, AWS_KEYS_ID_MAX, id, "access key id", error) < 0 ||
        copy(keys->secret, AWS_KEYS_SECRET_MAX, secret, "secret access key", error) < 0 ||
        copy(keys->token, AWS_KEYS_TOKEN_MAX, token, "session token", error) < 0) {
        aws_keys_wipe(keys);
        return -1;
    }
    keys->expires_s = AWS_KEYS_NEVER;
    return 0;
}

void aws_keys_set_account(struct aws_keys *keys, struct slice account)
{
    bool known = ecr_host_is_account(account);

    if (known)
        memcpy(keys->account, account.ptr, account.len);
    keys->account[known ? account.len : 0] = '\0';
}

void aws_keys_wipe(struct aws_keys *keys)
{
    OPENSSL_cleanse(keys, sizeof(*keys));
}
