/*
 * What the program plans for a stuck pod, for tests against a real API server:
 *
 *     plan_heal HOST LIST CONTAINER IMAGE [back] < POD
 *
 * Prints the JSON Patch and an Event a line. With the default configuration, and the pod's own uid.
 * Exit 1 with the reason where it isn't healed.
 */
#include "pullthrough/core/json/json_fields.h"
#include "pullthrough/core/kube/heal_plan.h"
#include "pullthrough/core/kube/kube_messages.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static void read_all(struct strbuf *out)
{
    char bytes[4096];
    size_t n;

    while ((n = fread(bytes, 1, sizeof(bytes), stdin)) > 0)
        strbuf_add(out, bytes, n);
}

static int print(const struct heal_plan *plan)
{
    STRBUF_CLEANUP struct strbuf out = STRBUF_INIT(2 * HEAL_PATCH_MAX);
    const struct heal_event event = {"absent", "plan_heal", time(NULL)};

    heal_plan_print_patch(plan, &out);
    for (size_t i = 0; i < plan->n; i++) {
        strbuf_add_char(&out, '\n');
        heal_plan_print_event(plan, i, &event, &out);
    }
    return puts(strbuf_str(&out)) < 0;
}

int main(int argc, char **argv)
{
    STRBUF_CLEANUP struct strbuf pod = STRBUF_INIT(KUBE_ANSWER_MAX);
    CONFIG_CLEANUP const struct config *config = NULL;
    struct error error = {""};
    struct heal_plan plan;
    struct arena arena;
    int rc;

    if (argc < 5 || config_parse(&config, slice_of(NULL, 0), &error))
        return 2;
    read_all(&pod);
    JSON_FIELDS_CLEANUP json_t *root = json_fields_parse(strbuf_slice(&pod), &error);
    struct rule_set *rules =
        rule_set_new(config, &(struct rule_set_facts){.host = slice_str(argv[1])});
    const struct heal_request request = {
        .rules = rules,
        .uid =
            slice_str(json_string_value(json_object_get(json_object_get(root, "metadata"), "uid"))),
        .list = slice_str(argv[2]),
        .container = slice_str(argv[3]),
        .image = slice_str(argv[4]),
        .may_put_back = argc > 5 && strcmp(argv[5], "back") == 0,
    };

    arena_init(&arena, 0);
    arena.ceiling = HEAL_ARENA_MAX;
    rc = heal_plan_make(&plan, &request, strbuf_slice(&pod), &arena, &error);
    if (rc == 0)
        rc = print(&plan);
    else
        (void)fprintf(stderr, "%s\n", rc < 0 ? error.text : heal_reason_name((enum heal_reason)rc));
    arena_fini(&arena);
    rule_set_free(rules);
    return rc != 0;
}
