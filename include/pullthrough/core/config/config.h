/*
 * The configuration: YAML text to a checked struct, and back.
 *
 * Strict: an unknown key, a wrong type, a key given twice, a value out of bounds is an
 * error with its place. Every key has a default, so an empty text is valid. A null is
 * the same as an absent key. Parsing always makes a new object, which is never changed and
 * shared by counted references (docs/configuration.md lists every key).
 */
#ifndef PULLTHROUGH_CORE_CONFIG_CONFIG_H
#define PULLTHROUGH_CORE_CONFIG_CONFIG_H

#include "pullthrough/core/base/error.h"
#include "pullthrough/core/base/references.h"
#include "pullthrough/core/base/slice.h"
#include "pullthrough/core/base/strbuf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    CONFIG_UPSTREAMS_MAX = 50,     /* ECR's quota of rules a registry, not adjustable */
    CONFIG_TEXT_MAX = 1024 * 1024, /* bytes of a configuration */
    CONFIG_SKIP_PODS_MAX = 64,     /* entries of rewrite.skipPods: bits of a word in pod_gate */
    CONFIG_HASH_DIGITS = 12,
};

struct config_upstream {
    char *registry; /* "docker.io": a reference's domain, byte for byte */
    char **aliases; /* other domains of the same upstream */
    size_t n_aliases;
    char *url;    /* upstreamRegistryUrl of the ECR rule, no scheme */
    char *prefix; /* ecrRepositoryPrefix, 2..30 bytes */
    char *secret; /* name or ARN in Secrets Manager; "" for none */
    bool enabled;
};

/* Which images go to ECR: those that its rules would import too, or those that it holds. */
enum config_when { CONFIG_WHEN_ALWAYS, CONFIG_WHEN_CACHED };
/* The same of images with a digest. */
enum config_digests { CONFIG_DIGESTS_SKIP, CONFIG_DIGESTS_REWRITE, CONFIG_DIGESTS_CACHED };
/* What becomes of pods that bring credentials of their own (spec.imagePullSecrets). */
enum config_pull_secrets { CONFIG_PULL_SECRETS_REWRITE, CONFIG_PULL_SECRETS_SKIP };
/* Whose pods `rewrite -f` edits: those of the kinds that it knows, or also lists of containers in
 * custom objects. */
enum config_kinds { CONFIG_KINDS_KNOWN, CONFIG_KINDS_ANY_POD_SPEC };
enum config_reconcile_mode {
    CONFIG_RECONCILE_MANAGE,  /* make what is missing */
    CONFIG_RECONCILE_OBSERVE, /* look only */
    CONFIG_RECONCILE_OFF,     /* ask AWS nothing */
};
enum config_scanning { CONFIG_SCANNING_LEAVE, CONFIG_SCANNING_ENHANCED };
/* Where a pod gets an image that the cache fails to give. */
enum config_fallback {
    CONFIG_FALLBACK_UPSTREAM, /* where it asked to be pulled from */
    CONFIG_FALLBACK_NONE,     /* nowhere: nodes reach nothing but ECR */
};
enum config_tls_mode {
    CONFIG_TLS_SELF,  /* the program's own, kept in a Secret */
    CONFIG_TLS_FILES, /* somebody else's, mounted */
};
enum config_log_level { CONFIG_LOG_DEBUG, CONFIG_LOG_INFO, CONFIG_LOG_WARN, CONFIG_LOG_ERROR };
enum config_log_format { CONFIG_LOG_AUTO, CONFIG_LOG_JSON, CONFIG_LOG_TEXT };

struct config_pod_label {
    char *label;
    char *value; /* NULL: any value */
};

struct config_registry {
    const char *account; /* 12 digits or "" */
    const char *region;  /* or "" */
    const char *host;    /* or "" */
};

struct config_rewrite {
    enum config_when when;
    enum config_digests digests;
    char **exclude; /* with the preset's own, unless exclude_defaults is false */
    size_t n_exclude;
    bool exclude_defaults;
    char **exclude_tags;
    size_t n_exclude_tags;
    struct config_pod_label *skip_pods; /* likewise */
    size_t n_skip_pods;
    bool skip_pods_defaults;
    enum config_pull_secrets pull_secrets;
    char **skip_namespaces;
    size_t n_skip_namespaces;
    bool require_rule;
    bool record_originals;
    bool warnings;
    enum config_kinds kinds; /* of manifests; a review knows its pods */
};

struct config_template {
    bool manage;
    unsigned untagged_days, keep_last; /* of the lifecycle policy; 0: no such rule */
    char *repository_policy;           /* JSON, or "" for none */
};

struct config_reconcile {
    enum config_reconcile_mode mode;
    uint64_t interval_ms;
    uint64_t validate_ms; /* 0: never */
    bool read_secrets;
    struct config_template template;
    enum config_scanning scanning;
};

/* What becomes of images whose pull through the cache fails. */
struct config_fallback_settings {
    enum config_fallback to;
    struct {
        uint64_t interval_ms; /* 0: never; else at least a second, and more than timeout_ms */
        uint64_t timeout_ms;
    } probe;              /* of the registry */
    bool watch;           /* nodes' failed pulls, by Events */
    uint64_t remember_ms; /* how long a first failure counts */
    bool heal;            /* pods that are stuck; only with watch, record_originals and `to` */
};

struct config_rate {
    char *name;      /* of an upstream: its registry */
    unsigned number; /* 1 to 100000 */
};

/* How images get into the cache where pods don't: only with config_is_cached(). */
struct config_import {
    struct config_rate *per_hour; /* one for each upstream, in their order */
    size_t n_per_hour;
    uint64_t recheck_ms; /* how old what is known of a tag may be */
};

struct config_aws {
    struct {
        char *ecr, *sts, *secretsmanager; /* URLs, or "" for AWS's own */
    } endpoint;
    bool fips, dual_stack;
    char *ca_file; /* or "" */
};

struct config_server {
    unsigned threads;         /* 0: as many as CPUs are allowed, at most 4 */
    unsigned max_connections; /* on the webhook port */
    size_t max_body_bytes;
    size_t request_memory_bytes; /* for all requests under way together; 0: from the cgroup */
    uint64_t drain_ms;
};

struct config {
    struct references references; /* config_ref() */
    /* The first digits of the SHA-256 of what config_print() gives, in hexadecimal: equal for equal
     * values, however they were written. */
    char hash[CONFIG_HASH_DIGITS + 1];
    struct config_registry registry;
    struct config_upstream *upstreams;
    size_t n_upstreams;
    struct config_rewrite rewrite;
    struct config_reconcile reconcile;
    struct config_fallback_settings fallback;
    struct config_import import;
    struct config_aws aws;
    struct {
        char *webhook, *status; /* "[::]:8443", "0.0.0.0:0", ... */
    } listen;
    struct {
        enum config_tls_mode mode;
        char *secret_name, *service_name, *webhook_name; /* with mode self */
        char *cert_file, *key_file, *client_ca_file;     /* with mode files; "" for none */
    } tls;
    struct config_server server;
    struct {
        bool details; /* /status names roles, sessions and paths */
    } status;
    struct {
        enum config_log_level level;
        enum config_log_format format;
    } log;
};

/* 0 and a new *configp; or -1 and "LINE:COL: message" in error. An empty text gives the defaults.
 */
int config_parse(const struct config **configp, struct slice yaml, struct error *error);
/* One more, or one fewer, who holds it; the last one frees. Any thread. NULL is allowed to the
 * second. */
const struct config *config_ref(const struct config *config);
void config_unref(const struct config *config);
static inline void config_cleanup(const struct config **configp)
{
    config_unref(*configp);
}
#define CONFIG_CLEANUP __attribute__((cleanup(config_cleanup)))

/* Whether some images go to ECR only where ECR holds them. */
static inline bool config_is_cached(const struct config *config)
{
    return config->rewrite.when == CONFIG_WHEN_CACHED ||
           config->rewrite.digests == CONFIG_DIGESTS_CACHED;
}

/* Append the whole configuration as YAML, every key with the value that holds;
 * config_parse() of it gives an equal one. At most CONFIG_TEXT_MAX bytes. */
void config_print(const struct config *config, struct strbuf *out);

/* Tell the keys ("server.threads") of which a running program keeps the value that it was started
 * with, and that have another one now; the path is dead after the call. */
typedef void (*config_key_fn)(void *context, const char *path);
void config_restart_keys(const struct config *started, const struct config *config,
                         config_key_fn tell, void *context);

/* What the environment may add to `registry:` (AWS_REGION, AWS_DEFAULT_REGION, AWS_ACCOUNT_ID);
 * empty slices where it says nothing. */
struct config_environment {
    struct slice region, account;
};

enum { CONFIG_HOST_UNKNOWN = 1 };

/* Append the pull host: registry.host, else from account and region, each from the
 * configuration or else from the environment. 0; CONFIG_HOST_UNKNOWN with the reason in
 * error where one is missing; -1 where the environment's value is malformed. */
int config_registry_host(const struct config *config, const struct config_environment *environment,
                         struct strbuf *out, struct error *error);

/* "host:port", "[v6]:port" or ":port" taken apart (slices into `text`); port 0..65535, the
 * host an IP address without brackets, or empty. -1 with the reason in error. */
int config_address(struct slice text, struct slice *host, uint16_t *port, struct error *error);

#endif
