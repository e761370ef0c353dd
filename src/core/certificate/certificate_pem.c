/*
 * libcrypto's readers, bounded and with one line of reason. They refuse to prompt, and to say what
 * they read.
 */
#include "certificate_pem.h"

#include "pullthrough/core/base/alloc.h"

#include <time.h>

#include <openssl/err.h>
#include <openssl/pem.h>

static int refuse_password(char *buffer, int size, int writing, void *asked)
{
    (void)buffer, (void)size, (void)writing;
    *(bool *)asked = true;
    return -1;
}

static void bio_cleanup(BIO **bio)
{
    BIO_free(*bio);
}

static BIO *open_pem(struct slice pem)
{
    ERR_clear_error();
    return alloc_made(BIO_new_mem_buf(pem.len ? pem.ptr : "", (int)pem.len));
}

const char *certificate_pem_reason(void)
{
    const char *reason = ERR_reason_error_string(ERR_peek_error());

    ERR_clear_error();
    return reason ? reason : "refused by OpenSSL";
}

int certificate_pem_read(STACK_OF(X509) **stackp, struct slice pem, size_t max_bytes, int most,
                         struct error *error)
{
    STACK_OF(X509) *stack = *stackp = alloc_made(sk_X509_new_null());
    __attribute__((cleanup(bio_cleanup))) BIO *bio = NULL;
    bool asked = false;
    X509 *one;

    if (pem.len > max_bytes)
        return error_set(error, "larger than %zu bytes", max_bytes);
    bio = open_pem(pem);
    while ((one = PEM_read_bio_X509(bio, NULL, refuse_password, &asked)) != NULL) {
        alloc_must(sk_X509_push(stack, one) > 0);
        if (sk_X509_num(stack) > most)
            return error_set(error, "more than %d certificates", most);
    }
    if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
        return error_set(error, "%s", certificate_pem_reason());
    ERR_clear_error();
    return 0;
}

EVP_PKEY *certificate_pem_key(struct slice pem, size_t max_bytes, struct error *error)
{
    static const char ending[] = "PRIVATE KEY-----";
    __attribute__((cleanup(bio_cleanup))) BIO *bio = NULL;
    bool asked = false;
    const char *reason;
    EVP_PKEY *key;

    if (pem.len > max_bytes) {
        (void)error_set(error, "larger than %zu bytes", max_bytes);
        return NULL;
    }
    bio = open_pem(pem);
    key = PEM_read_bio_PrivateKey(bio, NULL, refuse_password, &asked);
    reason = certificate_pem_reason();
    if (asked)
        reason = "is encrypted; a passphrase is never asked for";
    else if (pem.len == 0 || !memmem(pem.ptr, pem.len, ending, sizeof(ending) - 1))
        reason = "holds no PEM private key"; /* of this OpenSSL would only say "unsupported" */
    if (!key)
        (void)error_set(error, "%s", reason);
    return key;
}

bool certificate_has_key(X509 *certificate, EVP_PKEY *key)
{
    bool has = X509_check_private_key(certificate, key) == 1;

    ERR_clear_error();
    return has;
}

int certificate_time(const ASN1_TIME *time, int64_t *seconds)
{
    struct tm parts;

    if (ASN1_TIME_to_tm(time, &parts) != 1)
        return -1;
    *seconds = timegm(&parts);
    return 0;
}

static int64_t seconds_of(const ASN1_TIME *time)
{
    int64_t seconds;

    return certificate_time(time, &seconds) < 0 || seconds < 0 ? 0 : seconds;
}

struct certificate_dates certificate_dates_of(const X509 *certificate)
{
    return (struct certificate_dates){seconds_of(X509_get0_notBefore(certificate)),
                                      seconds_of(X509_get0_notAfter(certificate))};
}
