#include "pullthrough/edge/aws/aws_settings.h"

#include "pullthrough/core/aws/aws_profile_source.h"

#include "fake_surroundings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct home {
    struct fake_surroundings fake;
    char folder[64], credentials[120], config[120];
};

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static int make_home(void **state)
{
    struct home *home = calloc(1, sizeof(*home));
    char folder[100];

    assert_non_null(home);
    fake_surroundings_init(&home->fake);
    (void)snprintf(home->folder, sizeof(home->folder), "/tmp/test_aws_settings.XXXXXX");
    assert_non_null(mkdtemp(home->folder));
    (void)snprintf(folder, sizeof(folder), "%s/.aws", home->folder);
    assert_int_equal(mkdir(folder, 0700), 0);
    (void)snprintf(home->credentials, sizeof(home->credentials), "%s/credentials", folder);
    (void)snprintf(home->config, sizeof(home->config), "%s/config", folder);
    fake_surroundings_set(&home->fake, "HOME", home->folder);
    *state = home;
    return 0;
}

static int remove_home(void **state)
{
    struct home *home = *state;
    char folder[100];

    (void)snprintf(folder, sizeof(folder), "%s/.aws", home->folder);
    (void)unlink(home->credentials);
    (void)unlink(home->config);
    assert_int_equal(rmdir(folder), 0);
    assert_int_equal(rmdir(home->folder), 0);
    fake_surroundings_fini(&home->fake);
    free(home);
    return 0;
}

static const struct aws_spec no_spec = {.region = "", .endpoints = {"", "", ""}, .ca_file = ""};

static void check_region(struct home *home, const struct aws_spec *spec, const char *want)
{
    struct aws_settings settings;
    struct error error = {""};

    if (aws_settings_load(&settings, spec, &home->fake.environment, &error) < 0)
        fail_msg("%s", error.text);
    assert_string_equal(settings.region, want);
    aws_settings_fini(&settings);
}

static void test_region(void **state)
{
    struct home *home = *state;
    struct aws_spec spec = no_spec;

    check_region(home, &spec, "");
    write_file(home->config, "[default]\nregion = eu-west-1\n[profile p]\nregion = eu-west-2\n");
    check_region(home, &spec, "eu-west-1");
    fake_surroundings_set(&home->fake, "AWS_PROFILE", "p");
    check_region(home, &spec, "eu-west-2");
    fake_surroundings_set(&home->fake, "AWS_DEFAULT_REGION", "us-east-2");
    check_region(home, &spec, "us-east-2");
    fake_surroundings_set(&home->fake, "AWS_REGION", "us-west-2");
    check_region(home, &spec, "us-west-2");
    spec.region = "ap-south-1";
    check_region(home, &spec, "ap-south-1");
    fake_surroundings_set(&home->fake, "AWS_REGION", "");
    spec.region = "";
    check_region(home, &spec, "us-east-2");
}

static void check_endpoint(struct home *home, const struct aws_spec *spec, enum aws_service service,
                           const char *want)
{
    struct aws_settings settings;
    struct aws_endpoint endpoint;
    struct error error = {""};

    if (aws_settings_load(&settings, spec, &home->fake.environment, &error) < 0 ||
        aws_settings_endpoint(&settings, service, &endpoint, &error) < 0)
        fail_msg("%s", error.text);
    assert_string_equal(endpoint.url, want);
    aws_settings_fini(&settings);
}

static void test_endpoints(void **state)
{
    struct home *home = *state;
    struct aws_spec spec = no_spec;

    spec.region = "us-west-2";
    check_endpoint(home, &spec, AWS_ECR, "https://api.ecr.us-west-2.amazonaws.com/");
    write_file(home->config, "[default]\nendpoint_url = http://profile\nservices = s\n"
                             "[services s]\necr =\n  endpoint_url = http://section\n");
    check_endpoint(home, &spec, AWS_ECR, "http://section/");
    check_endpoint(home, &spec, AWS_STS, "http://profile/");
    fake_surroundings_set(&home->fake, "AWS_ENDPOINT_URL", "http://all:1");
    check_endpoint(home, &spec, AWS_ECR, "http://all:1/");
    check_endpoint(home, &spec, AWS_SECRETS_MANAGER, "http://all:1/");
    fake_surroundings_set(&home->fake, "AWS_ENDPOINT_URL_ECR", "http://ecr:1");
    fake_surroundings_set(&home->fake, "AWS_ENDPOINT_URL_STS", "http://sts:1");
    fake_surroundings_set(&home->fake, "AWS_ENDPOINT_URL_SECRETS_MANAGER", "http://sm:1");
    check_endpoint(home, &spec, AWS_ECR, "http://ecr:1/");
    check_endpoint(home, &spec, AWS_STS, "http://sts:1/");
    check_endpoint(home, &spec, AWS_SECRETS_MANAGER, "http://sm:1/");
    spec.endpoints[AWS_ECR] = "https://spec";
    check_endpoint(home, &spec, AWS_ECR, "https://spec/");
    fake_surroundings_set(&home->fake, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true");
    check_endpoint(home, &spec, AWS_ECR, "https://spec/");
    check_endpoint(home, &spec, AWS_STS, "https://sts.us-west-2.amazonaws.com/");
}

static void test_switches(void **state)
{
    struct home *home = *state;
    struct aws_spec spec = no_spec;

    spec.region = "us-west-2";
    write_file(home->config,
               "[default]\nuse_fips_endpoint = true\nuse_dualstack_endpoint = TRUE\n");
    check_endpoint(home, &spec, AWS_ECR, "https://ecr-fips.us-west-2.api.aws/");
    fake_surroundings_set(&home->fake, "AWS_USE_FIPS_ENDPOINT", "false");
    check_endpoint(home, &spec, AWS_ECR, "https://ecr.us-west-2.api.aws/");
    fake_surroundings_set(&home->fake, "AWS_USE_DUALSTACK_ENDPOINT", "false");
    check_endpoint(home, &spec, AWS_ECR, "https://api.ecr.us-west-2.amazonaws.com/");
    spec.fips = true;
    check_endpoint(home, &spec, AWS_ECR, "https://api.ecr-fips.us-west-2.amazonaws.com/");
    spec.dual_stack = true;
    check_endpoint(home, &spec, AWS_STS, "https://sts-fips.us-west-2.api.aws/");
}

static void test_ca_file(void **state)
{
    struct home *home = *state;
    struct aws_spec spec = no_spec;
    struct aws_settings settings;
    struct error error;

    assert_int_equal(aws_settings_load(&settings, &spec, &home->fake.environment, &error), 0);
    assert_null(settings.ca_file);
    aws_settings_fini(&settings);
    write_file(home->config, "[default]\nca_bundle = /profile\n");
    assert_int_equal(aws_settings_load(&settings, &spec, &home->fake.environment, &error), 0);
    assert_string_equal(settings.ca_file, "/profile");
    aws_settings_fini(&settings);
    fake_surroundings_set(&home->fake, "AWS_CA_BUNDLE", "/environment");
    assert_int_equal(aws_settings_load(&settings, &spec, &home->fake.environment, &error), 0);
    assert_string_equal(settings.ca_file, "/environment");
    aws_settings_fini(&settings);
    spec.ca_file = "/spec";
    assert_int_equal(aws_settings_load(&settings, &spec, &home->fake.environment, &error), 0);
    assert_string_equal(settings.ca_file, "/spec");
    aws_settings_fini(&settings);
}

static void test_mistakes_show_at_once(void **state)
{
    static const struct {
        const char *variable, *value, *config;
        bool fips;
        const char *want;
    } rows[] = {
        {"AWS_REGION", "us_east_1", NULL, false, "\"us_east_1\" is not an AWS region"},
        {"AWS_PROFILE", "missing", NULL, false,
         "AWS shared files: AWS_PROFILE is \"missing\", which is in neither; `aws configure "
         "list-profiles` names what there is"},
        {"AWS_ENDPOINT_URL_STS", "localhost:1", NULL, false,
         "custom endpoint for sts: the URL begins neither with https:// nor with http://"},
        {"AWS_ENDPOINT_URL", "http://h", NULL, true,
         "FIPS and a custom endpoint for ecr exclude each other"},
        {"X", "x", "[default]\nhush", false,
         "AWS shared files: config:2: a line that is neither a section nor \"key = value\""},
    };
    struct home *home = *state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct aws_spec spec = no_spec;
        struct aws_settings settings;
        struct error error = {""};

        spec.fips = rows[i].fips;
        fake_surroundings_set(&home->fake, rows[i].variable, rows[i].value);
        if (rows[i].config)
            write_file(home->config, rows[i].config);
        assert_int_equal(aws_settings_load(&settings, &spec, &home->fake.environment, &error), -1);
        assert_string_equal(error.text, rows[i].want);
        aws_settings_fini(&settings);
        fake_surroundings_set(&home->fake, rows[i].variable, NULL);
    }
}

static void test_files_that_the_environment_names(void **state)
{
    struct home *home = *state;
    AWS_PROFILES_CLEANUP struct aws_profiles *profiles = NULL;
    struct aws_profile_source source;
    struct slice profile;
    struct error error = {""};

    write_file(home->credentials, "[default]\naws_access_key_id=A\naws_secret_access_key=s\n");
    fake_surroundings_set(&home->fake, "HOME", NULL);
    fake_surroundings_set(&home->fake, "AWS_SHARED_CREDENTIALS_FILE", home->credentials);
    fake_surroundings_set(&home->fake, "AWS_CONFIG_FILE", "/nowhere/config");
    assert_int_equal(aws_settings_profiles(&profiles, &profile, slice_str(NULL),
                                           &home->fake.environment, &error),
                     0);
    assert_true(slice_is(profile, "default"));
    assert_int_equal(aws_profiles_source(profiles, profile, false, &source, &error), 0);
    assert_int_equal(source.kind, AWS_PROFILE_KEYS);
    assert_true(slice_is(source.id, "A"));

    fake_surroundings_set(&home->fake, "AWS_CONFIG_FILE", home->folder);
    aws_profiles_free(profiles);
    profiles = NULL;
    assert_int_equal(aws_settings_profiles(&profiles, &profile, slice_str(NULL),
                                           &home->fake.environment, &error),
                     -1);
    assert_non_null(strstr(error.text, "is a directory, not a regular file"));
}

static void check_profile(struct home *home, const char *named, const char *want)
{
    AWS_PROFILES_CLEANUP struct aws_profiles *profiles = NULL;
    struct slice profile;
    struct error error = {""};
    int got = aws_settings_profiles(&profiles, &profile, slice_str(named), &home->fake.environment,
                                    &error);

    if (got < 0)
        assert_string_equal(error.text, want);
    else
        assert_true(slice_is(profile, want));
}

/* The AWS CLI's order. */
static void test_which_profile(void **state)
{
    struct home *home = *state;

    write_file(home->config, "[profile a]\n[profile b]\n[profile prod]\nregion = eu-west-1\n");
    check_profile(home, NULL, "default");
    fake_surroundings_set(&home->fake, "AWS_DEFAULT_PROFILE", "a");
    check_profile(home, NULL, "a");
    fake_surroundings_set(&home->fake, "AWS_PROFILE", "b");
    check_profile(home, NULL, "b");
    check_profile(home, "prod", "prod");
    check_profile(home, "pord",
                  "AWS shared files: --profile is \"pord\", which is in neither; did you mean "
                  "\"prod\"?");
    fake_surroundings_set(&home->fake, "AWS_PROFILE", "dev");
    check_profile(home, NULL,
                  "AWS shared files: AWS_PROFILE is \"dev\", which is in neither; `aws configure "
                  "list-profiles` names what there is");
    fake_surroundings_set(&home->fake, "AWS_PROFILE", "");
    fake_surroundings_set(&home->fake, "AWS_DEFAULT_PROFILE", "dev");
    check_profile(home, NULL,
                  "AWS shared files: AWS_DEFAULT_PROFILE is \"dev\", which is in neither; `aws "
                  "configure list-profiles` names what there is");
}

static void test_a_profile_that_is_named(void **state)
{
    struct home *home = *state;
    struct aws_settings settings;
    struct error error = {""};

    write_file(home->config, "[default]\nregion = eu-west-2\n[profile c]\nregion = eu-west-1\n");
    assert_int_equal(aws_settings_load(&settings,
                                       &(struct aws_spec){.profile = "c", .person = true},
                                       &home->fake.environment, &error),
                     0);
    assert_string_equal(settings.region, "eu-west-1");
    assert_string_equal(settings.profile, "c");
    assert_true(settings.person);
    aws_settings_fini(&settings);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_region, make_home, remove_home),
        cmocka_unit_test_setup_teardown(test_which_profile, make_home, remove_home),
        cmocka_unit_test_setup_teardown(test_a_profile_that_is_named, make_home, remove_home),
        cmocka_unit_test_setup_teardown(test_endpoints, make_home, remove_home),
        cmocka_unit_test_setup_teardown(test_switches, make_home, remove_home),
        cmocka_unit_test_setup_teardown(test_ca_file, make_home, remove_home),
        cmocka_unit_test_setup_teardown(test_mistakes_show_at_once, make_home, remove_home),
        cmocka_unit_test_setup_teardown(test_files_that_the_environment_names, make_home,
                                        remove_home),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
