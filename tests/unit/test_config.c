/* The cases are tables in tests/fixtures/config: accepted.txt, what is printed where it differs
 * from defaults.yaml, and refused.txt, the errors. */
#include "pullthrough/core/base/alloc.h"
#include "pullthrough/core/config/config.h"

#include "fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <pthread.h>

static void assert_lists_equal(char **a, size_t n_a, char **b, size_t n_b)
{
    assert_int_equal(n_a, n_b);
    for (size_t i = 0; i < n_a; i++)
        assert_string_equal(a[i], b[i]);
}

static void assert_upstreams_equal(const struct config *a, const struct config *b)
{
    assert_int_equal(a->n_upstreams, b->n_upstreams);
    for (size_t i = 0; i < a->n_upstreams; i++) {
        const struct config_upstream *x = &a->upstreams[i], *y = &b->upstreams[i];

        assert_string_equal(x->registry, y->registry);
        assert_lists_equal(x->aliases, x->n_aliases, y->aliases, y->n_aliases);
        assert_string_equal(x->url, y->url);
        assert_string_equal(x->prefix, y->prefix);
        assert_string_equal(x->secret, y->secret);
        assert_int_equal(x->enabled, y->enabled);
    }
}

static void assert_rewrite_equal(const struct config_rewrite *a, const struct config_rewrite *b)
{
    assert_int_equal(a->when, b->when);
    assert_int_equal(a->digests, b->digests);
    assert_lists_equal(a->exclude_tags, a->n_exclude_tags, b->exclude_tags, b->n_exclude_tags);
    assert_lists_equal(a->exclude, a->n_exclude, b->exclude, b->n_exclude);
    assert_lists_equal(a->skip_namespaces, a->n_skip_namespaces, b->skip_namespaces,
                       b->n_skip_namespaces);
    assert_int_equal(a->n_skip_pods, b->n_skip_pods);
    for (size_t i = 0; i < a->n_skip_pods; i++) {
        assert_string_equal(a->skip_pods[i].label, b->skip_pods[i].label);
        assert_int_equal(!a->skip_pods[i].value, !b->skip_pods[i].value);
        if (a->skip_pods[i].value)
            assert_string_equal(a->skip_pods[i].value, b->skip_pods[i].value);
    }
    assert_int_equal(a->exclude_defaults, b->exclude_defaults);
    assert_int_equal(a->skip_pods_defaults, b->skip_pods_defaults);
    assert_int_equal(a->pull_secrets, b->pull_secrets);
    assert_int_equal(a->kinds, b->kinds);
    assert_int_equal(a->require_rule, b->require_rule);
    assert_int_equal(a->record_originals, b->record_originals);
    assert_int_equal(a->warnings, b->warnings);
}

static void assert_reconcile_equal(const struct config *a, const struct config *b)
{
    const struct config_template *x = &a->reconcile.template, *y = &b->reconcile.template;

    assert_int_equal(a->reconcile.mode, b->reconcile.mode);
    assert_int_equal(a->reconcile.interval_ms, b->reconcile.interval_ms);
    assert_int_equal(a->reconcile.validate_ms, b->reconcile.validate_ms);
    assert_int_equal(a->reconcile.read_secrets, b->reconcile.read_secrets);
    assert_int_equal(a->reconcile.scanning, b->reconcile.scanning);
    assert_int_equal(x->manage, y->manage);
    assert_int_equal(x->untagged_days, y->untagged_days);
    assert_int_equal(x->keep_last, y->keep_last);
    assert_string_equal(x->repository_policy, y->repository_policy);
    assert_string_equal(a->aws.endpoint.ecr, b->aws.endpoint.ecr);
    assert_string_equal(a->aws.endpoint.sts, b->aws.endpoint.sts);
    assert_string_equal(a->aws.endpoint.secretsmanager, b->aws.endpoint.secretsmanager);
    assert_int_equal(a->aws.fips, b->aws.fips);
    assert_int_equal(a->aws.dual_stack, b->aws.dual_stack);
    assert_string_equal(a->aws.ca_file, b->aws.ca_file);
}

/* By hand, member by member, so that the table of keys is not asked about itself. */
static void assert_configs_equal(const struct config *a, const struct config *b)
{
    assert_string_equal(a->registry.account, b->registry.account);
    assert_string_equal(a->registry.region, b->registry.region);
    assert_string_equal(a->registry.host, b->registry.host);
    assert_upstreams_equal(a, b);
    assert_rewrite_equal(&a->rewrite, &b->rewrite);
    assert_reconcile_equal(a, b);
    assert_int_equal(a->fallback.to, b->fallback.to);
    assert_int_equal(a->fallback.probe.interval_ms, b->fallback.probe.interval_ms);
    assert_int_equal(a->fallback.probe.timeout_ms, b->fallback.probe.timeout_ms);
    assert_int_equal(a->fallback.watch, b->fallback.watch);
    assert_int_equal(a->fallback.remember_ms, b->fallback.remember_ms);
    assert_int_equal(a->fallback.heal, b->fallback.heal);
    assert_int_equal(a->import.n_per_hour, b->import.n_per_hour);
    for (size_t i = 0; i < a->import.n_per_hour; i++) {
        assert_string_equal(a->import.per_hour[i].name, b->import.per_hour[i].name);
        assert_int_equal(a->import.per_hour[i].number, b->import.per_hour[i].number);
    }
    assert_int_equal(a->import.recheck_ms, b->import.recheck_ms);
    assert_string_equal(a->listen.webhook, b->listen.webhook);
    assert_string_equal(a->listen.status, b->listen.status);
    assert_int_equal(a->tls.mode, b->tls.mode);
    assert_string_equal(a->tls.secret_name, b->tls.secret_name);
    assert_string_equal(a->tls.service_name, b->tls.service_name);
    assert_string_equal(a->tls.webhook_name, b->tls.webhook_name);
    assert_string_equal(a->tls.cert_file, b->tls.cert_file);
    assert_string_equal(a->tls.key_file, b->tls.key_file);
    assert_string_equal(a->tls.client_ca_file, b->tls.client_ca_file);
    assert_int_equal(a->server.threads, b->server.threads);
    assert_int_equal(a->server.max_connections, b->server.max_connections);
    assert_int_equal(a->server.max_body_bytes, b->server.max_body_bytes);
    assert_int_equal(a->server.request_memory_bytes, b->server.request_memory_bytes);
    assert_int_equal(a->server.drain_ms, b->server.drain_ms);
    assert_int_equal(a->status.details, b->status.details);
    assert_int_equal(a->log.level, b->log.level);
    assert_int_equal(a->log.format, b->log.format);
}

static const struct config *parse(struct slice text)
{
    const struct config *config = NULL;
    struct error error = {""};

    if (config_parse(&config, text, &error))
        fail_msg("%s\n%.*s", error.text, SLICE_FMT(text));
    return config;
}

/* Print, parse, print: nothing changes. */
static void assert_survives_printing(const struct config *config)
{
    STRBUF_CLEANUP struct strbuf first = STRBUF_INIT(CONFIG_TEXT_MAX);
    STRBUF_CLEANUP struct strbuf second = STRBUF_INIT(CONFIG_TEXT_MAX);
    CONFIG_CLEANUP const struct config *again = NULL;

    config_print(config, &first);
    assert_false(strbuf_overflowed(&first));
    again = parse(strbuf_slice(&first));
    assert_configs_equal(config, again);
    config_print(again, &second);
    assert_string_equal(strbuf_str(&first), strbuf_str(&second));
}

/* Cuts the first line, with its newline, from `text`. */
static struct slice take_line(struct slice *text)
{
    size_t end = slice_find(*text, '\n');
    struct slice line = slice_of(text->ptr, end + (end < text->len));

    *text = slice_from(*text, line.len);
    return line;
}

static size_t depth_of(struct slice line)
{
    size_t depth = 0;

    while (depth < line.len && line.ptr[depth] == ' ')
        depth++;
    return depth;
}

/* Cuts the first line and those below it that are deeper: one key, or one item of a list. */
static struct slice take_entry(struct slice *text)
{
    const char *start = text->ptr;
    size_t depth = depth_of(take_line(text));

    while (text->len && depth_of(*text) > depth)
        (void)take_line(text);
    return slice_of(start, (size_t)(text->ptr - start));
}

static bool is_item(struct slice entry)
{
    return slice_starts_with(slice_from(entry, depth_of(entry)), slice_str("- "));
}

/* Of `base` the same key, or the item of the same first line, or else the last item. */
static struct slice entry_like(struct slice base, struct slice entry)
{
    struct slice copy = entry, first = take_line(&copy), last = {0};

    if (!is_item(entry))
        first.len = slice_find(first, ':') + 1;
    while (base.len) {
        last = take_entry(&base);
        if (slice_starts_with(last, first))
            return last;
    }
    return is_item(entry) ? last : (struct slice){0};
}

/* The keys of `got` whose values aren't those of `base`, and those that are gone; of each list
 * that differs all items, by their first lines. */
static void add_difference(struct strbuf *out, struct slice got, struct slice base)
{
    for (struct slice rest = base; rest.len;) {
        struct slice old = take_entry(&rest);

        if (!is_item(old) && got.len && !entry_like(got, old).len)
            strbuf_add_format(out, "%*s# without %.*s", (int)depth_of(old), "",
                              SLICE_FMT(slice_from(old, depth_of(old))));
    }
    while (got.len) {
        struct slice entry = take_entry(&got), old = entry_like(base, entry);

        if (!is_item(entry) && slice_equal(entry, old))
            continue;
        strbuf_add_slice(out, take_line(&entry));
        if (old.len)
            (void)take_line(&old);
        add_difference(out, entry, old);
    }
}

/* What becomes of a configuration: an error, or how it differs from the defaults. */
static void add_outcome(struct strbuf *out, struct slice text, const struct strbuf *defaults)
{
    STRBUF_CLEANUP struct strbuf printed = STRBUF_INIT(CONFIG_TEXT_MAX);
    CONFIG_CLEANUP const struct config *config = NULL;
    CONFIG_CLEANUP const struct config *again = NULL;
    struct error error = {""};
    int rc = config_parse(&config, text, &error);

    if (rc == 0) {
        assert_survives_printing(config);
        config_print(config, &printed);
        again = parse(strbuf_slice(&printed));
        assert_string_equal(config->hash, again->hash);
        add_difference(out, strbuf_slice(&printed), strbuf_slice(defaults));
    } else {
        assert_int_equal(rc, -1);
        assert_null(config);
        strbuf_add_format(out, "%s\n", error.text);
    }
}

static void read_defaults(struct strbuf *defaults)
{
    CONFIG_CLEANUP const struct config *config = parse(slice_of(NULL, 0));

    config_print(config, defaults);
    assert_true(fixture_says(strbuf_slice(defaults), "config/defaults.yaml"));
}

/* Cuts lines up to one that is just `end`, which is cut, too. */
static struct slice take_until(struct slice *text, const char *end)
{
    const char *start = text->ptr;
    size_t len = 0;

    while (text->len) {
        struct slice line = take_line(text);

        if (slice_is(line, end))
            break;
        len += line.len;
    }
    return slice_of(start, len);
}

/* A case is "== NAME", the text, "--", what becomes of it, and an empty line. */
static void check_table(const char *name, size_t fewest)
{
    STRBUF_CLEANUP struct strbuf table = STRBUF_INIT(CONFIG_TEXT_MAX);
    STRBUF_CLEANUP struct strbuf now = STRBUF_INIT(CONFIG_TEXT_MAX);
    STRBUF_CLEANUP struct strbuf defaults = STRBUF_INIT(CONFIG_TEXT_MAX);
    size_t cases = 0, failed = 0;
    struct slice rest;

    read_defaults(&defaults);
    assert_true(fixture_read(&table, "config/%s", name));
    rest = strbuf_slice(&table);
    strbuf_add_slice(&now, take_until(&rest, "\n"));
    for (; rest.len; cases++) {
        struct slice title = take_line(&rest), text = take_until(&rest, "--\n");
        struct slice want = take_until(&rest, "\n");
        size_t start;

        if (!slice_starts_with(title, slice_str("== ")))
            fail_msg("%s: \"%.*s\" is not a title", name, SLICE_FMT(title));
        strbuf_add_format(&now, "\n%.*s", SLICE_FMT(title));
        strbuf_add_slice(&now, text);
        strbuf_add_str(&now, "--\n");
        start = now.len;
        add_outcome(&now, text, &defaults);
        if (slice_equal(want, slice_from(strbuf_slice(&now), start)))
            continue;
        failed++;
        print_error("%s %.*sgot:\n%swant:\n%.*s", name, SLICE_FMT(title), now.ptr + start,
                    SLICE_FMT(want));
    }
    assert_true(failed == 0 ||
                (fixtures_are_written() && fixture_says(strbuf_slice(&now), "config/%s", name)));
    assert_true(cases >= fewest);
}

static void test_accepted(void **state)
{
    (void)state;
    check_table("accepted.txt", 112);
}

static void test_refused(void **state)
{
    (void)state;
    check_table("refused.txt", 255);
}

/* What a table wouldn't show. */
static void test_bytes_that_are_not_seen(void **state)
{
    static const char *const rows[][2] = {
        {"", ""},
        {"\xef\xbb\xbfserver:\n  threads: 3\n", "server:\n  threads: 3\n"},
        {"server:\r\n  threads: 3\r\nlog:\r\n  level: warn\r\n",
         "server:\n  threads: 3\nlog:\n  level: warn\n"},
        {"log: {level: error}", "log:\n  level: error\n"},
        {"log: {level: \"\xff\"}\n", "1:15: a byte that is not UTF-8\n"},
    };
    STRBUF_CLEANUP struct strbuf defaults = STRBUF_INIT(CONFIG_TEXT_MAX);

    (void)state;
    read_defaults(&defaults);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        STRBUF_CLEANUP struct strbuf got = STRBUF_INIT(CONFIG_TEXT_MAX);

        add_outcome(&got, slice_str(rows[i][0]), &defaults);
        assert_string_equal(strbuf_str(&got), rows[i][1]);
    }
}

static void test_defaults_are_those_of_the_design(void **state)
{
    static const struct {
        const char *registry, *aliases[3], *url, *prefix, *secret;
    } want[] = {
        {"docker.io",
         {"registry-1.docker.io", "registry.hub.docker.com"},
         "registry-1.docker.io",
         "dockercache",
         "ecr-pullthroughcache/dockerio"},
        {"ghcr.io", {NULL}, "ghcr.io", "ghcrcache", "ecr-pullthroughcache/ghcr"},
        {"registry.k8s.io", {"k8s.gcr.io"}, "registry.k8s.io", "k8scache", ""},
        {"quay.io", {NULL}, "quay.io", "quaycache", ""},
    };
    CONFIG_CLEANUP const struct config *config = parse(slice_of(NULL, 0));

    (void)state;
    assert_int_equal(config->n_upstreams, 4);
    for (size_t i = 0; i < config->n_upstreams; i++) {
        const struct config_upstream *upstream = &config->upstreams[i];

        assert_string_equal(upstream->registry, want[i].registry);
        for (size_t j = 0; j < upstream->n_aliases; j++)
            assert_string_equal(upstream->aliases[j], want[i].aliases[j]);
        assert_null(want[i].aliases[upstream->n_aliases]);
        assert_string_equal(upstream->url, want[i].url);
        assert_string_equal(upstream->prefix, want[i].prefix);
        assert_string_equal(upstream->secret, want[i].secret);
        assert_true(upstream->enabled);
    }
    assert_int_equal(config->rewrite.when, CONFIG_WHEN_ALWAYS);
    assert_int_equal(config->rewrite.digests, CONFIG_DIGESTS_SKIP);
    assert_int_equal(config->rewrite.n_exclude_tags, 0);
    assert_int_equal(config->rewrite.n_skip_pods, 5);
    assert_null(config->rewrite.skip_pods[0].value);
    assert_string_equal(config->rewrite.skip_pods[2].value, "spilo");
    assert_true(config->rewrite.exclude_defaults);
    assert_true(config->rewrite.skip_pods_defaults);
    assert_int_equal(config->rewrite.pull_secrets, CONFIG_PULL_SECRETS_REWRITE);
    assert_int_equal(config->rewrite.kinds, CONFIG_KINDS_KNOWN);
    assert_true(config->rewrite.record_originals);
    assert_true(config->rewrite.require_rule);
    assert_int_equal(config->reconcile.mode, CONFIG_RECONCILE_MANAGE);
    assert_int_equal(config->reconcile.interval_ms, 10 * 60 * 1000);
    assert_int_equal(config->reconcile.validate_ms, 6 * 60 * 60 * 1000);
    assert_true(config->reconcile.template.manage);
    assert_false(config->reconcile.read_secrets);
    assert_int_equal(config->reconcile.scanning, CONFIG_SCANNING_LEAVE);
    assert_int_equal(config->server.max_body_bytes, 8 * 1024 * 1024);
    assert_int_equal(config->server.request_memory_bytes, 0);
    assert_int_equal(config->server.drain_ms, 15000);
    assert_int_equal(config->fallback.to, CONFIG_FALLBACK_UPSTREAM);
    assert_int_equal(config->fallback.probe.interval_ms, 10000);
    assert_int_equal(config->fallback.probe.timeout_ms, 2000);
    assert_true(config->fallback.watch);
    assert_int_equal(config->fallback.remember_ms, 15 * 60 * 1000);
    assert_false(config->fallback.heal);
    assert_int_equal(config->import.n_per_hour, 4);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(config->import.per_hour[i].number, i ? 600 : 40);
    assert_int_equal(config->import.recheck_ms, 15 * 60 * 1000);
    assert_false(config->status.details);
    assert_int_equal(config->log.level, CONFIG_LOG_INFO);
    assert_int_equal(config->log.format, CONFIG_LOG_AUTO);
}

static void test_enums_take_their_words(void **state)
{
    static const struct {
        const char *text;
        int level, format, digests;
    } rows[] = {
        {"log: {level: debug, format: auto}", CONFIG_LOG_DEBUG, CONFIG_LOG_AUTO, 0},
        {"log: {level: info, format: json}", CONFIG_LOG_INFO, CONFIG_LOG_JSON, 0},
        {"log: {level: warn, format: text}", CONFIG_LOG_WARN, CONFIG_LOG_TEXT, 0},
        {"log: {level: error, format: json}", CONFIG_LOG_ERROR, CONFIG_LOG_JSON, 0},
        {"log: {format: json}\nrewrite: {digests: rewrite}", CONFIG_LOG_INFO, CONFIG_LOG_JSON,
         CONFIG_DIGESTS_REWRITE},
        {"log: {format: json}\nrewrite: {digests: skip}", CONFIG_LOG_INFO, CONFIG_LOG_JSON,
         CONFIG_DIGESTS_SKIP},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        CONFIG_CLEANUP const struct config *config = parse(slice_str(rows[i].text));

        assert_int_equal(config->log.level, rows[i].level);
        assert_int_equal(config->log.format, rows[i].format);
        assert_int_equal(config->rewrite.digests, rows[i].digests);
    }
}

static void test_cached_means_digests_too(void **state)
{
    static const struct {
        const char *text;
        enum config_digests digests;
        bool cached;
    } rows[] = {
        {"rewrite: {when: always}", CONFIG_DIGESTS_SKIP, false},
        {"rewrite: {digests: cached}", CONFIG_DIGESTS_CACHED, true},
        {"rewrite: {when: cached}", CONFIG_DIGESTS_CACHED, true},
        {"rewrite: {when: cached, digests: null}", CONFIG_DIGESTS_CACHED, true},
        {"rewrite: {digests: skip, when: cached}", CONFIG_DIGESTS_SKIP, true},
        {"rewrite: {when: cached, digests: rewrite}", CONFIG_DIGESTS_REWRITE, true},
        {"rewrite: {when: cached, digests: cached}", CONFIG_DIGESTS_CACHED, true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        CONFIG_CLEANUP const struct config *config = parse(slice_str(rows[i].text));

        assert_int_equal(config->rewrite.digests, rows[i].digests);
        assert_int_equal(config_is_cached(config), rows[i].cached);
        assert_survives_printing(config);
    }
}

static void assert_refused(struct slice text, const char *want)
{
    const struct config *config = NULL;
    struct error error = {""};

    assert_int_equal(config_parse(&config, text, &error), -1);
    assert_null(config);
    assert_string_equal(error.text, want);
}

static void test_size_and_nodes_are_limited(void **state)
{
    STRBUF_CLEANUP struct strbuf text = STRBUF_INIT(2 * CONFIG_TEXT_MAX);

    (void)state;
    strbuf_add_str(&text, "log: {level: info}\n#");
    while (text.len < CONFIG_TEXT_MAX)
        strbuf_add_char(&text, 'x');
    config_unref(parse(strbuf_slice(&text)));
    strbuf_add_char(&text, 'x');
    assert_refused(strbuf_slice(&text), "1:1: more than 1048576 bytes");

    strbuf_clear(&text);
    strbuf_add_str(&text, "rewrite:\n exclude:\n");
    for (size_t i = 0; i < 20000; i++)
        strbuf_add_str(&text, " - a\n");
    assert_refused(strbuf_slice(&text), "19998:4: more than 20000 nodes");
}

static void test_a_null_error_is_allowed(void **state)
{
    const struct config *config = NULL;

    (void)state;
    assert_int_equal(config_parse(&config, slice_str("log: 1"), NULL), -1);
    assert_int_equal(config_parse(&config, slice_str("log: ["), NULL), -1);
    assert_null(config);
    config_unref(NULL);
}

static void test_hash_is_of_the_values(void **state)
{
    CONFIG_CLEANUP const struct config *plain = parse(slice_str(""));
    CONFIG_CLEANUP const struct config *written =
        parse(slice_str("{server: {drain: 15000ms}} # same"));
    CONFIG_CLEANUP const struct config *other = parse(slice_str("server: {drain: 14s}"));
    STRBUF_CLEANUP struct strbuf text = STRBUF_INIT(CONFIG_TEXT_MAX);
    unsigned char digest[32];
    char digits[12 + 1];

    (void)state;
    assert_string_equal(plain->hash, written->hash);
    assert_string_not_equal(plain->hash, other->hash);
    config_print(plain, &text);
    (void)EVP_Digest(text.ptr, text.len, digest, NULL, EVP_sha256(), NULL);
    for (int i = 0; i < 6; i++)
        (void)snprintf(digits + 2 * i, 3, "%02x", digest[i]);
    assert_string_equal(plain->hash, digits);
}

static void collect_key(void *context, const char *path)
{
    strbuf_add_format(context, "%s ", path);
}

static void test_keys_that_wait_for_a_restart(void **state)
{
    static const char others[] =
        "registry: {region: eu-west-1}\nupstreams: [{registry: quay.io}]\n"
        "rewrite: {warnings: true}\nreconcile: {interval: 1h}\naws: {fips: true}\n"
        "tls: {secretName: other}\nstatus: {details: true}\nlog: {level: warn}\n";
    static const char all[] =
        "listen: {webhook: \":1\", status: \":2\"}\nlog: {format: text, level: warn}\n"
        "server: {threads: 3, maxConnections: 7, maxBody: 1MiB, requestMemory: 64MiB, drain: 7s}\n";
    static const struct {
        const char *started, *now, *want;
    } rows[] = {
        {"", "", ""},
        {"", others, ""},
        {"server: {drain: 90s, maxBody: 1MiB}", "server: {drain: 1m30s, maxBody: 1024KiB}", ""},
        {"log: {format: json}", "", "log.format "},
        {"", "server: {drain: 15001ms}", "server.drain "},
        {"", all,
         "listen.webhook listen.status server.threads server.maxConnections server.maxBody "
         "server.requestMemory server.drain log.format "},
        {all, all, ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        CONFIG_CLEANUP const struct config *started = parse(slice_str(rows[i].started));
        CONFIG_CLEANUP const struct config *now = parse(slice_str(rows[i].now));
        STRBUF_CLEANUP struct strbuf keys = STRBUF_INIT(1000);

        config_restart_keys(started, now, collect_key, &keys);
        assert_string_equal(strbuf_str(&keys), rows[i].want);
    }
}

static void *read_and_let_go(void *context)
{
    const struct config *config = context;
    bool whole = strlen(config->hash) == 12 && strcmp(config->tls.service_name, "pullthrough") == 0;

    config_unref(config);
    return whole ? context : NULL;
}

/* Under ThreadSanitizer and the leak checker: whoever lets go last frees, and nobody before. */
static void test_threads_share_a_configuration(void **state)
{
    const struct config *config = parse(slice_str(""));
    pthread_t threads[4];

    (void)state;
    assert_int_equal(config->references.n, 1);
    assert_ptr_equal(config_ref(config), config);
    assert_int_equal(config->references.n, 2);
    config_unref(config);
    assert_int_equal(config->references.n, 1);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(
            pthread_create(&threads[i], NULL, read_and_let_go, (void *)config_ref(config)), 0);
    config_unref(config);
    for (size_t i = 0; i < 4; i++) {
        void *whole;

        assert_int_equal(pthread_join(threads[i], &whole), 0);
        assert_non_null(whole);
    }
}

/* xorshift64*: the same configurations each time */
static uint64_t next_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 2685821657736338717u;
}

/* Texts that YAML would take for something else, or that need care in quotes. */
static const char *const awkward[] = {
    "null",
    "~",
    "true",
    "Off",
    "y",
    "N",
    "1",
    "0x1F",
    "1e3",
    ".5",
    "-",
    "- a",
    "? a",
    ": a",
    "a: b",
    "a #b",
    "#a",
    "\"",
    "'",
    "\\",
    "%a",
    "@a",
    "`a",
    "!a",
    "&a",
    "*a",
    "|",
    ">",
    "[a]",
    "{a}",
    "a,b",
    " a",
    "a ",
    "2026-01-01",
    "1:30",
    "<<",
    "=",
    "\xc3\xa9",
    "\xe2\x80\xa8",
    "\xc2\x85",
    "\xef\xbb\xbf",
    "\xf0\x9f\x94\x91",
    "\xef\xbf\xbd",
    "C:\\k",
    "---",
    "...",
    "a:",
};

static const char *pick(uint64_t *random)
{
    return awkward[next_random(random) % (sizeof(awkward) / sizeof(awkward[0]))];
}

/* A configuration whose free texts are awkward and whose numbers are any. */
static struct config *random_config(uint64_t *random)
{
    /* nobody else has it yet */
    struct config *config =
        (struct config *)parse(slice_str("rewrite: {exclude: [a, b, c], excludeDefaults: false}\n"
                                         "tls: {mode: files}"));

    alloc_replace(&config->tls.cert_file, pick(random));
    alloc_replace(&config->tls.key_file, pick(random));
    alloc_replace(&config->tls.client_ca_file, pick(random));
    for (size_t i = 0; i < config->rewrite.n_exclude; i++) {
        const char *text = pick(random);

        /* patterns are ASCII without spaces */
        if (!strpbrk(text, " \xc2\xc3\xe2\xef\xf0"))
            alloc_replace(&config->rewrite.exclude[i], text);
    }
    config->rewrite.digests = next_random(random) % 2;
    config->rewrite.warnings = next_random(random) % 2;
    config->upstreams[next_random(random) % 4].enabled = next_random(random) % 2;
    config->rewrite.require_rule = next_random(random) % 2;
    config->reconcile.mode = next_random(random) % 2        ? CONFIG_RECONCILE_OBSERVE
                             : config->rewrite.require_rule ? CONFIG_RECONCILE_MANAGE
                                                            : CONFIG_RECONCILE_OFF;
    config->reconcile.interval_ms = 10000 + next_random(random) % 86390001;
    config->reconcile.validate_ms = next_random(random) % 604800001;
    config->reconcile.template.untagged_days = (unsigned)(next_random(random) % 3651);
    alloc_replace(&config->reconcile.template.repository_policy,
                  next_random(random) % 2 ? "{\"a\":\n\t\"\xc3\xa9 # b: c\"}" : "");
    alloc_replace(&config->aws.ca_file, pick(random));
    config->server.threads = (unsigned)(next_random(random) % 65);
    config->server.max_connections = (unsigned)(1 + next_random(random) % 1000000);
    config->server.max_body_bytes = 65536 + next_random(random) % (1023 * 65536);
    if (next_random(random) % 2)
        config->server.max_body_bytes &= ~(size_t)1023;
    config->server.drain_ms = next_random(random) % 600001;
    config->log.level = (enum config_log_level)(next_random(random) % 4);
    config->log.format = (enum config_log_format)(next_random(random) % 3);
    return config;
}

static void test_printed_configurations_are_read_back(void **state)
{
    uint64_t random = 20261122;

    (void)state;
    for (int i = 0; i < 300; i++) {
        CONFIG_CLEANUP const struct config *config = random_config(&random);

        assert_survives_printing(config);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepted),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_bytes_that_are_not_seen),
        cmocka_unit_test(test_defaults_are_those_of_the_design),
        cmocka_unit_test(test_enums_take_their_words),
        cmocka_unit_test(test_cached_means_digests_too),
        cmocka_unit_test(test_size_and_nodes_are_limited),
        cmocka_unit_test(test_a_null_error_is_allowed),
        cmocka_unit_test(test_hash_is_of_the_values),
        cmocka_unit_test(test_keys_that_wait_for_a_restart),
        cmocka_unit_test(test_threads_share_a_configuration),
        cmocka_unit_test(test_printed_configurations_are_read_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
