/*
 * Every folder of tests/fixtures/reconcile is a case: wanted.yaml (keys as in the configuration;
 * without one the wanted.yaml beside the folders), observed.json (what AWS answered, as it
 * answers), want-plan.txt (the printed plan).
 *
 * observed.json: "account"; "rules", "templates", "scanning": {"answer": ...} or {"problem": text};
 * "secrets" by name: {"answer"}, {"refused": body}, {"failed": text} or {"value": GetSecretValue's
 * answer}; "ruleSecrets" by prefix: the same of the secret that the rule has; "validations" by
 * prefix: {"answer"} (with "refusedBefore": true where minutes ago the credential was refused, and
 * "was": text where it is known as invalid) or {"due": true}; "attempts" by prefix: {"refused":
 * body, "operation", "ageS"} or {"noAnswer": text}; "before" by prefix: a state.
 */
#include "pullthrough/core/reconcile/reconcile_plan.h"

#include "fixture.h"
#include "pullthrough/core/yaml/yaml_tree.h"

#include <dirent.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

enum { FILE_MAX = 256 * 1024, UPSTREAMS_MAX = 8 };

struct fixture {
    const char *name;
    struct arena arena;
    struct yaml_tree *tree;
    json_t *json;
    struct config_upstream upstreams[UPSTREAMS_MAX];
    struct reconcile_observation observations[UPSTREAMS_MAX];
    struct reconcile_wanted wanted;
    struct ecr_rules rules;
    struct ecr_templates templates;
    struct ecr_scanning scanning;
    struct reconcile_observed observed;
};

/* The text of a scalar at `key`, or `otherwise`. */
static const char *text_at(const struct yaml_node *mapping, const char *key, const char *otherwise)
{
    const struct yaml_node *node = mapping ? yaml_node_get(mapping, key) : NULL;

    return node ? node->text.ptr : otherwise;
}

static char *changeable(struct fixture *fixture, const char *text)
{
    char *copy = arena_alloc(&fixture->arena, strlen(text) + 1);

    memcpy(copy, text, strlen(text) + 1);
    return copy;
}

static enum reconcile_mode mode_of(const char *name)
{
    if (strcmp(name, "observe") == 0)
        return RECONCILE_OBSERVE;
    return strcmp(name, "off") == 0 ? RECONCILE_OFF : RECONCILE_MANAGE;
}

static void load_wanted(struct fixture *fixture)
{
    static const struct yaml_limits limits = {
        .max_bytes = FILE_MAX, .max_nodes = 1000, .max_depth = 10};
    STRBUF_CLEANUP struct strbuf text = STRBUF_INIT(FILE_MAX);
    const struct yaml_node *root, *registry, *rewrite, *reconcile, *template, *list;
    struct error error;

    if (!fixture_read(&text, "reconcile/%s/wanted.yaml", fixture->name))
        assert_true(fixture_read(&text, "reconcile/wanted.yaml"));
    if (yaml_tree_parse(&fixture->tree, strbuf_slice(&text), &limits, &error) < 0)
        fail_msg("%s: %s", fixture->name, error.text);
    root = yaml_tree_root(fixture->tree, 0);
    registry = yaml_node_get(root, "registry");
    rewrite = yaml_node_get(root, "rewrite");
    reconcile = yaml_node_get(root, "reconcile");
    template = reconcile ? yaml_node_get(reconcile, "template") : NULL;
    list = yaml_node_get(root, "upstreams");
    assert_true(list && list->n <= UPSTREAMS_MAX);
    for (size_t i = 0; i < list->n; i++)
        fixture->upstreams[i] = (struct config_upstream){
            .registry = changeable(fixture, text_at(list->items[i], "registry", "")),
            .url = changeable(fixture, text_at(list->items[i], "url", "")),
            .prefix = changeable(fixture, text_at(list->items[i], "prefix", "")),
            .secret = changeable(fixture, text_at(list->items[i], "secret", "")),
            .enabled = strcmp(text_at(list->items[i], "enabled", "true"), "true") == 0,
        };
    fixture->wanted = (struct reconcile_wanted){
        .upstreams = fixture->upstreams,
        .n_upstreams = list->n,
        .mode = mode_of(text_at(reconcile, "mode", "manage")),
        .require_rule = strcmp(text_at(rewrite, "requireRule", "true"), "true") == 0,
        .manage_template = strcmp(text_at(template, "manage", "true"), "true") == 0,
        .lifecycle_policy = text_at(template, "lifecyclePolicy", ""),
        .repository_policy = text_at(template, "repositoryPolicy", ""),
        .enhanced_scanning = strcmp(text_at(reconcile, "scanning", "leave"), "enhanced") == 0,
        .region = text_at(registry, "region", "us-west-2"),
        .account = text_at(registry, "account", ""),
    };
}

/* A member's "answer" as text; false where it has a "problem" instead, or is not there. */
static bool answer_of(const json_t *parent, const char *name, struct strbuf *answer,
                      const char **problem)
{
    const json_t *member = json_object_get(parent, name);
    char *text;

    *problem = json_string_value(json_object_get(member, "problem"));
    if (!json_object_get(member, "answer"))
        return false;
    text = json_dumps(json_object_get(member, "answer"), JSON_COMPACT);
    assert_non_null(text);
    strbuf_clear(answer);
    strbuf_add_str(answer, text);
    free(text);
    return true;
}

static void refusal(struct fixture *fixture, const json_t *body, const char *operation,
                    struct aws_error *failure, const char **problem)
{
    char *text = json_dumps(body, JSON_COMPACT);
    struct error error;

    assert_non_null(text);
    aws_error_decode(failure, operation,
                     &(struct aws_error_answer){.status = 400, .body = slice_str(text)}, NULL, 0);
    (void)aws_error_describe(failure, operation, &error);
    *problem = changeable(fixture, error.text);
    free(text);
}

static void load_secret(struct fixture *fixture, struct reconcile_observation *observation,
                        const json_t *secret)
{
    struct secret_description description;
    struct aws_error failure;
    struct error error;
    char *value;

    if (json_object_get(secret, "refused")) {
        refusal(fixture, json_object_get(secret, "refused"), "DescribeSecret", &failure,
                &observation->secret_problem);
        observation->secret = reconcile_secret_refused(&failure);
    } else if (json_object_get(secret, "failed")) {
        observation->secret = RECONCILE_SECRET_FAILED;
        observation->secret_problem = json_string_value(json_object_get(secret, "failed"));
    } else if (json_object_get(secret, "value")) {
        value = json_dumps(json_object_get(secret, "value"), JSON_COMPACT);
        assert_int_equal(secrets_check_value(slice_str(value), &error), SECRETS_VALUE_INVALID);
        observation->secret = RECONCILE_SECRET_MALFORMED;
        observation->secret_problem = changeable(fixture, error.text);
        free(value);
    } else {
        value = json_dumps(json_object_get(secret, "answer"), JSON_COMPACT);
        assert_int_equal(
            secrets_decode_description(&description, slice_str(value), &fixture->arena, &error), 0);
        observation->secret = reconcile_secret_of(&description);
        observation->secret_arn = description.arn;
        free(value);
    }
}

static void load_validation(struct fixture *fixture, struct reconcile_observation *observation,
                            const json_t *validation)
{
    struct ecr_validation decoded;
    struct error error;
    char *answer;

    observation->validation_due = json_is_true(json_object_get(validation, "due"));
    if (!json_object_get(validation, "answer"))
        return;
    answer = json_dumps(json_object_get(validation, "answer"), JSON_COMPACT);
    assert_int_equal(
        ecr_rules_decode_validation(&decoded, slice_str(answer), &fixture->arena, &error), 0);
    free(answer);
    observation->doubt_of = decoded.about;
    observation->validity_problem = json_string_value(json_object_get(validation, "was"));
    if (observation->validity_problem)
        observation->validity = RECONCILE_INVALID;
    if (decoded.valid) {
        observation->validity = RECONCILE_VALID;
    } else if (observation->doubt_of == ECR_FAILURE_CREDENTIAL &&
               json_is_true(json_object_get(validation, "refusedBefore"))) {
        observation->validity = RECONCILE_INVALID;
        observation->validity_problem = decoded.failure;
    } else {
        observation->doubt = decoded.failure;
    }
}

static void load_attempt(struct fixture *fixture, struct reconcile_observation *observation,
                         const json_t *attempt)
{
    struct aws_error failure;

    observation->attempt.failed = true;
    observation->attempt.age_s = json_integer_value(json_object_get(attempt, "ageS"));
    observation->attempt.problem = json_string_value(json_object_get(attempt, "noAnswer"));
    if (observation->attempt.problem)
        return;
    refusal(fixture, json_object_get(attempt, "refused"),
            json_string_value(json_object_get(attempt, "operation")), &failure,
            &observation->attempt.problem);
    observation->attempt.answered = true;
    observation->attempt.class = failure.class;
}

static const json_t *find(const struct fixture *fixture, const char *section, const char *name)
{
    return json_object_get(json_object_get(fixture->json, section), name);
}

static void load_sight(struct fixture *fixture, size_t i)
{
    const char *prefix = fixture->upstreams[i].prefix;
    struct reconcile_observation *observation = &fixture->observations[i];
    const json_t *secret = find(fixture, "secrets", fixture->upstreams[i].secret);
    const char *before = json_string_value(find(fixture, "before", prefix));

    if (find(fixture, "ruleSecrets", prefix)) {
        struct reconcile_observation of_rule = {0};

        load_secret(fixture, &of_rule, find(fixture, "ruleSecrets", prefix));
        observation->rule_secret = of_rule.secret;
    }
    if (secret)
        load_secret(fixture, observation, secret);
    if (find(fixture, "validations", prefix))
        load_validation(fixture, observation, find(fixture, "validations", prefix));
    if (find(fixture, "attempts", prefix))
        load_attempt(fixture, observation, find(fixture, "attempts", prefix));
    for (unsigned s = 0; before && s <= UPSTREAM_DISABLED; s++)
        if (strcmp(upstream_state_name((enum upstream_state)s), before) == 0)
            observation->before.state = (enum upstream_state)s;
}

static void load_observed(struct fixture *fixture)
{
    STRBUF_CLEANUP struct strbuf text = STRBUF_INIT(FILE_MAX);
    STRBUF_CLEANUP struct strbuf answer = STRBUF_INIT(FILE_MAX);
    struct reconcile_observed *observed = &fixture->observed;
    const char *account, *ignored;
    struct error error = {""};

    assert_true(fixture_read(&text, "reconcile/%s/observed.json", fixture->name));
    fixture->json = json_loads(strbuf_str(&text), JSON_REJECT_DUPLICATES, NULL);
    if (!fixture->json)
        fail_msg("%s: observed.json is malformed", fixture->name);
    account = json_string_value(json_object_get(fixture->json, "account"));
    observed->account = account ? account : "";
    observed->observations = fixture->observations;
    if (answer_of(fixture->json, "rules", &answer, &observed->rules_problem)) {
        assert_int_equal(
            ecr_rules_decode_page(&fixture->rules, strbuf_slice(&answer), &fixture->arena, &error),
            0);
        observed->rules = &fixture->rules;
    }
    if (answer_of(fixture->json, "templates", &answer, &observed->templates_problem)) {
        assert_int_equal(ecr_templates_decode_page(&fixture->templates, strbuf_slice(&answer),
                                                   &fixture->arena, &error),
                         0);
        observed->templates = &fixture->templates;
    }
    if (answer_of(fixture->json, "scanning", &answer, &ignored)) {
        assert_int_equal(
            ecr_scanning_decode(&fixture->scanning, strbuf_slice(&answer), &fixture->arena, &error),
            0);
        observed->scanning = &fixture->scanning;
    }
    for (size_t i = 0; i < fixture->wanted.n_upstreams; i++)
        load_sight(fixture, i);
}

static void load(struct fixture *fixture, const char *name)
{
    *fixture = (struct fixture){.name = name};
    arena_init(&fixture->arena, 10000);
    load_wanted(fixture);
    load_observed(fixture);
}

static void unload(struct fixture *fixture)
{
    json_decref(fixture->json);
    yaml_tree_free(fixture->tree);
    arena_fini(&fixture->arena);
}

/* Whether the plan is as wanted. */
static bool is_as_wanted(const char *name)
{
    STRBUF_CLEANUP struct strbuf got = STRBUF_INIT(FILE_MAX);
    struct reconcile_plan plan;
    struct fixture fixture;
    bool same;

    load(&fixture, name);
    reconcile_plan_make(&plan, &fixture.wanted, &fixture.observed, &fixture.arena);
    reconcile_plan_print(&got, &plan, &fixture.wanted, &fixture.observed);
    same = fixture_says(strbuf_slice(&got), "reconcile/%s/want-plan.txt", name);
    for (size_t i = 0; i < plan.n_actions; i++)
        assert_true(plan.actions[i].upstream < fixture.wanted.n_upstreams);
    unload(&fixture);
    return same;
}

static void test_cases(void **state)
{
    DIR *folder = opendir(FIXTURES "/reconcile");
    const struct dirent *entry;
    size_t n = 0, as_wanted = 0;

    (void)state;
    assert_non_null(folder);
    while ((entry = readdir(folder)))
        if (!strchr(entry->d_name, '.')) {
            as_wanted += is_as_wanted(entry->d_name) ? 1 : 0;
            n++;
        }
    assert_int_equal(closedir(folder), 0);
    assert_int_equal(as_wanted, n);
    assert_in_range(n, 40, 200);
}

static void test_which_secrets_are_looked_up(void **state)
{
    static const struct {
        const char *name;
        bool want;
    } rows[] = {
        {"fresh-account", true},         {"rule-without-credential", true},
        {"rule-other-credential", true}, {"rule-other-credential-observe", false},
        {"rule-with-credential", false}, {"rule-other-url", false},
        {"secret-arn", false},           {"mode-off", false},
        {"upstream-disabled", false},    {"rule-missing-observe", false},
        {"ecr-denies-the-look", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct fixture fixture;

        load(&fixture, rows[i].name);
        if (reconcile_wants_secret(&fixture.wanted, fixture.observed.rules, 0) != rows[i].want)
            fail_msg("%s", rows[i].name);
        unload(&fixture);
    }
}

static void test_what_is_the_same_secret(void **state)
{
#define ARN  "arn:aws:secretsmanager:us-west-2:111122223333:secret:ecr-pullthroughcache/"
#define NAME "ecr-pullthroughcache/"
    static const struct {
        const char *a, *b;
        bool want;
    } rows[] = {
        {NAME "dockerio", ARN "dockerio-Ab12Cd", true},
        {NAME "dockerio", ARN "dockerio", true},
        {NAME "dockerio", NAME "dockerio", true},
        {ARN "dockerio", ARN "dockerio-Ab12Cd", true},
        {ARN "dockerio-Ab12Cd", ARN "dockerio-Ab12Cd", true},
        /* names that end as a suffix does */
        {NAME "acme-docker", ARN "acme-docker-Ab12Cd", true},
        {NAME "acme-docker", ARN "acme-docker", true},
        {NAME "acme-docker", ARN "acme-Ab12Cd", false},
        {NAME "acme-docker", ARN "acme-github", false},
        {NAME "acme-docker", ARN "acme-github-Ab12Cd", false},
        {NAME "acme", ARN "acme-docker-Ab12Cd", false},
        {ARN "acme-docker", ARN "acme-github", false},
        {NAME "acme-docker", NAME "acme", false}, /* a name is whole */
        {NAME "acme-docker", ARN "acme", false},
        /* no suffixes */
        {NAME "dockerio", ARN "dockerio-Ab12C", false},
        {NAME "dockerio", ARN "dockerio-Ab12Cde", false},
        {NAME "dockerio", ARN "dockerio-Ab1_Cd", false},
        {NAME "dockerio", ARN "dockerio/Ab12Cd", false},
        {NAME "dockerio", ARN "dockerio2-Ab12Cd", false},
        /* made anew, elsewhere, another account */
        {ARN "dockerio-Ab12Cd", ARN "dockerio-Xy34Zw", false},
        {ARN "dockerio-Ab12Cd",
         "arn:aws:secretsmanager:eu-west-1:111122223333:secret:ecr-pullthroughcache/"
         "dockerio-Ab12Cd",
         false},
        {ARN "dockerio",
         "arn:aws:secretsmanager:us-west-2:444455556666:secret:ecr-pullthroughcache/"
         "dockerio-Ab12Cd",
         false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (reconcile_is_same_secret(rows[i].a, rows[i].b) != rows[i].want ||
            reconcile_is_same_secret(rows[i].b, rows[i].a) != rows[i].want)
            fail_msg("%s, %s", rows[i].a, rows[i].b);
}

/* What a plan asks for, done: the next plan asks for nothing more. */
static void test_a_pass_is_enough(void **state)
{
    struct reconcile_plan plan;
    struct fixture fixture;
    struct ecr_rule rules[UPSTREAMS_MAX];
    struct ecr_template root = {.prefix = "ROOT",
                                .mutability = "MUTABLE",
                                .encryption = "AES256",
                                .custom_role_arn = "",
                                .for_pull_through = true};

    (void)state;
    load(&fixture, "fresh-account");
    reconcile_plan_make(&plan, &fixture.wanted, &fixture.observed, &fixture.arena);
    assert_int_equal(plan.n_actions, 5);
    assert_int_equal(plan.actions[0].verb, RECONCILE_CREATE_TEMPLATE);
    fixture.templates.items = &root;
    fixture.templates.n = 1;
    for (size_t i = 1; i < plan.n_actions; i++) {
        const struct config_upstream *upstream = &fixture.upstreams[plan.actions[i].upstream];

        assert_int_equal(plan.actions[i].verb, RECONCILE_CREATE_RULE);
        rules[i - 1] = (struct ecr_rule){.prefix = upstream->prefix,
                                         .upstream_url = upstream->url,
                                         .upstream_prefix = ECR_ROOT,
                                         .credential_arn = plan.actions[i].credential_arn,
                                         .custom_role_arn = "",
                                         .registry_id = "111122223333"};
    }
    fixture.rules.items = rules;
    fixture.rules.n = 4;
    reconcile_plan_make(&plan, &fixture.wanted, &fixture.observed, &fixture.arena);
    assert_int_equal(plan.n_actions, 0);
    assert_int_equal(plan.n_notes, 0);
    for (size_t i = 0; i < plan.n_statuses; i++)
        assert_true(plan.statuses[i].state == UPSTREAM_READY && plan.statuses[i].rewrite);
    unload(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_which_secrets_are_looked_up),
        cmocka_unit_test(test_what_is_the_same_secret),
        cmocka_unit_test(test_a_pass_is_enough),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
