#include "pullthrough/edge/aws/aws_credentials.h"

#include "fake_http.h"
#include "fake_surroundings.h"
#include "pullthrough/edge/sys/log.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* STS, a container endpoint and an instance's service in one: by what is asked. */
struct services {
    const char *expires; /* RFC 3339 */
    int status;          /* of all three; 0: as if nobody were there */
    unsigned asked;
    unsigned version; /* part of the keys' id, so that new ones differ */
    char form[2000];  /* the last body that STS got */
    char answer[1000];
};

static void answer_sts(struct services *services, const struct fake_http_request *request)
{
    (void)snprintf(services->form, sizeof(services->form), "%.*s", SLICE_FMT(request->body));
    (void)snprintf(services->answer, sizeof(services->answer),
                   "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult>"
                   "<Credentials><AccessKeyId>STS%u</AccessKeyId><SecretAccessKey>hush"
                   "</SecretAccessKey><SessionToken>hushhush</SessionToken><Expiration>%s"
                   "</Expiration></Credentials></AssumeRoleWithWebIdentityResult>"
                   "</AssumeRoleWithWebIdentityResponse>",
                   services->version, services->expires);
}

static void answer_json(struct services *services, const char *who)
{
    (void)snprintf(services->answer, sizeof(services->answer),
                   "{\"Code\":\"Success\",\"AccessKeyId\":\"%s%u\",\"SecretAccessKey\":\"hush\","
                   "\"Token\":\"hushhush\",\"Expiration\":\"%s\"}",
                   who, services->version, services->expires);
}

static void serve(void *context, const struct fake_http_request *request,
                  struct fake_http_answer *answer)
{
    struct services *services = context;

    services->asked++;
    if (services->status == 0) {
        answer->way = FAKE_HTTP_TRUNCATE;
        return;
    }
    answer->status = services->status;
    if (services->status != 200)
        return;
    if (slice_is(request->target, "/"))
        answer_sts(services, request);
    else if (slice_is(request->target, "/container"))
        answer_json(services, "CONTAINER");
    else if (slice_ends_with(request->target, slice_str("/role")))
        answer_json(services, "INSTANCE");
    else
        (void)snprintf(services->answer, sizeof(services->answer), "role"); /* or a token */
    answer->body = slice_str(services->answer);
}

struct bench {
    struct services services;
    struct fake_http *server;
    struct fake_surroundings fake;
    struct http_client *http;
    struct aws_settings settings;
    struct aws_sender sender;
    struct aws_credentials *credentials;
    struct aws_keys keys;
    struct error error;
    char folder[40], token_file[80], shared_file[80], log_file[80];
};

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static int start(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    char url[100];

    assert_non_null(bench);
    bench->services = (struct services){.expires = "2026-11-21T13:00:00Z", .status = 200};
    bench->server = fake_http_start(serve, &bench->services, NULL, NULL);
    fake_surroundings_init(&bench->fake);
    assert_int_equal(http_client_new(&bench->http, &(struct http_client_config){0}, NULL), 0);
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u", fake_http_port(bench->server));
    (void)snprintf(bench->settings.region, sizeof(bench->settings.region), "us-west-2");
    bench->settings.endpoints[AWS_STS] = strdup(url);
    bench->sender = (struct aws_sender){
        .http = bench->http, .settings = &bench->settings, .timing = &bench->fake.timing};
    bench->credentials = aws_credentials_new(&bench->sender, &bench->fake.environment);
    (void)snprintf(bench->folder, sizeof(bench->folder), "/tmp/test_credentials.XXXXXX");
    assert_non_null(mkdtemp(bench->folder));
    (void)snprintf(bench->token_file, sizeof(bench->token_file), "%s/token", bench->folder);
    (void)snprintf(bench->shared_file, sizeof(bench->shared_file), "%s/shared", bench->folder);
    (void)snprintf(bench->log_file, sizeof(bench->log_file), "%s/log", bench->folder);
    log_setup(open(bench->log_file, O_CREAT | O_RDWR | O_APPEND | O_CLOEXEC, 0600), true);
    *state = bench;
    return 0;
}

static int stop(void **state)
{
    struct bench *bench = *state;

    log_setup(STDERR_FILENO, true);
    aws_credentials_free(bench->credentials);
    aws_settings_fini(&bench->settings);
    http_client_free(bench->http);
    fake_surroundings_fini(&bench->fake);
    fake_http_stop(bench->server);
    (void)unlink(bench->token_file);
    (void)unlink(bench->shared_file);
    (void)unlink(bench->log_file);
    assert_int_equal(rmdir(bench->folder), 0);
    free(bench);
    return 0;
}

/* Lines of the log with this text; none may hold a secret. */
static size_t logged(const struct bench *bench, const char *text)
{
    FILE *file = fopen(bench->log_file, "r");
    char line[2000];
    size_t n = 0;

    assert_non_null(file);
    while (fgets(line, sizeof(line), file)) {
        assert_null(strstr(line, "hush"));
        n += strstr(line, text) ? 1 : 0;
    }
    assert_int_equal(fclose(file), 0);
    return n;
}

static void set_instance(struct bench *bench)
{
    fake_surroundings_set_format(&bench->fake, "AWS_EC2_METADATA_SERVICE_ENDPOINT",
                                 "http://127.0.0.1:%u", fake_http_port(bench->server));
}

static void set_container(struct bench *bench)
{
    fake_surroundings_set_format(&bench->fake, "AWS_CONTAINER_CREDENTIALS_FULL_URI",
                                 "http://127.0.0.1:%u/container", fake_http_port(bench->server));
}

static void set_files(struct bench *bench)
{
    write_file(bench->shared_file,
               "[default]\naws_access_key_id = FILE\naws_secret_access_key = hush\n");
    fake_surroundings_set(&bench->fake, "AWS_SHARED_CREDENTIALS_FILE", bench->shared_file);
}

static void set_web_identity(struct bench *bench)
{
    write_file(bench->token_file, "hush.jwt\n");
    fake_surroundings_set(&bench->fake, "AWS_ROLE_ARN", "arn:aws:iam::111122223333:role/r");
    fake_surroundings_set(&bench->fake, "AWS_WEB_IDENTITY_TOKEN_FILE", bench->token_file);
}

static void set_variables(struct bench *bench)
{
    fake_surroundings_set(&bench->fake, "AWS_ACCESS_KEY_ID", "VARIABLE");
    fake_surroundings_set(&bench->fake, "AWS_SECRET_ACCESS_KEY", "hush");
    fake_surroundings_set(&bench->fake, "AWS_SESSION_TOKEN", "hushhush");
    fake_surroundings_set(&bench->fake, "AWS_ACCOUNT_ID", "111122223333");
}

static void check(struct bench *bench, enum aws_source source, const char *id)
{
    if (aws_credentials_get(bench->credentials, &bench->keys, &bench->error) < 0)
        fail_msg("%s", bench->error.text);
    assert_string_equal(bench->keys.id, id);
    assert_string_equal(bench->keys.secret, "hush");
    assert_int_equal(aws_credentials_source(bench->credentials), source);
}

static void begin_anew(struct bench *bench)
{
    aws_credentials_free(bench->credentials);
    bench->credentials = aws_credentials_new(&bench->sender, &bench->fake.environment);
}

static void test_the_order(void **state)
{
    struct bench *bench = *state;

    assert_int_equal(aws_credentials_source(bench->credentials), AWS_SOURCE_NONE);
    set_instance(bench);
    check(bench, AWS_SOURCE_INSTANCE, "INSTANCE0");
    begin_anew(bench);
    set_container(bench);
    check(bench, AWS_SOURCE_CONTAINER, "CONTAINER0");
    begin_anew(bench);
    set_files(bench);
    check(bench, AWS_SOURCE_FILES, "FILE");
    begin_anew(bench);
    set_web_identity(bench);
    check(bench, AWS_SOURCE_WEB_IDENTITY, "STS0");
    begin_anew(bench);
    set_variables(bench);
    check(bench, AWS_SOURCE_ENVIRONMENT, "VARIABLE");
    assert_string_equal(bench->keys.token, "hushhush");
    assert_string_equal(bench->keys.account, "111122223333");
    assert_int_equal(logged(bench, "AWS credentials found"), 5);
    assert_int_equal(logged(bench, "\"source\":\"instance\""), 1);
    assert_int_equal(logged(bench, "\"source\":\"container\""), 1);
    assert_int_equal(logged(bench, "\"source\":\"shared-files\""), 1);
    assert_int_equal(logged(bench, "\"source\":\"web-identity\""), 1);
    assert_int_equal(logged(bench, "\"source\":\"environment\""), 1);
}

static void test_web_identity(void **state)
{
    struct bench *bench = *state;

    set_web_identity(bench);
    check(bench, AWS_SOURCE_WEB_IDENTITY, "STS0");
    assert_string_equal(bench->services.form,
                        "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn%3Aaws%"
                        "3Aiam%3A%3A111122223333%3Arole%2Fr&RoleSessionName=pullthrough-1795262400&"
                        "WebIdentityToken=hush.jwt");
    /* kubelet rotates the token */
    write_file(bench->token_file, "hush.jwt2");
    fake_surroundings_set(&bench->fake, "AWS_ROLE_SESSION_NAME", "me@here");
    bench->fake.wall_s += 3600;
    bench->services.expires = "2026-11-21T14:00:00Z";
    check(bench, AWS_SOURCE_WEB_IDENTITY, "STS0");
    assert_non_null(strstr(bench->services.form, "RoleSessionName=me%40here&"));
    assert_non_null(strstr(bench->services.form, "WebIdentityToken=hush.jwt2"));

    begin_anew(bench);
    fake_surroundings_set(&bench->fake, "AWS_WEB_IDENTITY_TOKEN_FILE", NULL);
    write_file(bench->shared_file, "[profile p]\nrole_arn = arn:aws:iam::111122223333:role/q\n");
    fake_surroundings_set(&bench->fake, "AWS_CONFIG_FILE", bench->shared_file);
    fake_surroundings_set(&bench->fake, "AWS_PROFILE", "p");
    assert_int_equal(aws_credentials_get(bench->credentials, &bench->keys, &bench->error), -1);
    {
        char text[300];

        (void)snprintf(text, sizeof(text),
                       "[profile p]\nrole_arn = arn:aws:iam::111122223333:role/q\n"
                       "web_identity_token_file = %s\nrole_session_name = file\n",
                       bench->token_file);
        write_file(bench->shared_file, text);
    }
    check(bench, AWS_SOURCE_FILES, "STS0");
    assert_non_null(strstr(bench->services.form, "role%2Fq&RoleSessionName=file&"));
}

static void test_a_source_that_fails_is_an_error(void **state)
{
    static const struct {
        const char *variable, *value;
        int status;
        const char *want;
    } rows[] = {
        {"AWS_ACCESS_KEY_ID", "A", 200,
         "AWS credentials from the environment: of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY "
         "only one is set"},
        {"AWS_SECRET_ACCESS_KEY", "hush", 200,
         "AWS credentials from the environment: of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY "
         "only one is set"},
        {"AWS_WEB_IDENTITY_TOKEN_FILE", "/nowhere", 200,
         "AWS credentials from the web identity: AWS_WEB_IDENTITY_TOKEN_FILE is set but "
         "AWS_ROLE_ARN is not"},
        {"AWS_PROFILE", "missing", 200,
         "AWS credentials from the shared files: AWS shared files: AWS_PROFILE is \"missing\", "
         "which is in neither; `aws configure list-profiles` names what there is"},
        {"AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://10.0.0.1/", 200,
         "AWS credentials from the container endpoint: the container credential endpoint: "
         "10.0.0.1 may not be asked in the clear"},
        {"X", "x", 500,
         "AWS credentials from the instance metadata: HTTP 500 when asked for a token"},
        {"AWS_EC2_METADATA_DISABLED", "true", 200,
         "no AWS credentials found (environment: AWS_ACCESS_KEY_ID is not set; web identity: "
         "AWS_WEB_IDENTITY_TOKEN_FILE is not set; shared files: no keys for profile \"default\"; "
         "container endpoint: AWS_CONTAINER_CREDENTIALS_FULL_URI is not set; instance metadata: "
         "switched off by AWS_EC2_METADATA_DISABLED)"},
    };
    struct bench *bench = *state;

    set_instance(bench);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        fake_surroundings_set(&bench->fake, rows[i].variable, rows[i].value);
        bench->services.status = rows[i].status;
        assert_int_equal(aws_credentials_get(bench->credentials, &bench->keys, &bench->error), -1);
        assert_string_equal(bench->error.text, rows[i].want);
        fake_surroundings_set(&bench->fake, rows[i].variable, NULL);
    }
}

static void set_config(struct bench *bench, const char *text)
{
    write_file(bench->shared_file, text);
    fake_surroundings_set(&bench->fake, "AWS_CONFIG_FILE", bench->shared_file);
}

/* What a laptop has is for commands: a service takes none of it, and starts no program. */
static void test_what_only_commands_take(void **state)
{
    static const struct {
        const char *profile, *key;
    } rows[] = {
        {"credential_process = touch ", "credential_process"},
        {"role_arn = arn:aws:iam::1:role/r\nsource_profile = default", "source_profile"},
        {"role_arn = arn:aws:iam::1:role/r\ncredential_source = EcsContainer", "credential_source"},
        {"login_session = arn", "login_session"},
        {"sso_account_id = 1\nsso_role_name = r\nsso_region = r\nsso_start_url = u",
         "sso_start_url"},
    };
    struct bench *bench = *state;
    char text[300], want[300];

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        (void)snprintf(text, sizeof(text), "[default]\n%s%s\n", rows[i].profile,
                       i == 0 ? bench->token_file : "");
        set_config(bench, text);
        (void)snprintf(want, sizeof(want),
                       "AWS credentials from the shared files: profile \"default\" uses %s, which "
                       "only commands take; `serve` wants a web identity (IRSA), a container's or "
                       "an instance's credentials, or keys",
                       rows[i].key);
        assert_int_equal(aws_credentials_get(bench->credentials, &bench->keys, &bench->error), -1);
        assert_string_equal(bench->error.text, want);
        assert_int_equal(access(bench->token_file, F_OK), -1);
    }
    assert_int_equal(bench->services.asked, 0);
}

/* Neither keys nor a web identity in the environment go before it. */
static void test_a_profile_that_is_named(void **state)
{
    struct bench *bench = *state;

    set_variables(bench);
    set_web_identity(bench);
    set_config(bench, "[profile p]\naws_access_key_id = P\naws_secret_access_key = hush\n");
    bench->settings.profile = strdup("p");
    check(bench, AWS_SOURCE_FILES, "P");
    begin_anew(bench);
    set_config(bench, "[profile p]\nregion = eu-west-1\n");
    fake_surroundings_set(&bench->fake, "AWS_EC2_METADATA_DISABLED", "true");
    assert_int_equal(aws_credentials_get(bench->credentials, &bench->keys, &bench->error), -1);
    assert_string_equal(
        bench->error.text,
        "no AWS credentials found (environment: not looked at, since a profile is named; web "
        "identity: not looked at, since a profile is named; shared files: no keys for profile "
        "\"p\"; container endpoint: AWS_CONTAINER_CREDENTIALS_FULL_URI is not set; instance "
        "metadata: switched off by AWS_EC2_METADATA_DISABLED)");
}

/* A code of MFA, or a login in a browser, isn't asked for at each call of a command. */
static void test_a_person_is_asked_once(void **state)
{
    struct bench *bench = *state;

    set_instance(bench);
    bench->services.status = 500;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(aws_credentials_get(bench->credentials, &bench->keys, &bench->error), -1);
        assert_int_equal(bench->services.asked, i + 1); /* a service asks again */
    }
    bench->settings.person = true;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(aws_credentials_get(bench->credentials, &bench->keys, &bench->error), -1);
        assert_string_equal(bench->error.text, "AWS credentials from the instance metadata: HTTP "
                                               "500 when asked for a token");
        assert_int_equal(bench->services.asked, 3);
    }
}

static void test_refreshed_before_they_expire(void **state)
{
    struct bench *bench = *state;

    set_container(bench); /* until 13:00; refreshed 7.5 minutes before, with half of the chance */
    check(bench, AWS_SOURCE_CONTAINER, "CONTAINER0");
    bench->services.version = 1;
    bench->services.expires = "2026-11-21T14:00:00Z";
    bench->fake.wall_s = FAKE_TIME_S + 3600 - 451;
    check(bench, AWS_SOURCE_CONTAINER, "CONTAINER0");
    assert_int_equal(bench->services.asked, 1);
    bench->fake.wall_s = FAKE_TIME_S + 3600 - 300;
    check(bench, AWS_SOURCE_CONTAINER, "CONTAINER1");
    assert_int_equal(bench->services.asked, 2);
    check(bench, AWS_SOURCE_CONTAINER, "CONTAINER1");
    assert_int_equal(bench->services.asked, 2);
    assert_int_equal(logged(bench, "AWS credentials found"), 1);
}

static void test_the_old_ones_serve_until_they_expire(void **state)
{
    struct bench *bench = *state;

    set_container(bench);
    check(bench, AWS_SOURCE_CONTAINER, "CONTAINER0");
    bench->services.status = 400;
    bench->fake.wall_s = FAKE_TIME_S + 3600 - 300;
    check(bench, AWS_SOURCE_CONTAINER, "CONTAINER0");
    assert_int_equal(bench->services.asked, 2);
    /* not asked again for half a minute at least */
    bench->fake.wall_s += 29;
    check(bench, AWS_SOURCE_CONTAINER, "CONTAINER0");
    assert_int_equal(bench->services.asked, 2);
    bench->fake.wall_s += 31;
    check(bench, AWS_SOURCE_CONTAINER, "CONTAINER0");
    assert_int_equal(bench->services.asked, 3);
    assert_int_equal(logged(bench, "AWS credentials not refreshed"), 2);
    bench->fake.wall_s = FAKE_TIME_S + 3600;
    assert_int_equal(aws_credentials_get(bench->credentials, &bench->keys, &bench->error), -1);
    assert_string_equal(bench->error.text,
                        "AWS credentials from the container endpoint: the container credential "
                        "endpoint: no error code (HTTP 400)");
    bench->services.status = 200;
    bench->services.expires = "2026-11-21T14:00:00Z";
    check(bench, AWS_SOURCE_CONTAINER, "CONTAINER0");
}

static void test_an_instance_serves_beyond_the_end(void **state)
{
    struct bench *bench = *state;

    set_instance(bench);
    check(bench, AWS_SOURCE_INSTANCE, "INSTANCE0");
    bench->services.status = 0;
    bench->fake.wall_s = FAKE_TIME_S + 7200;
    check(bench, AWS_SOURCE_INSTANCE, "INSTANCE0");
    assert_int_equal(logged(bench, "AWS credentials not refreshed"), 1);
    /* and expired ones that it still hands out are taken, and asked about again soon */
    bench->services.status = 200;
    bench->services.version = 1;
    bench->fake.wall_s += 60;
    check(bench, AWS_SOURCE_INSTANCE, "INSTANCE1");
    bench->services.version = 2;
    bench->fake.wall_s += 60;
    check(bench, AWS_SOURCE_INSTANCE, "INSTANCE2");
}

static void test_short_lives(void **state)
{
    struct bench *bench = *state;

    bench->services.expires = "2026-11-21T12:02:00Z";
    set_container(bench);
    check(bench, AWS_SOURCE_CONTAINER, "CONTAINER0");
    bench->fake.wall_s = FAKE_TIME_S + 59;
    check(bench, AWS_SOURCE_CONTAINER, "CONTAINER0");
    assert_int_equal(bench->services.asked, 1);
    bench->fake.wall_s = FAKE_TIME_S + 60;
    check(bench, AWS_SOURCE_CONTAINER, "CONTAINER0");
    assert_int_equal(bench->services.asked, 2);
}

static void test_the_services_clock_counts(void **state)
{
    struct bench *bench = *state;

    set_container(bench);
    bench->fake.wall_s = FAKE_TIME_S - 7 * 86400;
    bench->sender.skew_s = 7 * 86400;
    check(bench, AWS_SOURCE_CONTAINER, "CONTAINER0");
    bench->fake.wall_s += 3600 - 300;
    check(bench, AWS_SOURCE_CONTAINER, "CONTAINER0");
    assert_int_equal(bench->services.asked, 2);
}

static void test_files_are_read_again(void **state)
{
    struct bench *bench = *state;

    set_files(bench);
    check(bench, AWS_SOURCE_FILES, "FILE");
    write_file(bench->shared_file,
               "[default]\naws_access_key_id = NEW\naws_secret_access_key = hush\n");
    check(bench, AWS_SOURCE_FILES, "FILE");
    bench->fake.wall_s += 600;
    check(bench, AWS_SOURCE_FILES, "NEW");
    write_file(bench->shared_file, "[default]\nnonsense");
    bench->fake.wall_s += 600;
    check(bench, AWS_SOURCE_FILES, "NEW");
}

static void test_renewal(void **state)
{
    struct bench *bench = *state;

    set_container(bench);
    check(bench, AWS_SOURCE_CONTAINER, "CONTAINER0");
    assert_int_equal(aws_credentials_renew(bench->credentials, &bench->keys, &bench->error),
                     AWS_CREDENTIALS_SAME);
    bench->services.version = 1;
    assert_int_equal(aws_credentials_renew(bench->credentials, &bench->keys, &bench->error), 0);
    assert_string_equal(bench->keys.id, "CONTAINER1");
    bench->services.status = 400;
    assert_int_equal(aws_credentials_renew(bench->credentials, &bench->keys, &bench->error), -1);
    check(bench, AWS_SOURCE_CONTAINER, "CONTAINER1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_order, start, stop),
        cmocka_unit_test_setup_teardown(test_web_identity, start, stop),
        cmocka_unit_test_setup_teardown(test_what_only_commands_take, start, stop),
        cmocka_unit_test_setup_teardown(test_a_profile_that_is_named, start, stop),
        cmocka_unit_test_setup_teardown(test_a_person_is_asked_once, start, stop),
        cmocka_unit_test_setup_teardown(test_a_source_that_fails_is_an_error, start, stop),
        cmocka_unit_test_setup_teardown(test_refreshed_before_they_expire, start, stop),
        cmocka_unit_test_setup_teardown(test_the_old_ones_serve_until_they_expire, start, stop),
        cmocka_unit_test_setup_teardown(test_an_instance_serves_beyond_the_end, start, stop),
        cmocka_unit_test_setup_teardown(test_short_lives, start, stop),
        cmocka_unit_test_setup_teardown(test_the_services_clock_counts, start, stop),
        cmocka_unit_test_setup_teardown(test_files_are_read_again, start, stop),
        cmocka_unit_test_setup_teardown(test_renewal, start, stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
