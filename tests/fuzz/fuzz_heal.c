/*
 * Any bytes as a pod that is to be healed: four lines say which container (its list, its name, its
 * image, and "back" where it may be put back), the rest is the pod. What is planned is valid JSON,
 * of images that the rule set itself rewrites to each other, and for the pod that was asked about.
 */
#include "fuzz.h"
#include "rules.h"

#include "pullthrough/core/json/json_fields.h"
#include "pullthrough/core/kube/heal_plan.h"
#include "pullthrough/core/rules/rewrite.h"

static struct slice take_line(struct slice *text)
{
    size_t end = slice_find(*text, '\n');
    struct slice line = slice_of(text->ptr, end);

    *text = slice_from(*text, end < text->len ? end + 1 : end);
    return line;
}

static void check_change(const struct heal_plan *plan, const struct heal_change *change)
{
    STRBUF_CLEANUP struct strbuf text = STRBUF_INIT(REWRITE_TEXT_MAX);
    struct slice from = change->container->text, to = change->image;

    FUZZ_ASSERT(rewrite_static(fuzz_rules(), plan->puts_back ? from : to, &text));
    FUZZ_ASSERT(slice_equal(strbuf_slice(&text), plan->puts_back ? to : from));
}

static void check_plan(const struct heal_plan *plan, const struct heal_request *request)
{
    STRBUF_CLEANUP struct strbuf patch = STRBUF_INIT(HEAL_PATCH_MAX);
    const struct heal_event told = {"absent", "one", 1795945320};
    bool has_asked = false;

    FUZZ_ASSERT(plan->n > 0 && (plan->n == 1 || !plan->puts_back));
    FUZZ_ASSERT(slice_equal(plan->uid, request->uid));
    for (size_t i = 0; !has_asked && i < plan->n; i++)
        has_asked = slice_equal(plan->changes[i].container->text, request->image) &&
                    slice_equal(plan->changes[i].container->name, request->container);
    FUZZ_ASSERT(has_asked);
    heal_plan_print_patch(plan, &patch);
    if (!strbuf_overflowed(&patch)) {
        JSON_FIELDS_CLEANUP json_t *root = json_loadb(patch.ptr, patch.len, JSON_ALLOW_NUL, NULL);

        FUZZ_ASSERT(json_array_size(root) ==
                    2 + 2 * plan->n + 1 + (!plan->puts_back || plan->takes_mark_away));
    }
    for (size_t i = 0; i < plan->n; i++) {
        STRBUF_CLEANUP struct strbuf event = STRBUF_INIT(HEAL_EVENT_MAX);

        check_change(plan, &plan->changes[i]);
        heal_plan_print_event(plan, i, &told, &event);
        if (!strbuf_overflowed(&event)) {
            JSON_FIELDS_CLEANUP json_t *root =
                json_loadb(event.ptr, event.len, JSON_ALLOW_NUL, NULL);
            json_t *name = json_object_get(json_object_get(root, "metadata"), "name");

            FUZZ_ASSERT(json_string_length(name) > 0 && json_string_length(name) <= 253 * 3);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice rest = slice_of((const char *)data, size);
    const struct slice list = take_line(&rest), name = take_line(&rest), image = take_line(&rest);
    const struct heal_request request = {
        .rules = fuzz_rules(),
        .uid = slice_str("u"),
        .list = list,
        .container = name,
        .image = image,
        .may_put_back = slice_is(take_line(&rest), "back"),
    };
    struct heal_plan plan;
    struct error error = {""};
    struct arena arena;
    int rc;

    arena_init(&arena, 0);
    arena.ceiling = HEAL_ARENA_MAX;
    rc = heal_plan_make(&plan, &request, rest, &arena, &error);
    FUZZ_ASSERT(rc >= 0 || error.text[0]);
    FUZZ_ASSERT(rc < HEAL_REASON_COUNT);
    if (rc > 0)
        FUZZ_ASSERT(*heal_reason_name((enum heal_reason)rc));
    if (rc == 0)
        check_plan(&plan, &request);
    arena_fini(&arena);
    return 0;
}
