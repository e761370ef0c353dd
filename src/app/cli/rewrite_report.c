/*
 * Collecting: the slices that core reports are dead when it returns, so they are copied.
 */
#include "rewrite_report.h"

#include "pullthrough/core/base/alloc.h"

#include <stdlib.h>

void rewrite_report_init(struct rewrite_report *report, const struct rule_set *rules)
{
    *report = (struct rewrite_report){.rules = rules};
    arena_init(&report->arena, 0);
    arena_init(&report->others_arena, 0);
}

void rewrite_report_fini(struct rewrite_report *report)
{
    arena_fini(&report->arena);
    arena_fini(&report->others_arena);
    free(report->entries);
    free(report->others);
    *report = (struct rewrite_report){0};
}

void rewrite_report_file(struct rewrite_report *report, const char *name)
{
    report->file = name;
}

static struct slice copied(struct arena *arena, struct slice text)
{
    return slice_of(arena_text(arena, text), text.len);
}

static void add_image(void *context, const struct manifest_image *image)
{
    struct rewrite_report *report = context;
    struct rewrite_entry entry = {.file = report->file, .image = *image};

    entry.image.kind = copied(&report->arena, image->kind);
    entry.image.object = copied(&report->arena, image->object);
    entry.image.namespace = copied(&report->arena, image->namespace);
    entry.image.path = image->path ? copied(&report->arena, slice_str(image->path)).ptr : NULL;
    entry.image.container = copied(&report->arena, image->container);
    entry.image.original = copied(&report->arena, image->original);
    entry.image.rewritten = copied(&report->arena, image->rewritten);
    report->n_rewritten += image->outcome == OUTCOME_REWRITTEN;
    report->entries =
        alloc_grown(report->entries, report->n_entries, &report->entries_size, sizeof(entry));
    report->entries[report->n_entries++] = entry;
    if (!report->spill ||
        report->arena.bytes + report->n_entries * sizeof(entry) < REWRITE_REPORT_KEPT)
        return;
    report->spill(report->context, report);
    report->n_entries = 0;
    arena_fini(&report->arena);
    arena_init(&report->arena, 0);
}

static void add_other(void *context, const struct manifest_other *other)
{
    struct rewrite_report *report = context;
    struct rewrite_other kept = {.file = report->file, .other = *other};

    kept.other.version = copied(&report->others_arena, other->version);
    kept.other.kind = copied(&report->others_arena, other->kind);
    kept.other.object = copied(&report->others_arena, other->object);
    report->others =
        alloc_grown(report->others, report->n_others, &report->others_size, sizeof(kept));
    report->others[report->n_others++] = kept;
}

struct manifest_report rewrite_report_callbacks(struct rewrite_report *report)
{
    return (struct manifest_report){.image = add_image, .other = add_other, .context = report};
}

void rewrite_report_reference(struct rewrite_report *report, struct slice text,
                              const struct rewrite_verdict *verdict, struct slice rewritten)
{
    const struct manifest_image image = {
        .original = text,
        .rewritten = rewritten,
        .outcome = verdict->outcome,
        .upstream = verdict->upstream,
        .reason = verdict->reason,
    };

    add_image(report, &image);
}

void rewrite_report_drop_file(struct rewrite_report *report)
{
    while (report->n_entries > 0 && report->entries[report->n_entries - 1].file == report->file) {
        report->n_entries--;
        report->n_rewritten -=
            report->entries[report->n_entries].image.outcome == OUTCOME_REWRITTEN;
    }
    while (report->n_others > 0 && report->others[report->n_others - 1].file == report->file)
        report->n_others--;
}
