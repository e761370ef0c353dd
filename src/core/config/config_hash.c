/*
 * A configuration's fingerprint: equal for equal values, however they were written.
 */
#include "pullthrough/core/config/config.h"

#include <openssl/evp.h>
#include <stdlib.h>

void config_hash(const struct config *config, struct strbuf *out)
{
    STRBUF_CLEANUP struct strbuf text = STRBUF_INIT(CONFIG_TEXT_MAX);
    unsigned char digest[EVP_MAX_MD_SIZE];

    config_print(config, &text);
    if (EVP_Digest(text.ptr, text.len, digest, NULL, EVP_sha256(), NULL) != 1)
        abort(); /* out of memory: nothing else can fail here */
    for (size_t i = 0; i < CONFIG_HASH_DIGITS / 2; i++)
        strbuf_add_format(out, "%02x", digest[i]);
}
