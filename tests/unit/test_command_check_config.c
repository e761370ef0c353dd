/* The command is run in this process, with files as its standard streams. */
#include "pullthrough/app/cli/commands.h"

#include "pullthrough/app/base/config_source.h"
#include "pullthrough/core/base/strbuf.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

enum { OUTPUT_MAX = 64 * 1024, ARGUMENTS_MAX = 4 };

struct outcome_of_command {
    int status;
    char out[OUTPUT_MAX], err[OUTPUT_MAX];
};

/* A file without a name in place of `fd`; what was there is in *saved. */
static FILE *capture(int fd, int *saved)
{
    FILE *file = tmpfile();

    assert_non_null(file);
    *saved = dup(fd);
    assert_true(*saved >= 0);
    assert_int_equal(dup2(fileno(file), fd), fd);
    return file;
}

static void give_back(FILE *file, int fd, int saved, char *text)
{
    size_t len;

    assert_int_equal(dup2(saved, fd), fd);
    (void)close(saved);
    rewind(file);
    len = fread(text, 1, OUTPUT_MAX - 1, file);
    assert_true(feof(file));
    text[len] = '\0';
    (void)fclose(file);
}

static void run(struct outcome_of_command *outcome, const char *const arguments[])
{
    char *argv[ARGUMENTS_MAX + 3] = {(char *)"pullthrough", (char *)"check-config"};
    int argc = 2, saved_out, saved_err;
    FILE *out, *err;

    for (; arguments[argc - 2]; argc++)
        argv[argc] = (char *)arguments[argc - 2];
    (void)fflush(stdout);
    out = capture(STDOUT_FILENO, &saved_out);
    err = capture(STDERR_FILENO, &saved_err);
    outcome->status = commands_run(argc, argv);
    (void)fflush(stdout);
    give_back(out, STDOUT_FILENO, saved_out, outcome->out);
    give_back(err, STDERR_FILENO, saved_err, outcome->err);
}

#define RUN(outcome, ...) run((outcome), (const char *const[]){__VA_ARGS__, NULL})

static int set_up(void **state)
{
    *state = malloc(sizeof(struct outcome_of_command));
    assert_non_null(*state);
    (void)unsetenv("AWS_REGION");
    (void)unsetenv("AWS_DEFAULT_REGION");
    (void)unsetenv("AWS_ACCOUNT_ID");
    return 0;
}

static int tear_down(void **state)
{
    free(*state);
    return 0;
}

static void assert_is_fixture(const char *text, const char *path)
{
    char want[OUTPUT_MAX];
    FILE *in = fopen(path, "rb");
    size_t len;

    assert_non_null(in);
    len = fread(want, 1, sizeof(want) - 1, in);
    (void)fclose(in);
    want[len] = '\0';
    assert_string_equal(text, want);
}

static void test_the_whole_configuration_is_printed(void **state)
{
    static const char path[] = FIXTURES "/config/upstream-off.yaml";
    STRBUF_CLEANUP struct strbuf want = STRBUF_INIT(OUTPUT_MAX);
    CONFIG_CLEANUP const struct config *config = NULL;
    struct outcome_of_command *outcome = *state;
    struct error error = {""};

    assert_int_equal(config_source_load(path, &config, &error), 0);
    assert_int_equal(config->server.drain_ms, 14000);
    config_print(config, &want);
    RUN(outcome, path);
    assert_int_equal(outcome->status, EXIT_FINE);
    assert_string_equal(outcome->out, strbuf_str(&want));
    assert_string_equal(outcome->err, "pullthrough check-config: warning: nothing will be "
                                      "rewritten: no upstream is enabled\n");
}

static void test_the_option_names_the_file_too(void **state)
{
    static const char path[] = FIXTURES "/config/key-unknown-near.yaml";
    struct outcome_of_command *outcome = *state;

    RUN(outcome, "--config", path);
    assert_int_equal(outcome->status, EXIT_NEGATIVE);
    assert_true(slice_starts_with(slice_str(outcome->err), slice_str(path)));
    RUN(outcome, "--config=" FIXTURES "/config/key-unknown-near.yaml");
    assert_int_equal(outcome->status, EXIT_NEGATIVE);
}

static void test_no_file_means_the_defaults(void **state)
{
    struct outcome_of_command *outcome = *state;

    run(outcome, (const char *const[]){NULL});
    assert_int_equal(outcome->status, EXIT_FINE);
    assert_is_fixture(outcome->out, FIXTURES "/config/defaults.yaml");
    assert_null(strstr(outcome->err, "TLS"));
}

static void test_the_environment_settles_a_warning(void **state)
{
    struct outcome_of_command *outcome = *state;

    assert_int_equal(setenv("AWS_REGION", "us-west-2", 1), 0);
    assert_int_equal(setenv("AWS_ACCOUNT_ID", "111122223333", 1), 0);
    RUN(outcome, FIXTURES "/config/tls-files.yaml");
    assert_int_equal(outcome->status, EXIT_FINE);
    assert_string_equal(outcome->err, "");
}

static void test_a_wrong_file_is_one_line(void **state)
{
    struct outcome_of_command *outcome = *state;

    RUN(outcome, FIXTURES "/config/key-unknown-near.yaml");
    assert_int_equal(outcome->status, EXIT_NEGATIVE);
    assert_string_equal(outcome->out, "");
    assert_string_equal(outcome->err,
                        FIXTURES "/config/key-unknown-near.yaml:2:3: server: unknown key "
                                 "\"maxConnection\", did you mean \"maxConnections\"?\n");
}

static void test_standard_input(void **state)
{
    struct outcome_of_command *outcome = *state;
    int saved = dup(STDIN_FILENO);
    int in = open(FIXTURES "/config/log-level-unknown.yaml", O_RDONLY);

    assert_true(saved >= 0 && in >= 0);
    assert_int_equal(dup2(in, STDIN_FILENO), STDIN_FILENO);
    RUN(outcome, "-");
    assert_int_equal(dup2(saved, STDIN_FILENO), STDIN_FILENO);
    (void)close(saved);
    (void)close(in);
    assert_int_equal(outcome->status, EXIT_NEGATIVE);
    assert_string_equal(outcome->err, "standard input:1:14: log.level: wants debug, info, warn or "
                                      "error, not \"trace\"\n");
}

static void test_a_file_that_is_not_there(void **state)
{
    struct outcome_of_command *outcome = *state;

    RUN(outcome, "--", FIXTURES "/config/no-such-case");
    assert_int_equal(outcome->status, EXIT_FAILED);
    assert_string_equal(outcome->out, "");
    assert_string_equal(outcome->err, "pullthrough check-config: " FIXTURES
                                      "/config/no-such-case: No such file or directory\n");
}

static void test_wrong_usage(void **state)
{
    struct outcome_of_command *outcome = *state;

    RUN(outcome, "--strict");
    assert_int_equal(outcome->status, EXIT_USAGE);
    assert_string_equal(outcome->err, "pullthrough check-config: --strict: unknown option\n"
                                      "usage: pullthrough check-config [FILE]\n");
    RUN(outcome, "--config", "one.yaml", "two.yaml");
    assert_int_equal(outcome->status, EXIT_USAGE);
    assert_string_equal(outcome->err, "pullthrough check-config: --config: one FILE is enough\n"
                                      "usage: pullthrough check-config [FILE]\n");
    RUN(outcome, "one.yaml", "two.yaml");
    assert_int_equal(outcome->status, EXIT_USAGE);
    assert_non_null(strstr(outcome->err, "two.yaml: one too many\nusage: "));
    assert_string_equal(outcome->out, "");
}

static void test_help(void **state)
{
    struct outcome_of_command *outcome = *state;

    RUN(outcome, "some.yaml", "--help");
    assert_int_equal(outcome->status, EXIT_FINE);
    assert_true(slice_starts_with(slice_str(outcome->out),
                                  slice_str("usage: pullthrough check-config [FILE]\n")));
    assert_non_null(strstr(outcome->out, "exit status:\n  0  valid"));
    assert_string_equal(outcome->err, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_whole_configuration_is_printed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_option_names_the_file_too, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_file_means_the_defaults, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_environment_settles_a_warning, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_wrong_file_is_one_line, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_standard_input, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_file_that_is_not_there, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_wrong_usage, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_help, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
