/*
 * The registry's rules are read into a struct, added to and written back whole. A rule that
 * this program doesn't know to the last member is refused, since writing it back would change
 * it; so is more than ECR takes.
 */
#include "pullthrough/core/aws/ecr_scanning.h"

#include "pullthrough/core/image/glob.h"
#include "pullthrough/core/json/json_fields.h"
#include "pullthrough/core/json/json_writer.h"

#include <stdio.h>

enum { FILTER_MAX_BYTES = 512 };

static int decode_filter(const char **filter, const json_t *object, struct arena *arena,
                         struct error *error)
{
    const char *type;
    const struct json_text_field fields[] = {
        {"filter", FILTER_MAX_BYTES, true, filter},
        {"filterType", FILTER_MAX_BYTES, true, &type},
    };

    if (json_fields_texts(object, fields, 2, arena, error) < 0)
        return -1;
    if (strcmp(type, "WILDCARD") != 0)
        return error_set(error, "filterType %s is not known", type);
    return 0;
}

static int decode_rule(struct ecr_scanning_rule *rule, const json_t *object, struct arena *arena,
                       struct error *error)
{
    const struct json_text_field frequency = {"scanFrequency", FILTER_MAX_BYTES, true,
                                              &rule->frequency};
    const json_t *list, *item;
    size_t i;

    if (json_fields_texts(object, &frequency, 1, arena, error) < 0 ||
        json_fields_list(object, "repositoryFilters", ECR_SCANNING_FILTERS_MAX, &list, error) < 0)
        return -1;
    json_array_foreach(list, i, item)
    {
        if (decode_filter(&rule->filters[i], item, arena, error) < 0)
            return error_prefix(error, "repositoryFilters[%zu]", i);
        rule->n_filters++;
    }
    return 0;
}

int ecr_scanning_decode(struct ecr_scanning *scanning, struct slice body, struct arena *arena,
                        struct error *error)
{
    JSON_FIELDS_CLEANUP json_t *root = json_fields_parse(body, error);
    const char *type;
    const struct json_text_field field = {"scanType", FILTER_MAX_BYTES, true, &type};
    const json_t *inner, *list, *item;
    size_t i;

    *scanning = (struct ecr_scanning){0};
    if (!root)
        return -1;
    inner = json_object_get(root, "scanningConfiguration");
    if (json_fields_texts(inner, &field, 1, arena, error) < 0 ||
        json_fields_list(inner, "rules", ECR_SCANNING_RULES_MAX, &list, error) < 0)
        return error_prefix(error, "scanningConfiguration");
    scanning->enhanced = strcmp(type, "ENHANCED") == 0;
    if (!scanning->enhanced && strcmp(type, "BASIC") != 0)
        return error_set(error, "scanType %s is not known", type);
    json_array_foreach(list, i, item)
    {
        if (decode_rule(&scanning->rules[i], item, arena, error) < 0)
            return error_prefix(error, "rules[%zu]", i);
        scanning->n_rules++;
    }
    return 0;
}

static struct ecr_scanning_rule *find(struct ecr_scanning *scanning, const char *frequency)
{
    for (size_t i = 0; i < scanning->n_rules; i++)
        if (strcmp(scanning->rules[i].frequency, frequency) == 0)
            return &scanning->rules[i];
    return NULL;
}

/* Whether a filter that is there matches all that ours does. */
static bool covers(const struct ecr_scanning *scanning, const char *filter)
{
    for (size_t i = 0; i < scanning->n_rules; i++)
        for (size_t k = 0; k < scanning->rules[i].n_filters; k++)
            if (glob_match(slice_str(scanning->rules[i].filters[k]), slice_str(filter)))
                return true;
    return false;
}

int ecr_scanning_add(struct ecr_scanning *scanning, const char *prefix, struct arena *arena,
                     struct error *error)
{
    size_t size = strlen(prefix) + sizeof("/*");
    char *filter = arena_alloc(arena, size);
    struct ecr_scanning_rule *rule = find(scanning, "SCAN_ON_PUSH");

    (void)snprintf(filter, size, "%s/*", prefix);
    if (find(scanning, "MANUAL"))
        return error_set(error, "the registry has a rule for manual scanning, which ENHANCED does "
                                "not know; change it by hand");
    if (covers(scanning, filter)) {
        if (scanning->enhanced)
            return ECR_SCANNING_UNCHANGED;
        scanning->enhanced = true;
        return 0;
    }
    if (!rule && scanning->n_rules == ECR_SCANNING_RULES_MAX)
        return error_set(error, "the registry has %d scanning rules already",
                         ECR_SCANNING_RULES_MAX);
    if (rule && rule->n_filters == ECR_SCANNING_FILTERS_MAX)
        return error_set(error, "the registry's scanning rule has %d filters already",
                         ECR_SCANNING_FILTERS_MAX);
    if (!rule) {
        rule = &scanning->rules[scanning->n_rules++];
        *rule = (struct ecr_scanning_rule){.frequency = "SCAN_ON_PUSH"};
    }
    rule->filters[rule->n_filters++] = filter;
    scanning->enhanced = true;
    return 0;
}

void ecr_scanning_encode(struct strbuf *out, const struct ecr_scanning *scanning)
{
    struct json_writer json = json_begin(out, false);

    json_add_text(&json, "scanType", scanning->enhanced ? "ENHANCED" : "BASIC");
    json_add_array(&json, "rules");
    for (size_t i = 0; i < scanning->n_rules; i++) {
        const struct ecr_scanning_rule *rule = &scanning->rules[i];

        json_add_object(&json, NULL);
        json_add_given(&json, "scanFrequency", rule->frequency);
        json_add_array(&json, "repositoryFilters");
        for (size_t k = 0; k < rule->n_filters; k++) {
            json_add_object(&json, NULL);
            json_add_given(&json, "filter", rule->filters[k]);
            json_add_text(&json, "filterType", "WILDCARD");
            json_end(&json);
        }
        json_end(&json);
        json_end(&json);
    }
    json_end_all(&json);
}
