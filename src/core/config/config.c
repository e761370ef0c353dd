/*
 * A configuration as a whole: one YAML document read by the table of keys
 * (config_schema), then the few rules that tie keys to each other.
 *
 * It refuses to guess: what is not understood is an error, and the caller keeps the
 * configuration that it has.
 */
#include "pullthrough/core/config/config.h"

#include "config_error.h"
#include "config_import.h"
#include "config_reader.h"
#include "config_schema.h"
#include "pullthrough/core/aws/aws_endpoint.h"
#include "pullthrough/core/base/alloc.h"
#include "pullthrough/core/config/config_upstreams.h"
#include "pullthrough/core/yaml/yaml_tree.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

enum { NODES_MAX = 20000, DEPTH_MAX = 16, PROBE_INTERVAL_LEAST_MS = 1000 };

static const struct config_place in_registry = {.key = "registry"};
static const struct config_place in_listen = {.key = "listen"};
static const struct config_place in_tls = {.key = "tls"};
static const struct config_place in_rewrite = {.key = "rewrite"};
static const struct config_place in_reconcile = {.key = "reconcile"};
static const struct config_place in_fallback = {.key = "fallback"};
static const struct config_place in_aws = {.key = "aws"};

/* The node of a key of a section; where it isn't written, of what it would stand in. */
static const struct yaml_node *node_of(const struct yaml_node *root,
                                       const struct config_place *section, const char *key)
{
    const struct yaml_node *mapping = root ? yaml_node_get(root, section->key) : NULL;
    const struct yaml_node *node = mapping ? yaml_node_get(mapping, key) : NULL;

    return node ? node : mapping ? mapping : root;
}

/* Images that were rewritten to an upstream's own name would be rewritten again. */
static int check_host(const struct config *config, const struct yaml_node *root,
                      struct error *error)
{
    const struct config_place place = {.parent = &in_registry, .key = "host"};
    int upstream = config_upstreams_find(config, slice_str(config->registry.host));

    if (!*config->registry.host || upstream < 0)
        return 0;
    return config_error(&place, node_of(root, &in_registry, "host"), error,
                        "\"%s\" is a name of upstreams[%d]: images would be rewritten again and "
                        "again",
                        config->registry.host, upstream);
}

static bool is_every_address(struct slice host)
{
    return host.len == 0 || slice_is(host, "::") || slice_is(host, "0.0.0.0");
}

/* Both ports are opened with SO_REUSEPORT, so that the kernel would not refuse the second
 * one: it would deal connections out to either at random. */
static int check_listen(const struct config *config, const struct yaml_node *root,
                        struct error *error)
{
    const struct config_place place = {.parent = &in_listen, .key = "status"};
    struct slice webhook, status;
    uint16_t webhook_port, status_port;

    if (config_address(slice_str(config->listen.webhook), &webhook, &webhook_port, error) ||
        config_address(slice_str(config->listen.status), &status, &status_port, error))
        return -1;
    if (webhook_port != status_port || status_port == 0)
        return 0;
    if (!slice_equal(webhook, status) && !is_every_address(webhook) && !is_every_address(status))
        return 0;
    return config_error(&place, node_of(root, &in_listen, "status"), error,
                        "\"%s\" and listen.webhook, \"%s\", can't share a port",
                        config->listen.status, config->listen.webhook);
}

/* Files and a certificate of our own: one of them would not be used. */
static int check_tls_files(const struct config *config, const struct yaml_node *root,
                           struct error *error)
{
    const struct {
        const char *key, *value;
    } files[] = {{"certFile", config->tls.cert_file},
                 {"keyFile", config->tls.key_file},
                 {"clientCAFile", config->tls.client_ca_file}};

    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        if (*files[i].value)
            return config_error(&in_tls, node_of(root, &in_tls, files[i].key), error,
                                "%s is given, but mode is self (the default), which uses no "
                                "files: say mode: files",
                                files[i].key);
    return 0;
}

static int check_tls(const struct config *config, const struct yaml_node *root, struct error *error)
{
    if (config->tls.mode == CONFIG_TLS_SELF)
        return check_tls_files(config, root, error);
    if (*config->tls.cert_file && !*config->tls.key_file)
        return config_error(&in_tls, node_of(root, &in_tls, "certFile"), error,
                            "certFile is given, but keyFile isn't");
    if (!*config->tls.cert_file && *config->tls.key_file)
        return config_error(&in_tls, node_of(root, &in_tls, "keyFile"), error,
                            "keyFile is given, but certFile isn't");
    if (*config->tls.client_ca_file && !*config->tls.cert_file)
        return config_error(&in_tls, node_of(root, &in_tls, "clientCAFile"), error,
                            "clientCAFile is given, but certFile and keyFile aren't");
    return 0;
}

/* Nothing would look for rules, so none would ever be seen. */
static int check_mode(const struct config *config, const struct yaml_node *root,
                      struct error *error)
{
    const struct config_place place = {.parent = &in_reconcile, .key = "mode"};

    if (config->reconcile.mode != CONFIG_RECONCILE_OFF || !config->rewrite.require_rule)
        return 0;
    return config_error(&place, node_of(root, &in_reconcile, "mode"), error,
                        "with \"off\" no rule is ever seen, so nothing would ever be rewritten: "
                        "set rewrite.requireRule to false, or use observe or manage");
}

/* `when: cached` means digests, too, unless they are written. Nobody would know what ECR holds
 * where it isn't asked. */
static int settle_cached(struct config *config, const struct yaml_node *root, struct error *error)
{
    const bool when = config->rewrite.when == CONFIG_WHEN_CACHED;
    const struct config_place place = {.parent = &in_rewrite, .key = when ? "when" : "digests"};
    const struct yaml_node *rewrite = root ? yaml_node_get(root, "rewrite") : NULL;
    const struct yaml_node *digests = rewrite ? yaml_node_get(rewrite, "digests") : NULL;

    if (when && (!digests || yaml_node_is_null(digests)))
        config->rewrite.digests = CONFIG_DIGESTS_CACHED;
    if (!config_is_cached(config) || config->reconcile.mode != CONFIG_RECONCILE_OFF)
        return 0;
    return config_error(&place, node_of(root, &in_rewrite, place.key), error,
                        "\"cached\" asks ECR which images it holds, but reconcile.mode \"off\" "
                        "asks it nothing: use observe or manage");
}

static int check_probe(const struct config *config, const struct yaml_node *root,
                       struct error *error)
{
    const struct config_place section = {.parent = &in_fallback, .key = "probe"};
    const struct yaml_node *fallback = root ? yaml_node_get(root, "fallback") : NULL;
    const uint64_t interval = config->fallback.probe.interval_ms;
    const bool too_often = interval < PROBE_INTERVAL_LEAST_MS;
    const struct config_place place = {.parent = &section,
                                       .key = too_often ? "interval" : "timeout"};

    if (interval == 0 || (!too_often && config->fallback.probe.timeout_ms < interval))
        return 0;
    return config_error(
        &place, fallback ? node_of(fallback, &section, place.key) : root, error, "%s",
        too_often ? "wants 0 (never), or 1s to 10m" : "must be less than fallback.probe.interval");
}

/* Where it could never happen, somebody who asked for it would rely on it. */
static int check_heal(const struct config *config, const struct yaml_node *root,
                      struct error *error)
{
    const struct config_place place = {.parent = &in_fallback, .key = "heal"};
    const char *reason = NULL;

    if (config->fallback.to == CONFIG_FALLBACK_NONE)
        reason = "with fallback.to \"none\" there is nothing to heal a pod to";
    else if (!config->fallback.watch)
        reason = "without fallback.watch nobody learns which pods are stuck";
    else if (!config->rewrite.record_originals)
        reason = "without rewrite.recordOriginals nobody knows what a pod's images were";
    if (!config->fallback.heal || !reason)
        return 0;
    return config_error(&place, node_of(root, &in_fallback, "heal"), error, "%s", reason);
}

/* Tried for some region: whether a URL is one doesn't depend on it. */
static int check_endpoint(const struct config *config, const struct yaml_node *root,
                          enum aws_service service, const char *url, struct error *error)
{
    const struct config_place section = {.parent = &in_aws, .key = "endpoint"};
    const struct config_place place = {.parent = &section, .key = aws_service_name(service)};
    const struct aws_endpoint_options options = {
        .region = slice_str("us-east-1"),
        .custom = slice_str(url),
        .fips = config->aws.fips,
        .dual_stack = config->aws.dual_stack,
    };
    const struct yaml_node *aws = root ? yaml_node_get(root, "aws") : NULL;
    struct aws_endpoint endpoint;
    struct error reason;

    if (!*url || aws_endpoint_resolve(&endpoint, service, &options, &reason) == 0)
        return 0;
    return config_error(&place, aws ? node_of(aws, &section, place.key) : root, error, "%s",
                        reason.text);
}

static int check_aws(const struct config *config, const struct yaml_node *root, struct error *error)
{
    if (check_endpoint(config, root, AWS_ECR, config->aws.endpoint.ecr, error) ||
        check_endpoint(config, root, AWS_STS, config->aws.endpoint.sts, error))
        return -1;
    return check_endpoint(config, root, AWS_SECRETS_MANAGER, config->aws.endpoint.secretsmanager,
                          error);
}

static int read_root(struct config *config, const struct yaml_node *root, struct error *error)
{
    const struct yaml_node *upstreams;

    if (config_read(&config_schema, root, config, error))
        return -1;
    upstreams = root ? yaml_node_get(root, "upstreams") : NULL;
    if (upstreams && upstreams->kind != YAML_SEQUENCE)
        upstreams = NULL; /* a null, that is, the preset */
    if (config_upstreams_settle(config, upstreams, error) || check_host(config, root, error) ||
        config_import_settle(config, root, error) || settle_cached(config, root, error) ||
        check_mode(config, root, error) || check_probe(config, root, error) ||
        check_heal(config, root, error) || check_aws(config, root, error) ||
        check_listen(config, root, error))
        return -1;
    return check_tls(config, root, error);
}

static void set_hash(struct config *config)
{
    STRBUF_CLEANUP struct strbuf text = STRBUF_INIT(CONFIG_TEXT_MAX);
    unsigned char digest[EVP_MAX_MD_SIZE];

    config_print(config, &text);
    alloc_must(EVP_Digest(text.ptr, text.len, digest, NULL, EVP_sha256(), NULL) == 1);
    for (int i = 0; i < CONFIG_HASH_DIGITS / 2; i++)
        (void)snprintf(config->hash + 2 * i, 3, "%02x", digest[i]);
}

int config_parse(const struct config **configp, struct slice yaml, struct error *error)
{
    static const struct yaml_limits limits = {CONFIG_TEXT_MAX, NODES_MAX, DEPTH_MAX};
    YAML_TREE_CLEANUP struct yaml_tree *tree = NULL;
    const struct yaml_node *root = NULL;
    struct config *config;

    if (yaml_tree_parse(&tree, yaml, &limits, error))
        return -1;
    if (yaml_tree_documents(tree) > 1)
        return config_error(NULL, yaml_tree_root(tree, 1), error,
                            "more than one document (\"---\"); a configuration is one");
    if (yaml_tree_documents(tree) == 1)
        root = yaml_tree_root(tree, 0);
    config = alloc_zeroed(1, sizeof(*config));
    references_init(&config->references);
    if (read_root(config, root, error)) {
        config_unref(config);
        return -1;
    }
    set_hash(config);
    *configp = config;
    return 0;
}

static void release(const struct config_mapping *mapping, void *base);

static void release_texts(const struct config_key *key, void *base)
{
    char **texts = config_load_pointer(base, key->offset);

    for (size_t i = 0; i < config_load_count(base, key); i++)
        free(texts[i]);
    free(texts);
}

static void release_records(const struct config_key *key, void *base)
{
    char *records = config_load_pointer(base, key->offset);

    for (size_t i = 0; i < config_load_count(base, key); i++)
        release(&key->mapping, records + i * key->record_bytes);
    free(records);
}

static void release(const struct config_mapping *mapping, void *base)
{
    for (size_t i = 0; i < mapping->n_keys; i++) {
        const struct config_key *key = &mapping->keys[i];

        switch (key->kind) {
        case CONFIG_SECTION: release(&key->mapping, base); break;
        case CONFIG_TEXT: free(config_load_pointer(base, key->offset)); break;
        case CONFIG_TEXTS: release_texts(key, base); break;
        case CONFIG_RECORDS:
        case CONFIG_RATES: release_records(key, base); break;
        default: break;
        }
    }
}

const struct config *config_ref(const struct config *config)
{
    references_add(&((struct config *)config)->references);
    return config;
}

void config_unref(const struct config *config)
{
    struct config *own = (struct config *)config;

    if (!own || !references_drop(&own->references))
        return;
    release(&config_schema, own);
    free(own);
}
