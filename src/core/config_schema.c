/*
 * The table of keys. A key that another version of the program knows is listed as `later`,
 * so that its reader learns that it is no spelling mistake.
 */
#include "pullthrough/core/config_schema.h"

#include "pullthrough/core/config.h"
#include "pullthrough/core/config_names.h"
#include "pullthrough/core/ecr_names.h"
#include "pullthrough/core/kube_names.h"

#define WORDS(...)                                                                                 \
    (const char *const[])                                                                          \
    {                                                                                              \
        __VA_ARGS__, NULL                                                                          \
    }
#define MAPPING(table)                                                                             \
    {                                                                                              \
        .keys = (table), .n_keys = sizeof(table) / sizeof((table)[0])                              \
    }

enum {
    ALIASES_MAX = 32,
    PATTERNS_MAX = 256,
    NAMESPACES_MAX = 256,
    CONNECTIONS_MAX = 1000000,
    THREADS_MAX = 64,
    BODY_LEAST = 64 * 1024,
    BODY_MOST = 64 * 1024 * 1024,
    DRAIN_MOST_MS = 10 * 60 * 1000,
    INTERVAL_LEAST_MS = 10 * 1000,
    INTERVAL_MOST_MS = 24 * 60 * 60 * 1000,
    VALIDATE_MOST_MS = 7 * 24 * 60 * 60 * 1000,
    LIFECYCLE_DAYS_MAX = 3650,
    LIFECYCLE_IMAGES_MAX = 100000,
};

static const struct config_key registry_keys[] = {
    {.name = "account",
     .kind = CONFIG_TEXT,
     .offset = offsetof(struct config, registry.account),
     .preset = "\"\"",
     .empty_ok = true,
     .number_ok = true,
     .check = config_name_account},
    {.name = "region",
     .kind = CONFIG_TEXT,
     .offset = offsetof(struct config, registry.region),
     .preset = "\"\"",
     .empty_ok = true,
     .check = config_name_region},
    {.name = "host",
     .kind = CONFIG_TEXT,
     .offset = offsetof(struct config, registry.host),
     .preset = "\"\"",
     .empty_ok = true,
     .check = config_name_domain},
};

/* What isn't there is filled in by config_upstreams, from the registry's name. */
static const struct config_key upstream_keys[] = {
    {.name = "registry",
     .kind = CONFIG_TEXT,
     .offset = offsetof(struct config_upstream, registry),
     .required = true,
     .check = config_name_upstream},
    {.name = "aliases",
     .kind = CONFIG_TEXTS,
     .offset = offsetof(struct config_upstream, aliases),
     .count_offset = offsetof(struct config_upstream, n_aliases),
     .most = ALIASES_MAX,
     .check = config_name_upstream},
    {.name = "url",
     .kind = CONFIG_TEXT,
     .offset = offsetof(struct config_upstream, url),
     .check = config_name_url},
    {.name = "prefix",
     .kind = CONFIG_TEXT,
     .offset = offsetof(struct config_upstream, prefix),
     .check = ecr_name_prefix},
    {.name = "secret",
     .kind = CONFIG_TEXT,
     .offset = offsetof(struct config_upstream, secret),
     .empty_ok = true,
     .secret = true,
     .check = ecr_name_secret},
    {.name = "enabled",
     .kind = CONFIG_BOOL,
     .offset = offsetof(struct config_upstream, enabled),
     .preset = "true"},
};

static const struct config_key pod_keys[] = {
    {.name = "label",
     .kind = CONFIG_TEXT,
     .offset = offsetof(struct config_pod_label, label),
     .required = true,
     .check = kube_name_label},
    {.name = "value",
     .kind = CONFIG_TEXT,
     .offset = offsetof(struct config_pod_label, value),
     .empty_ok = true,
     .check = kube_name_label_value},
};

static const struct config_key rewrite_keys[] = {
    {.name = "digests",
     .kind = CONFIG_CHOICE,
     .offset = offsetof(struct config, rewrite.digests),
     .preset = "skip",
     .words = WORDS("skip", "rewrite"),
     .later = WORDS("cached")},
    {.name = "exclude",
     .kind = CONFIG_TEXTS,
     .offset = offsetof(struct config, rewrite.exclude),
     .count_offset = offsetof(struct config, rewrite.n_exclude),
     .preset = "[auto]",
     .most = PATTERNS_MAX,
     .check = config_name_pattern},
    {.name = "skipPods",
     .kind = CONFIG_RECORDS,
     .offset = offsetof(struct config, rewrite.skip_pods),
     .count_offset = offsetof(struct config, rewrite.n_skip_pods),
     .preset = "[{label: cnpg.io/cluster}, {label: application, value: spilo}]",
     .most = CONFIG_SKIP_PODS_MAX,
     .record_bytes = sizeof(struct config_pod_label),
     .mapping = MAPPING(pod_keys)},
    {.name = "skipNamespaces",
     .kind = CONFIG_TEXTS,
     .offset = offsetof(struct config, rewrite.skip_namespaces),
     .count_offset = offsetof(struct config, rewrite.n_skip_namespaces),
     .preset = "[kube-system, kube-public, kube-node-lease]",
     .most = NAMESPACES_MAX,
     .check = kube_name_namespace},
    {.name = "requireRule",
     .kind = CONFIG_BOOL,
     .offset = offsetof(struct config, rewrite.require_rule),
     .preset = "true"},
    {.name = "recordOriginals",
     .kind = CONFIG_BOOL,
     .offset = offsetof(struct config, rewrite.record_originals),
     .preset = "true"},
    {.name = "warnings",
     .kind = CONFIG_BOOL,
     .offset = offsetof(struct config, rewrite.warnings),
     .preset = "false"},
};

static const struct config_key lifecycle_keys[] = {
    {.name = "untaggedDays",
     .kind = CONFIG_COUNT,
     .offset = offsetof(struct config, reconcile.template.untagged_days),
     .preset = "0",
     .most = LIFECYCLE_DAYS_MAX},
    {.name = "keepLast",
     .kind = CONFIG_COUNT,
     .offset = offsetof(struct config, reconcile.template.keep_last),
     .preset = "0",
     .most = LIFECYCLE_IMAGES_MAX},
};

static const struct config_key template_keys[] = {
    {.name = "manage",
     .kind = CONFIG_BOOL,
     .offset = offsetof(struct config, reconcile.template.manage),
     .preset = "true"},
    {.name = "lifecycle", .mapping = MAPPING(lifecycle_keys)},
    {.name = "repositoryPolicy",
     .kind = CONFIG_TEXT,
     .offset = offsetof(struct config, reconcile.template.repository_policy),
     .preset = "\"\"",
     .empty_ok = true,
     .lines_ok = true,
     .check = config_name_policy},
};

static const struct config_key reconcile_keys[] = {
    {.name = "mode",
     .kind = CONFIG_CHOICE,
     .offset = offsetof(struct config, reconcile.mode),
     .preset = "manage",
     .words = WORDS("manage", "observe", "off")},
    {.name = "interval",
     .kind = CONFIG_DURATION,
     .offset = offsetof(struct config, reconcile.interval_ms),
     .preset = "10m",
     .least = INTERVAL_LEAST_MS,
     .most = INTERVAL_MOST_MS},
    {.name = "validate",
     .kind = CONFIG_DURATION,
     .offset = offsetof(struct config, reconcile.validate_ms),
     .preset = "6h",
     .most = VALIDATE_MOST_MS},
    {.name = "readSecrets",
     .kind = CONFIG_BOOL,
     .offset = offsetof(struct config, reconcile.read_secrets),
     .preset = "false"},
    {.name = "template", .mapping = MAPPING(template_keys)},
    {.name = "scanning",
     .kind = CONFIG_CHOICE,
     .offset = offsetof(struct config, reconcile.scanning),
     .preset = "leave",
     .words = WORDS("leave", "enhanced")},
};

/* What a URL may be depends on the other keys: config.c. */
static const struct config_key endpoint_keys[] = {
    {.name = "ecr",
     .kind = CONFIG_TEXT,
     .offset = offsetof(struct config, aws.endpoint.ecr),
     .preset = "\"\"",
     .empty_ok = true},
    {.name = "sts",
     .kind = CONFIG_TEXT,
     .offset = offsetof(struct config, aws.endpoint.sts),
     .preset = "\"\"",
     .empty_ok = true},
    {.name = "secretsmanager",
     .kind = CONFIG_TEXT,
     .offset = offsetof(struct config, aws.endpoint.secretsmanager),
     .preset = "\"\"",
     .empty_ok = true},
};

static const struct config_key aws_keys[] = {
    {.name = "endpoint", .mapping = MAPPING(endpoint_keys)},
    {.name = "fips",
     .kind = CONFIG_BOOL,
     .offset = offsetof(struct config, aws.fips),
     .preset = "false"},
    {.name = "dualStack",
     .kind = CONFIG_BOOL,
     .offset = offsetof(struct config, aws.dual_stack),
     .preset = "false"},
    {.name = "caFile",
     .kind = CONFIG_TEXT,
     .offset = offsetof(struct config, aws.ca_file),
     .preset = "\"\"",
     .empty_ok = true,
     .check = config_name_path},
};

static const struct config_key listen_keys[] = {
    {.name = "webhook",
     .kind = CONFIG_TEXT,
     .offset = offsetof(struct config, listen.webhook),
     .preset = "\"[::]:8443\"",
     .check = config_name_listen},
    {.name = "status",
     .kind = CONFIG_TEXT,
     .offset = offsetof(struct config, listen.status),
     .preset = "\"[::]:8080\"",
     .check = config_name_listen},
};

static const struct config_key tls_keys[] = {
    {.name = "mode",
     .kind = CONFIG_CHOICE,
     .offset = CONFIG_NOWHERE,
     .preset = "files",
     .words = WORDS("files"),
     .later = WORDS("self")},
    {.name = "certFile",
     .kind = CONFIG_TEXT,
     .offset = offsetof(struct config, tls.cert_file),
     .preset = "\"\"",
     .empty_ok = true,
     .check = config_name_path},
    {.name = "keyFile",
     .kind = CONFIG_TEXT,
     .offset = offsetof(struct config, tls.key_file),
     .preset = "\"\"",
     .empty_ok = true,
     .check = config_name_path},
    {.name = "clientCAFile",
     .kind = CONFIG_TEXT,
     .offset = offsetof(struct config, tls.client_ca_file),
     .preset = "\"\"",
     .empty_ok = true,
     .check = config_name_path},
};

static const struct config_key server_keys[] = {
    {.name = "threads",
     .kind = CONFIG_COUNT,
     .offset = offsetof(struct config, server.threads),
     .preset = "0",
     .most = THREADS_MAX},
    {.name = "maxConnections",
     .kind = CONFIG_COUNT,
     .offset = offsetof(struct config, server.max_connections),
     .preset = "4096",
     .least = 1,
     .most = CONNECTIONS_MAX},
    {.name = "maxBody",
     .kind = CONFIG_SIZE,
     .offset = offsetof(struct config, server.max_body_bytes),
     .preset = "8MiB",
     .least = BODY_LEAST,
     .most = BODY_MOST},
    {.name = "drain",
     .kind = CONFIG_DURATION,
     .offset = offsetof(struct config, server.drain_ms),
     .preset = "15s",
     .most = DRAIN_MOST_MS},
};

static const struct config_key log_keys[] = {
    {.name = "level",
     .kind = CONFIG_CHOICE,
     .offset = offsetof(struct config, log.level),
     .preset = "info",
     .words = WORDS("debug", "info", "warn", "error")},
    {.name = "format",
     .kind = CONFIG_CHOICE,
     .offset = offsetof(struct config, log.format),
     .preset = "auto",
     .words = WORDS("auto", "json", "text")},
};

static const struct config_key root_keys[] = {
    {.name = "registry", .mapping = MAPPING(registry_keys)},
    {.name = "upstreams",
     .kind = CONFIG_RECORDS,
     .offset = offsetof(struct config, upstreams),
     .count_offset = offsetof(struct config, n_upstreams),
     .preset = "[{registry: docker.io}, {registry: ghcr.io}, {registry: registry.k8s.io},"
               " {registry: quay.io}]",
     .most = CONFIG_UPSTREAMS_MAX,
     .record_bytes = sizeof(struct config_upstream),
     .mapping = MAPPING(upstream_keys)},
    {.name = "rewrite", .mapping = MAPPING(rewrite_keys)},
    {.name = "reconcile", .mapping = MAPPING(reconcile_keys)},
    {.name = "aws", .mapping = MAPPING(aws_keys)},
    {.name = "listen", .mapping = MAPPING(listen_keys)},
    {.name = "tls", .mapping = MAPPING(tls_keys)},
    {.name = "server", .mapping = MAPPING(server_keys)},
    {.name = "log", .mapping = MAPPING(log_keys)},
};

const struct config_mapping config_schema = {
    .keys = root_keys,
    .n_keys = sizeof(root_keys) / sizeof(root_keys[0]),
};
