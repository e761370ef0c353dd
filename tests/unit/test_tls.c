#include "pullthrough/edge/http/tls.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include <cmocka.h>

#include "made_certificate.h"

static struct made_certificate *ca, *other_ca, *leaf, *second, *rsa, *client, *stranger;

static int make_certificates(void **state)
{
    (void)state;
    ca = made_certificate_new(&(struct certificate_spec){
        .name = "ca", .constraints = "critical,CA:TRUE", .usage = "keyCertSign,cRLSign"});
    other_ca = made_certificate_new(
        &(struct certificate_spec){.name = "other ca", .constraints = "critical,CA:TRUE"});
    leaf = made_certificate_new(
        &(struct certificate_spec){.name = "leaf", .alternative = "DNS:localhost", .issuer = ca});
    second = made_certificate_new(
        &(struct certificate_spec){.name = "second", .alternative = "DNS:localhost", .issuer = ca});
    rsa = made_certificate_new(&(struct certificate_spec){
        .name = "rsa", .alternative = "DNS:localhost", .issuer = ca, .rsa_bits = 2048});
    client = made_certificate_new(
        &(struct certificate_spec){.name = "client", .extended = "clientAuth", .issuer = ca});
    stranger = made_certificate_new(&(struct certificate_spec){
        .name = "stranger", .extended = "clientAuth", .issuer = other_ca});
    return 0;
}

static int free_certificates(void **state)
{
    (void)state;
    made_certificate_free(ca);
    made_certificate_free(other_ca);
    made_certificate_free(leaf);
    made_certificate_free(second);
    made_certificate_free(rsa);
    made_certificate_free(client);
    made_certificate_free(stranger);
    return 0;
}

/* What the callback said. */
struct heard {
    unsigned done, failed;
    char why[256];
};

static void hear(void *context, bool done, const char *why)
{
    struct heard *heard = context;

    if (done) {
        __atomic_fetch_add(&heard->done, 1, __ATOMIC_RELAXED);
    } else {
        heard->failed++;
        (void)snprintf(heard->why, sizeof(heard->why), "%s", why);
    }
}

static int load(struct tls *tls, const char *chain, const char *key, const char *client_ca,
                struct error *error)
{
    struct key_pair *pair;

    return key_pair_read(&pair, slice_str(chain), slice_str(key), slice_str(client_ca), error) < 0
               ? -1
               : tls_load(tls, pair, error);
}

static struct tls *new_loaded(struct heard *heard)
{
    struct tls *tls = tls_new(hear, heard);

    memset(heard, 0, sizeof(*heard));
    assert_int_equal(load(tls, leaf->pem, leaf->key_pem, NULL, NULL), 0);
    return tls;
}

/* Both ends of a connection, in memory. */
struct ends {
    SSL *server, *client;
    SSL_CTX *client_context;
};

struct client_spec {
    int version; /* the only one; 0: any */
    const char *alpn;
    const struct made_certificate *shows;
    const struct made_certificate *trusts; /* NULL: anybody */
};

static struct ends ends_new(struct tls *tls, const struct client_spec *spec)
{
    struct ends ends = {.client_context = SSL_CTX_new(TLS_client_method())};
    BIO *to_server = BIO_new(BIO_s_mem()), *to_client = BIO_new(BIO_s_mem());

    assert_true(ends.client_context && to_server && to_client);
    SSL_CTX_set_security_level(ends.client_context, 0); /* TLS 1.1 takes part in a test */
    assert_int_equal(SSL_CTX_set_min_proto_version(ends.client_context, spec->version), 1);
    assert_int_equal(SSL_CTX_set_max_proto_version(ends.client_context, spec->version), 1);
    if (spec->alpn)
        assert_int_equal(SSL_CTX_set_alpn_protos(ends.client_context,
                                                 (const unsigned char *)spec->alpn,
                                                 (unsigned)strlen(spec->alpn)),
                         0);
    if (spec->shows) {
        assert_int_equal(SSL_CTX_use_certificate(ends.client_context, spec->shows->x509), 1);
        assert_int_equal(SSL_CTX_use_PrivateKey(ends.client_context, spec->shows->key), 1);
    }
    if (spec->trusts) {
        SSL_CTX_set_verify(ends.client_context, SSL_VERIFY_PEER, NULL);
        assert_int_equal(
            X509_STORE_add_cert(SSL_CTX_get_cert_store(ends.client_context), spec->trusts->x509),
            1);
    }
    ends.server = SSL_new(tls_context(tls));
    ends.client = SSL_new(ends.client_context);
    assert_true(ends.server && ends.client);
    assert_int_equal(BIO_up_ref(to_server) + BIO_up_ref(to_client), 2);
    SSL_set_bio(ends.server, to_server, to_client);
    SSL_set_bio(ends.client, to_client, to_server);
    SSL_set_accept_state(ends.server);
    SSL_set_connect_state(ends.client);
    return ends;
}

static void ends_free(struct ends *ends)
{
    SSL_free(ends->server);
    SSL_free(ends->client);
    SSL_CTX_free(ends->client_context);
}

/* One step of one end; true once its handshake is done. Like libh2o: with an empty queue. */
static bool step(SSL *ssl)
{
    ERR_clear_error();
    return SSL_do_handshake(ssl) == 1;
}

/* Let both ends talk until nothing more happens; whether both are done. */
static bool shake(struct ends *ends)
{
    bool client_done = false, server_done = false;

    for (int i = 0; i < 5; i++) {
        client_done = client_done || step(ends->client);
        server_done =
            server_done || (BIO_ctrl_pending(SSL_get_rbio(ends->server)) > 0 && step(ends->server));
    }
    return client_done && server_done;
}

/* The CN that the client was shown. */
static const char *shown(const struct ends *ends, char *name, int size)
{
    X509 *x509 = SSL_get1_peer_certificate(ends->client);

    assert_non_null(x509);
    assert_true(X509_NAME_get_text_by_NID(X509_get_subject_name(x509), NID_commonName, name, size) >
                0);
    X509_free(x509);
    return name;
}

static void test_tls_1_2_and_1_3_with_both_kinds_of_key(void **state)
{
    struct heard heard;
    struct tls *tls = new_loaded(&heard);
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION, 0};
    char name[50];

    (void)state;
    for (int i = 0; i < 6; i++) {
        const struct made_certificate *used = i < 3 ? leaf : rsa;
        struct client_spec spec = {.version = versions[i % 3], .trusts = ca};
        struct ends ends;

        assert_int_equal(load(tls, used->pem, used->key_pem, NULL, NULL), 0);
        ends = ends_new(tls, &spec);
        assert_true(shake(&ends));
        assert_string_equal(shown(&ends, name, sizeof(name)), i < 3 ? "leaf" : "rsa");
        assert_false(SSL_SESSION_has_ticket(SSL_get_session(ends.client)));
        ends_free(&ends);
        assert_int_equal(heard.done, i + 1);
    }
    assert_int_equal(heard.failed, 0);
    tls_free(tls);
}

static void test_older_versions_and_ciphers_are_refused(void **state)
{
    struct heard heard;
    struct tls *tls = new_loaded(&heard);
    struct ends ends = ends_new(tls, &(struct client_spec){.version = TLS1_1_VERSION});

    (void)state;
    assert_false(shake(&ends));
    assert_string_equal(heard.why, "unsupported protocol");
    ends_free(&ends);

    ends = ends_new(tls, &(struct client_spec){.version = TLS1_2_VERSION});
    assert_int_equal(SSL_set_cipher_list(ends.client, "ECDHE-ECDSA-AES128-SHA"), 1);
    assert_false(shake(&ends));
    assert_string_equal(heard.why, "no shared cipher");
    ends_free(&ends);
    assert_int_equal(heard.done, 0);
    assert_int_equal(heard.failed, 2);
    tls_free(tls);
}

static void test_alpn(void **state)
{
    static const struct {
        const char *offered, *chosen;
    } rows[] = {
        {NULL, ""},
        {"\x08http/1.1", "http/1.1"},
        {"\x02h2\x08http/1.1", "http/1.1"},
        {"\x02h2", ""}, /* not refused: HTTP/1.1 is what it gets */
    };
    struct heard heard;
    struct tls *tls = new_loaded(&heard);

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct ends ends = ends_new(tls, &(struct client_spec){.alpn = rows[i].offered});
        const unsigned char *chosen;
        unsigned len;

        assert_true(shake(&ends));
        SSL_get0_alpn_selected(ends.client, &chosen, &len);
        assert_true(slice_is(slice_of((const char *)chosen, len), rows[i].chosen));
        ends_free(&ends);
    }
    tls_free(tls);
}

static void test_reload_reaches_the_next_client_hello(void **state)
{
    struct heard heard;
    struct tls *tls = new_loaded(&heard);
    struct ends live = ends_new(tls, &(struct client_spec){0});
    struct ends waiting = ends_new(tls, &(struct client_spec){0});
    char name[50], byte;

    (void)state;
    assert_true(shake(&live));
    assert_int_equal(load(tls, second->pem, second->key_pem, NULL, NULL), 0);
    assert_int_equal(load(tls, rsa->pem, rsa->key_pem, NULL, NULL), 0);
    assert_true(shake(&waiting));
    assert_string_equal(shown(&waiting, name, sizeof(name)), "rsa");
    assert_int_equal(SSL_write(live.server, "x", 1), 1); /* the old pair's connection goes on */
    assert_int_equal(SSL_read(live.client, &byte, 1), 1);
    assert_string_equal(shown(&live, name, sizeof(name)), "leaf");
    ends_free(&live);
    ends_free(&waiting);
    tls_free(tls);
}

static void test_without_a_certificate_a_handshake_says_so(void **state)
{
    struct heard heard = {0};
    struct tls *tls = tls_new(hear, &heard);
    struct ends ends = ends_new(tls, &(struct client_spec){0});

    (void)state;
    assert_false(tls_loaded(tls, NULL));
    assert_false(shake(&ends));
    assert_string_equal(heard.why, "no certificate is loaded yet");
    assert_int_equal(heard.failed, 1);
    ends_free(&ends);
    tls_free(tls);
}

static void test_a_client_that_refuses_us_is_heard(void **state)
{
    struct heard heard;
    struct tls *tls = new_loaded(&heard);
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct ends ends =
            ends_new(tls, &(struct client_spec){.version = versions[i], .trusts = other_ca});

        assert_false(shake(&ends));
        assert_string_equal(heard.why, "tlsv1 alert unknown ca");
        ends_free(&ends);
        assert_int_equal(heard.failed, i + 1);
        assert_int_equal(heard.done, 0);
    }
    tls_free(tls);
}

static void test_client_certificates(void **state)
{
    const struct {
        const struct made_certificate *shows;
        const char *why; /* NULL: let in */
    } rows[] = {
        {client, NULL},
        {NULL, "peer did not return a certificate"},
        {stranger, "certificate verify failed: unable to get local issuer certificate"},
    };
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    struct heard heard;
    struct tls *tls = new_loaded(&heard);
    struct ends ends;

    (void)state;
    assert_int_equal(load(tls, leaf->pem, leaf->key_pem, ca->pem, NULL), 0);
    for (int i = 0; i < 6; i++) {
        struct client_spec spec = {.version = versions[i / 3], .shows = rows[i % 3].shows};

        memset(&heard, 0, sizeof(heard));
        ends = ends_new(tls, &spec);
        (void)shake(&ends); /* in TLS 1.3 the client is done before it is refused */
        assert_int_equal(heard.done, rows[i % 3].why ? 0 : 1);
        assert_int_equal(heard.failed, rows[i % 3].why ? 1 : 0);
        assert_string_equal(heard.why, rows[i % 3].why ? rows[i % 3].why : "");
        ends_free(&ends);
    }
    assert_int_equal(load(tls, leaf->pem, leaf->key_pem, NULL, NULL), 0); /* and without again */
    ends = ends_new(tls, &(struct client_spec){0});
    assert_true(shake(&ends));
    ends_free(&ends);
    tls_free(tls);
}

/* PEM of a CA in whose name there is a description of so many bytes. */
static char *described_ca(size_t bytes, int *name_bytes)
{
    X509 *x509 = X509_dup(ca->x509);
    X509_NAME *name = X509_get_subject_name(x509);
    unsigned char *description = malloc(bytes);
    char *text;

    assert_non_null(description);
    memset(description, 'd', bytes);
    assert_int_equal(X509_NAME_add_entry_by_txt(name, "description", MBSTRING_ASC, description,
                                                (int)bytes, -1, 0),
                     1);
    assert_true(X509_sign(x509, ca->key, EVP_sha256()) > 0);
    *name_bytes = i2d_X509_NAME(name, NULL);
    text = made_certificate_pem(x509);
    X509_free(x509);
    free(description);
    return text;
}

/* Two bytes of length stand before each name, and another two count the whole: with more than they
 * can, no client would get through. */
static void test_names_of_client_cas_that_no_message_holds_are_not_sent(void **state)
{
    enum { NAMES_MOST = 65535 - 512, SOME = 1000 };
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    struct heard heard;
    struct tls *tls = new_loaded(&heard);
    int name_bytes;
    size_t room;

    (void)state;
    free(described_ca(SOME, &name_bytes));
    room = (size_t)(NAMES_MOST - 2 - i2d_X509_NAME(X509_get_subject_name(ca->x509), NULL) - 2 -
                    (name_bytes - SOME));
    for (int i = 0; i < 6; i++) {
        const size_t sizes[] = {room, room + 1, 70000};
        struct client_spec spec = {.version = versions[i / 3], .shows = client};
        char *large = described_ca(sizes[i % 3], &name_bytes);
        char *bundle;
        struct ends ends;

        assert_true(asprintf(&bundle, "%s%s", large, ca->pem) > 0);
        assert_int_equal(load(tls, leaf->pem, leaf->key_pem, bundle, NULL), 0);
        ends = ends_new(tls, &spec);
        assert_true(shake(&ends));
        assert_int_equal(sk_X509_NAME_num(SSL_get0_peer_CA_list(ends.client)),
                         i % 3 == 0   ? 2
                         : i / 3 == 0 ? 0
                                      : -1 /* no extension */);
        ends_free(&ends);
        spec.shows = stranger;
        ends = ends_new(tls, &spec);
        (void)shake(&ends);
        assert_string_equal(heard.why, "certificate verify failed: unable to get local issuer "
                                       "certificate");
        ends_free(&ends);
        free(bundle);
        free(large);
    }
    assert_int_equal(heard.done, 6);
    tls_free(tls);
}

static void test_connections_that_end_early(void **state)
{
    struct heard heard;
    struct tls *tls = new_loaded(&heard);
    struct ends silent = ends_new(tls, &(struct client_spec){0});
    struct ends gone = ends_new(tls, &(struct client_spec){0});

    (void)state;
    ends_free(&silent);
    assert_int_equal(heard.failed, 0);
    assert_false(step(gone.client));
    assert_false(step(gone.server));
    assert_int_equal(heard.failed, 0);
    ends_free(&gone);
    assert_int_equal(heard.failed, 1);
    assert_string_equal(heard.why, "the connection ended in the middle of the handshake");
    assert_int_equal(heard.done, 0);
    tls_free(tls);
}

static void test_garbage_is_reported_once(void **state)
{
    static const struct {
        struct slice bytes;
        const char *why;
    } rows[] = {
        {{"GET / HTTP/1.1\r\n\r\n", 18}, "http request"},
        {{"\x16\x03\x01\x00\x04\x63\x00\x00\x00", 9}, "unexpected message"},
        {{"\x16\x03\x01\x00\x08\x01\x00\x00\x04\x03\x03\x00\x00", 13}, "length mismatch"},
        {{"never heard of TLS", 18}, "wrong version number"},
    };
    struct heard heard;
    struct tls *tls = new_loaded(&heard);

    (void)state;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct ends ends = ends_new(tls, &(struct client_spec){0});

        assert_true(
            BIO_write(SSL_get_wbio(ends.client), rows[i].bytes.ptr, (int)rows[i].bytes.len) > 0);
        assert_false(step(ends.server));
        assert_false(step(ends.server));
        assert_string_equal(heard.why, rows[i].why);
        ends_free(&ends);
        assert_int_equal(heard.failed, i + 1);
    }
    tls_free(tls);
}

static void test_dates(void **state)
{
    struct heard heard;
    struct tls *tls = new_loaded(&heard);
    struct made_certificate *expired = made_certificate_new(&(struct certificate_spec){
        .name = "expired", .alternative = "DNS:x", .from_s = -7200, .to_s = -3600});
    struct certificate_dates dates;
    int64_t now = time(NULL);

    (void)state;
    assert_int_equal(load(tls, expired->pem, expired->key_pem, NULL, NULL), 0);
    assert_true(tls_loaded(tls, &dates));
    assert_in_range(now - dates.not_before_s, 7200, 7260);
    assert_in_range(now - dates.not_after_s, 3600, 3660);
    made_certificate_free(expired);
    tls_free(tls);
}

static char *joined(const char *a, const char *b)
{
    char *text;

    assert_true(asprintf(&text, "%s%s", a, b) > 0);
    return text;
}

static void test_a_chain_is_sent_whole(void **state)
{
    struct heard heard;
    struct tls *tls = new_loaded(&heard);
    struct made_certificate *middle = made_certificate_new(&(struct certificate_spec){
        .name = "middle", .constraints = "critical,CA:TRUE", .issuer = ca});
    struct made_certificate *end = made_certificate_new(&(struct certificate_spec){
        .name = "end", .alternative = "DNS:localhost", .issuer = middle});
    char *chain = joined(end->pem, middle->pem), *turned = joined(middle->pem, end->pem);
    struct error error;
    struct ends ends;

    (void)state;
    assert_int_equal(load(tls, chain, end->key_pem, NULL, NULL), 0);
    ends = ends_new(tls, &(struct client_spec){.trusts = ca});
    assert_true(shake(&ends));
    ends_free(&ends);
    assert_int_equal(load(tls, turned, end->key_pem, NULL, &error), -1);
    assert_string_equal(error.text, "certificate chain: the private key belongs to certificate 2; "
                                    "the leaf must come first");
    free(chain);
    free(turned);
    made_certificate_free(end);
    made_certificate_free(middle);
    tls_free(tls);
}

static struct made_certificate *odd_certificate(const char *alternative, const char *constraints,
                                                const char *usage, const char *extended,
                                                int rsa_bits)
{
    return made_certificate_new(&(struct certificate_spec){.name = "odd",
                                                           .alternative = alternative,
                                                           .constraints = constraints,
                                                           .usage = usage,
                                                           .extended = extended,
                                                           .rsa_bits = rsa_bits});
}

static void test_refusals_keep_what_is_loaded(void **state)
{
    struct made_certificate *nameless = odd_certificate(NULL, NULL, NULL, NULL, 0);
    struct made_certificate *signer =
        odd_certificate("DNS:x", "critical,CA:TRUE", "keyCertSign,cRLSign", NULL, 0);
    struct made_certificate *for_clients = odd_certificate("DNS:x", NULL, NULL, "clientAuth", 0);
    struct made_certificate *weak = odd_certificate("DNS:x", NULL, NULL, NULL, 1024);
    char *pkcs8 = made_certificate_encrypted_key(leaf, false);
    char *older = made_certificate_encrypted_key(leaf, true);
    char *broken = joined(leaf->pem, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END "
                                     "CERTIFICATE-----\n");
    static const char encrypted[] = "private key: is encrypted; a passphrase is never asked for";
    const struct {
        const char *chain, *key, *client_ca, *want;
    } rows[] = {
        {"", leaf->key_pem, NULL, "certificate chain: holds no PEM certificate"},
        {"garbage", leaf->key_pem, NULL, "certificate chain: holds no PEM certificate"},
        {leaf->key_pem, leaf->key_pem, NULL, "certificate chain: holds no PEM certificate"},
        {broken, leaf->key_pem, NULL, "certificate chain: "},
        {leaf->pem, "", NULL, "private key: holds no PEM private key"},
        {leaf->pem, leaf->pem, NULL, "private key: holds no PEM private key"},
        {leaf->pem, pkcs8, NULL, encrypted},
        {leaf->pem, older, NULL, encrypted},
        {leaf->pem, second->key_pem, NULL, "the private key does not belong to the certificate"},
        {leaf->pem, rsa->key_pem, NULL, "the private key does not belong to the certificate"},
        {nameless->pem, nameless->key_pem, NULL,
         "certificate: has no subject alternative name; Kubernetes ignores the common name"},
        {signer->pem, signer->key_pem, NULL,
         "certificate: its key usage or extended key usage forbids a TLS server (it is a CA's)"},
        {for_clients->pem, for_clients->key_pem, NULL,
         "certificate: its key usage or extended key usage forbids a TLS server"},
        {weak->pem, weak->key_pem, NULL,
         "certificate: its key is RSA of 1024 bits (API servers know RSA of 2,048 to 8,192 bits, "
         "ECDSA on P-256, P-384 and P-521, and Ed25519)"},
        {leaf->pem, leaf->key_pem, "garbage", "client CA bundle: holds no PEM certificate"},
    };
    struct heard heard;
    struct tls *tls = new_loaded(&heard);
    char name[50];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct error error = {{0}};
        struct ends ends;

        assert_int_equal(load(tls, rows[i].chain, rows[i].key, rows[i].client_ca, &error), -1);
        if (rows[i].chain == broken) /* what follows is OpenSSL's word for it */
            error.text[strlen(rows[i].want)] = '\0';
        assert_string_equal(error.text, rows[i].want);
        assert_int_equal(ERR_peek_error(), 0);
        ends = ends_new(tls, &(struct client_spec){0});
        assert_true(shake(&ends));
        assert_string_equal(shown(&ends, name, sizeof(name)), "leaf");
        ends_free(&ends);
    }
    free(pkcs8);
    free(older);
    free(broken);
    made_certificate_free(nameless);
    made_certificate_free(signer);
    made_certificate_free(for_clients);
    made_certificate_free(weak);
    tls_free(tls);
}

/* What API servers (Go's crypto/tls and crypto/x509) can verify is taken; what they can't would
 * fail in each handshake, and is told here. */
static void test_keys_that_no_client_speaks_are_refused(void **state)
{
#define KNOWN                                                                                      \
    " (API servers know RSA of 2,048 to 8,192 bits, ECDSA on P-256, P-384 and P-521, and "         \
    "Ed25519)"
    static const struct {
        const char *key;
        int rsa_bits;
        const char *problem;
    } rows[] = {
        {"P-256", 0, NULL},
        {"P-384", 0, NULL},
        {"P-521", 0, NULL},
        {"ED25519", 0, NULL},
        {NULL, 2048, NULL},
        {NULL, 8192, NULL},
        {NULL, 1024, "certificate: its key is RSA of 1024 bits" KNOWN},
        {NULL, 8200, "certificate: its key is RSA of 8200 bits" KNOWN},
        {"DSA", 0, "certificate: its key is DSA" KNOWN},
        {"ED448", 0, "certificate: its key is ED448" KNOWN},
        {"RSA-PSS", 0, "certificate: its key is RSA-PSS" KNOWN},
        {"P-224", 0, "certificate: its key is ECDSA on secp224r1" KNOWN},
        {"secp256k1", 0, "certificate: its key is ECDSA on secp256k1" KNOWN},
        {"brainpoolP256r1", 0, "certificate: its key is ECDSA on brainpoolP256r1" KNOWN},
        {"explicit", 0, "certificate: its key is ECDSA on a curve without a name" KNOWN},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct certificate_spec spec = {.name = "server",
                                              .alternative = "DNS:server",
                                              .key = rows[i].key,
                                              .rsa_bits = rows[i].rsa_bits};
        struct made_certificate *made = made_certificate_new(&spec);
        struct tls *tls = tls_new(NULL, NULL);
        struct error error = {""};
        int result = load(tls, made->pem, made->key_pem, NULL, &error);

        assert_string_equal(error.text, rows[i].problem ? rows[i].problem : "");
        assert_int_equal(result, rows[i].problem ? -1 : 0);
        tls_free(tls);
        made_certificate_free(made);
    }
}

/* A client that cannot parse one certificate of a chain refuses them all. */
static void test_a_chain_that_no_client_can_parse_is_refused(void **state)
{
    static const struct {
        const char *key, *problem;
    } rows[] = {
        {"P-384", NULL},
        {"P-224", NULL}, /* weak, but it is parsed, and maybe not needed */
        {"secp256k1", "certificate chain: certificate 2: its key is ECDSA on secp256k1, which API "
                      "servers cannot parse"},
        {"explicit", "certificate chain: certificate 2: its key is ECDSA on a curve without a "
                     "name, which API servers cannot parse"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct made_certificate *issuer = made_certificate_new(&(struct certificate_spec){
            .name = "CA", .constraints = "critical,CA:TRUE", .key = rows[i].key});
        struct made_certificate *server = made_certificate_new(&(struct certificate_spec){
            .name = "server", .alternative = "DNS:server", .issuer = issuer});
        char *chain = joined(server->pem, issuer->pem);
        struct tls *tls = tls_new(NULL, NULL);
        struct error error = {""};

        (void)load(tls, chain, server->key_pem, NULL, &error);
        assert_string_equal(error.text, rows[i].problem ? rows[i].problem : "");
        tls_free(tls);
        made_certificate_free(server);
        made_certificate_free(issuer);
        free(chain);
    }
}

/* Go's crypto/tls takes a message of certificates of 262,144 bytes. */
static void test_a_chain_that_no_client_takes_whole_is_refused(void **state)
{
    enum { MOST = 262144, NAMES = 2000 };
    struct heard heard;
    struct tls *tls = new_loaded(&heard);
    struct made_certificate *large;
    char *names = NULL, *chain = strdup(leaf->pem);
    size_t len;
    FILE *text = open_memstream(&names, &len);
    int bytes, message = 4 + i2d_X509(leaf->x509, NULL) + 5;
    struct error error = {""};
    struct ends ends;

    (void)state;
    assert_non_null(text);
    for (int i = 0; i < NAMES; i++)
        (void)fprintf(text, "%sDNS:%d.example", i ? "," : "", i);
    assert_int_equal(fclose(text), 0);
    large = odd_certificate(names, NULL, NULL, NULL, 0);
    bytes = i2d_X509(large->x509, NULL) + 5;
    for (; message + bytes <= MOST; message += bytes) {
        char *longer = joined(chain, large->pem);

        free(chain);
        chain = longer;
    }
    assert_true(message > MOST / 2);
    assert_int_equal(load(tls, chain, leaf->key_pem, NULL, NULL), 0);
    ends = ends_new(tls, &(struct client_spec){.trusts = ca});
    SSL_set_max_cert_list(ends.client, MOST);
    assert_true(shake(&ends));
    ends_free(&ends);
    free(names);
    names = joined(chain, large->pem);
    assert_int_equal(load(tls, names, leaf->key_pem, NULL, &error), -1);
    assert_string_equal(error.text, "certificate chain: longer than the 262144 bytes (DER) that "
                                    "API servers take");
    free(names);
    free(chain);
    made_certificate_free(large);
    tls_free(tls);
}

static void test_a_ceiling_on_what_is_read(void **state)
{
    enum { LEN = 1024 * 1024 + 1 };
    char *spaces = malloc(LEN);
    struct key_pair *pair;
    struct error error;

    (void)state;
    assert_non_null(spaces);
    memset(spaces, ' ', LEN);
    assert_int_equal(
        key_pair_read(&pair, slice_of(spaces, LEN), slice_str(""), slice_str(""), &error), -1);
    assert_string_equal(error.text, "certificate chain: larger than 1048576 bytes");
    assert_int_equal(
        key_pair_read(&pair, slice_str(leaf->pem), slice_of(spaces, LEN), slice_str(""), &error),
        -1);
    assert_string_equal(error.text, "private key: larger than 1048576 bytes");
    free(spaces);
}

/* What the program keeps in a Secret was written by whoever may write there. */
static void test_a_set_is_checked_like_files(void **state)
{
    static const struct {
        const char *key, *alternative, *problem;
    } rows[] = {
        {"P-256", "DNS:server", ""},
        {"secp256k1", "DNS:server",
         "certificate: its key is ECDSA on secp256k1 (API servers know RSA of 2,048 to 8,192 bits, "
         "ECDSA on P-256, P-384 and P-521, and Ed25519)"},
        {"P-256", NULL,
         "certificate: has no subject alternative name; Kubernetes ignores the common name"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct made_certificate *server =
            made_certificate_new(&(struct certificate_spec){.name = "server",
                                                            .alternative = rows[i].alternative,
                                                            .key = rows[i].key,
                                                            .issuer = ca});
        const struct certificate_texts texts = {.ca = slice_str(ca->pem),
                                                .leaf = slice_str(server->pem),
                                                .leaf_key = slice_str(server->key_pem)};
        CERTIFICATE_SET_CLEANUP struct certificate_set *set = NULL;
        struct key_pair *pair = NULL;
        struct error error = {""};

        assert_int_equal(certificate_set_read_lasting(&set, &texts, &error), 0);
        assert_int_equal(key_pair_of_set(&pair, set, &error), *rows[i].problem ? -1 : 0);
        assert_string_equal(error.text, rows[i].problem);
        if (pair) {
            struct certificate_dates dates = certificate_set_leaf_dates(set);

            assert_int_equal(X509_cmp(pair->leaf, server->x509), 0);
            assert_int_equal(EVP_PKEY_eq(pair->key, server->key), 1);
            assert_int_equal(sk_X509_num(pair->chain), 0);
            assert_null(pair->clients);
            assert_int_equal(pair->dates.not_after_s, dates.not_after_s);
        }
        key_pair_free(pair);
        made_certificate_free(server);
    }
}

enum { SHAKES = 60 };

static void *shake_often(void *tls)
{
    for (int i = 0; i < SHAKES; i++) {
        struct ends ends = ends_new(tls, &(struct client_spec){.trusts = ca});

        if (!shake(&ends))
            abort();
        ends_free(&ends);
    }
    return NULL;
}

static void test_reloads_under_handshakes_of_two_threads(void **state)
{
    struct heard heard;
    struct tls *tls = new_loaded(&heard);
    pthread_t threads[2];

    (void)state;
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, shake_often, tls), 0);
    while (__atomic_load_n(&heard.done, __ATOMIC_RELAXED) < 2 * SHAKES - 10) {
        assert_int_equal(load(tls, second->pem, second->key_pem, NULL, NULL), 0);
        assert_int_equal(load(tls, leaf->pem, leaf->key_pem, NULL, NULL), 0);
    }
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(heard.done, 2 * SHAKES);
    assert_int_equal(heard.failed, 0);
    tls_free(tls);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tls_1_2_and_1_3_with_both_kinds_of_key),
        cmocka_unit_test(test_older_versions_and_ciphers_are_refused),
        cmocka_unit_test(test_alpn),
        cmocka_unit_test(test_reload_reaches_the_next_client_hello),
        cmocka_unit_test(test_without_a_certificate_a_handshake_says_so),
        cmocka_unit_test(test_a_client_that_refuses_us_is_heard),
        cmocka_unit_test(test_client_certificates),
        cmocka_unit_test(test_names_of_client_cas_that_no_message_holds_are_not_sent),
        cmocka_unit_test(test_connections_that_end_early),
        cmocka_unit_test(test_garbage_is_reported_once),
        cmocka_unit_test(test_dates),
        cmocka_unit_test(test_a_chain_is_sent_whole),
        cmocka_unit_test(test_refusals_keep_what_is_loaded),
        cmocka_unit_test(test_keys_that_no_client_speaks_are_refused),
        cmocka_unit_test(test_a_chain_that_no_client_can_parse_is_refused),
        cmocka_unit_test(test_a_chain_that_no_client_takes_whole_is_refused),
        cmocka_unit_test(test_a_ceiling_on_what_is_read),
        cmocka_unit_test(test_a_set_is_checked_like_files),
        cmocka_unit_test(test_reloads_under_handshakes_of_two_threads),
    };

    return cmocka_run_group_tests(tests, make_certificates, free_certificates);
}
