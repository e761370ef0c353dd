#include "kube_bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

void kube_bench_write(const struct kube_bench *bench, const char *name, const char *text)
{
    char path[128];
    FILE *out;

    (void)snprintf(path, sizeof(path), "%s/%s", bench->folder, name);
    out = fopen(path, "wb");
    assert_non_null(out);
    assert_true(fputs(text, out) >= 0);
    assert_int_equal(fclose(out), 0);
}

void kube_bench_remove(const struct kube_bench *bench, const char *name)
{
    char path[128];

    (void)snprintf(path, sizeof(path), "%s/%s", bench->folder, name);
    (void)unlink(path);
}

int kube_bench_set_up(void **state)
{
    struct kube_bench *bench = calloc(1, sizeof(*bench));
    struct kube_client_config config = {.user_agent = "tester/1", .total_ms = 5000};

    assert_non_null(bench);
    (void)snprintf(bench->folder, sizeof(bench->folder), "/tmp/test_kube.XXXXXX");
    assert_non_null(mkdtemp(bench->folder));
    bench->ca = made_certificate_new(
        &(struct certificate_spec){.name = "cluster", .constraints = "critical,CA:TRUE"});
    bench->leaf = made_certificate_new(&(struct certificate_spec){.name = "api",
                                                                  .alternative = "IP:127.0.0.1",
                                                                  .extended = "serverAuth",
                                                                  .issuer = bench->ca});
    kube_bench_write(bench, "ca.crt", bench->ca->pem);
    kube_bench_write(bench, "token", "secret-token\n");
    kube_bench_write(bench, "namespace", "images\n");
    bench->server =
        fake_http_start(fake_script_follow, &bench->script, bench->leaf->pem, bench->leaf->key_pem);
    fake_surroundings_init(&bench->around);
    fake_surroundings_set(&bench->around, "KUBERNETES_SERVICE_HOST", "127.0.0.1");
    fake_surroundings_set_format(&bench->around, "KUBERNETES_SERVICE_PORT", "%u",
                                 fake_http_port(bench->server));
    fake_surroundings_set(&bench->around, "PULLTHROUGH_SERVICE_ACCOUNT", bench->folder);
    fake_surroundings_set(&bench->around, "HTTPS_PROXY", "http://127.0.0.1:9");
    config.environment = bench->around.environment;
    config.timing = bench->around.timing;
    if (kube_client_new(&bench->client, &config, &bench->error))
        fail_msg("%s", bench->error.text);
    *state = bench;
    return 0;
}

int kube_bench_tear_down(void **state)
{
    struct kube_bench *bench = *state;

    kube_client_free(bench->client);
    fake_http_stop(bench->server);
    made_certificate_free(bench->leaf);
    made_certificate_free(bench->ca);
    fake_surroundings_fini(&bench->around);
    kube_bench_remove(bench, "ca.crt");
    kube_bench_remove(bench, "token");
    kube_bench_remove(bench, "namespace");
    (void)rmdir(bench->folder);
    free(bench);
    return 0;
}

void kube_bench_asked(const struct kube_bench *bench, size_t i, const char *line, const char *type)
{
    char value[200];

    assert_true(i < bench->script.n_requests);
    assert_true(slice_starts_with(slice_str(bench->script.requests[i].head), slice_str(line)));
    fake_script_header(&bench->script, i, "Content-Type", value, sizeof(value));
    assert_string_equal(value, type);
    fake_script_header(&bench->script, i, "Accept", value, sizeof(value));
    assert_string_equal(value, "application/json");
}
