/*
 * Argo Workflows: a template becomes a pod with its container, its script or its set of
 * containers, and its own initContainers and sidecars (argo-workflows, pkg/apis/workflow/v1alpha1,
 * WorkflowSpec and Template). Steps and tasks may hold templates of their own, "inline".
 */
#include "manifest_visit.h"

enum { INLINE_MAX = 8 }; /* templates inside templates; Argo itself takes one */

struct workflow {
    struct manifest_visit *walk;
    const struct pod_gate *gate; /* with what holds for all of its pods */
};

static void visit_template(const struct workflow *workflow, struct yaml_found template,
                           unsigned inlines);

/* The container at `key`, if there is one. */
static void visit_single(struct manifest_visit *walk, struct yaml_found template, const char *key)
{
    size_t length = walk->path->len;

    strbuf_add_str(walk->path, key);
    manifest_visit_container(walk, manifest_get(walk, template, key));
    strbuf_truncate(walk->path, length);
}

static void visit_set(struct manifest_visit *walk, struct yaml_found template)
{
    size_t length = walk->path->len;

    strbuf_add_str(walk->path, "containerSet.");
    manifest_visit_list(walk, manifest_get(walk, template, "containerSet"), "containers",
                        manifest_visit_container);
    strbuf_truncate(walk->path, length);
}

/* Templates inside the items of `list`, whose own path is complete. Steps are lists of lists. */
static void visit_inlines(const struct workflow *workflow, struct yaml_found list, unsigned inlines)
{
    struct manifest_visit *walk = workflow->walk;
    size_t n = yaml_lookup_count(&walk->lookup, list), length = walk->path->len;

    for (size_t i = 0; i < n && inlines > 0 && !walk->lookup.spent; i++) {
        struct yaml_found item = yaml_lookup_item(list, i);
        struct yaml_found template = manifest_get(walk, item, "inline");

        strbuf_add_format(walk->path, "[%zu]", i);
        if (template.node) {
            strbuf_add_str(walk->path, ".inline.");
            visit_template(workflow, template, inlines - 1);
        } else {
            visit_inlines(workflow, item, inlines - 1);
        }
        strbuf_truncate(walk->path, length);
    }
}

static void visit_template(const struct workflow *workflow, struct yaml_found template,
                           unsigned inlines)
{
    struct manifest_visit *walk = workflow->walk;
    struct pod_gate gate = *workflow->gate;
    size_t length = walk->path->len;
    unsigned switches = walk->n_switches;

    manifest_begin_pod(walk);
    manifest_feed_gate(walk, &gate, manifest_get(walk, template, "metadata"));
    walk->place.gate = pod_gate_outcome(&gate);
    visit_single(walk, template, "container");
    visit_single(walk, template, "script");
    visit_set(walk, template);
    manifest_visit_list(walk, template, "sidecars", manifest_visit_container);
    manifest_visit_list(walk, template, "initContainers", manifest_visit_container);
    manifest_visit_list(walk, template, "volumes", manifest_visit_volume);
    strbuf_add_str(walk->path, "steps");
    visit_inlines(workflow, manifest_get(walk, template, "steps"), inlines);
    strbuf_truncate(walk->path, length);
    strbuf_add_str(walk->path, "dag.tasks");
    visit_inlines(workflow, manifest_get(walk, manifest_get(walk, template, "dag"), "tasks"),
                  inlines);
    strbuf_truncate(walk->path, length);
    walk->n_switches = switches;
}

void manifest_visit_workflow(struct manifest_visit *walk, struct yaml_found spec,
                             const struct pod_gate *gate)
{
    struct yaml_found defaults = manifest_get(walk, spec, "templateDefaults");
    struct yaml_found templates = manifest_get(walk, spec, "templates");
    struct pod_gate all = *gate;
    const struct workflow workflow = {.walk = walk, .gate = &all};
    size_t n = yaml_lookup_count(&walk->lookup, templates), length = walk->path->len;

    manifest_feed_gate(walk, &all, manifest_get(walk, spec, "podMetadata"));
    manifest_feed_gate(walk, &all, manifest_get(walk, defaults, "metadata"));
    walk->place.gate = pod_gate_outcome(&all);
    manifest_note_pull_secrets(walk, spec);
    manifest_begin_pod(walk);
    manifest_visit_list(walk, spec, "volumes", manifest_visit_volume); /* all pods have them */
    strbuf_add_str(walk->path, "templateDefaults.");
    visit_template(&workflow, defaults, INLINE_MAX);
    strbuf_truncate(walk->path, length);
    for (size_t i = 0; i < n && !walk->lookup.spent; i++) {
        strbuf_add_format(walk->path, "templates[%zu].", i);
        visit_template(&workflow, yaml_lookup_item(templates, i), INLINE_MAX);
        strbuf_truncate(walk->path, length);
    }
}
