/*
 * For a person: a table, and sentences about what is worth one. Nothing is cut: what is too long
 * for its column has a line of its own.
 */
#include "pullthrough/core/base/alloc.h"
#include "scan_report.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    NAME_WIDTH = 26, /* leaves room for "skipped-namespace 123," behind the numbers */
    NUMBERS_WIDTH = 32,
    CHANGE_WIDTH = 6,
    START_WITH = 5,
    TEXT_MAX = 64 * 1024,
};

static void add_number(struct strbuf *out, size_t n, const char *noun)
{
    strbuf_add_format(out, "%zu %s%s", n, noun, n == 1 ? "" : "s");
}

/* Of a reason: whether it can be mended. */
static enum text_colour colour_of(enum outcome outcome)
{
    return scan_is_mendable(outcome) ? TEXT_YELLOW : TEXT_NO_COLOUR;
}

/* "digest 3, excluded 1": the most frequent first. The spaces within are for wrapping; a reason and
 * its number stay together. */
static void add_reasons(const struct scan_sum *sum, size_t column, struct text_look look,
                        struct strbuf *out)
{
    bool told[OUTCOME_COUNT] = {[OUTCOME_REWRITTEN] = true};
    size_t at = column;

    for (;;) {
        char reason[64];
        int most = -1, width;

        for (int i = 0; i < OUTCOME_COUNT; i++)
            if (!told[i] && sum->outcomes[i] > (most < 0 ? 0 : sum->outcomes[most]))
                most = i;
        if (most < 0)
            break;
        told[most] = true;
        width = snprintf(reason, sizeof(reason), "%s %zu", outcome_name((enum outcome)most),
                         sum->outcomes[most]);
        if (at > column && at + 2 + (size_t)width > TEXT_WIDTH - 1) { /* a comma may follow */
            strbuf_add_format(out, ",\n%*s", (int)column, "");
            at = column;
        } else if (at > column) {
            strbuf_add_str(out, ", ");
            at += 2;
        }
        text_colour_begin(out, colour_of((enum outcome)most), look);
        strbuf_add_str(out, reason);
        text_colour_end(out, colour_of((enum outcome)most), look);
        at += (size_t)width;
    }
    strbuf_add_char(out, '\n');
}

static void add_name(struct slice name, const char *otherwise, struct strbuf *out)
{
    if (name.len)
        text_add_printable(out, name);
    else
        strbuf_add_str(out, otherwise);
}

static void add_row(const struct scan_sum *sum, const char *otherwise, size_t column,
                    struct text_look look, struct strbuf *out)
{
    STRBUF_CLEANUP struct strbuf name = STRBUF_INIT(TEXT_MAX);
    enum text_colour change = sum->change ? TEXT_GREEN : TEXT_NO_COLOUR;
    size_t width;
    char number[32];

    add_name(sum->name, otherwise, &name);
    width = text_width(strbuf_slice(&name));
    strbuf_add_slice(out, strbuf_slice(&name));
    if (width > column) {
        strbuf_add_char(out, '\n');
        width = 0;
    }
    strbuf_add_format(out, "%*s  %6zu  %5zu  ", (int)(column - width), "", sum->images, sum->pods);
    width = (size_t)snprintf(number, sizeof(number), "%zu", sum->change);
    strbuf_add_format(out, "%*s", width < CHANGE_WIDTH ? (int)(CHANGE_WIDTH - width) : 0, "");
    text_colour_begin(out, change, look);
    strbuf_add_str(out, number);
    text_colour_end(out, change, look);
    strbuf_add_format(out, "  %5zu", sum->stay);
    if (sum->stay) {
        strbuf_add_str(out, "  ");
        add_reasons(sum, column + NUMBERS_WIDTH, look, out);
    } else {
        strbuf_add_char(out, '\n');
    }
}

static void add_table(const struct scan_report *report, struct text_look look, struct strbuf *out)
{
    const char *heading = report->by_namespace ? "NAMESPACE" : "REGISTRY";
    const char *otherwise = report->by_namespace ? "(none named)" : "(no registry)";
    size_t n, column = strlen(otherwise);
    struct scan_sum *sums = report->by_namespace ? scan_by_namespace(report->scan, &n)
                                                 : scan_by_registry(report->scan, &n);

    for (size_t i = 0; i < n; i++) {
        size_t width = text_width(sums[i].name);

        if (width > column && width <= NAME_WIDTH)
            column = width;
    }
    strbuf_add_format(out, "\n%-*s  IMAGES   PODS  CHANGE   STAY  WHY THEY STAY\n", (int)column,
                      heading);
    for (size_t i = 0; i < n; i++)
        add_row(&sums[i], otherwise, column, look, out);
    free(sums);
}

static void add_summary(const struct scan_report *report, const struct scan_sum *all,
                        struct strbuf *out)
{
    add_number(out, all->pods, "pod");
    strbuf_add_str(out, ", ");
    add_number(out, all->containers, "container");
    strbuf_add_str(out, ", ");
    add_number(out, all->images, "image");
    strbuf_add_str(out, " in ");
    add_number(out, scan_namespaces(report->scan), "namespace");
    strbuf_add_format(out, ": %zu would change, %zu stay", all->change, all->stay);
    if (all->both)
        strbuf_add_format(out, "\n(%zu of them %s in some pods, and %s in others)", all->both,
                          all->both == 1 ? "is both: it changes" : "are both: they change",
                          all->both == 1 ? "stays" : "stay");
    strbuf_add_char(out, '\n');
}

/* A point of the list below the table. */
static void add_point(struct strbuf *out, const struct strbuf *text)
{
    strbuf_add_str(out, "- ");
    text_add_wrapped(out, strbuf_slice(text), 2, 2);
}

static void add_rules(const struct scan_report *report, struct strbuf *out)
{
    STRBUF_CLEANUP struct strbuf text = STRBUF_INIT(TEXT_MAX);

    if (!report->live) {
        strbuf_add_str(&text, "Every rule is taken for ready: ");
        text_add_printable(&text, slice_str(report->assumed)); /* may end in what is to be typed */
    } else {
        strbuf_add_format(&text, "The rules are those of account %s in %s.", report->live->account,
                          report->live->region);
    }
    text_add_wrapped(out, strbuf_slice(&text), 0, 0);
}

/* Upstreams whose images stay because of their rule; what to do is told once of each state. */
static void add_unready(const struct scan_report *report, struct strbuf *out)
{
    size_t n;
    struct scan_sum *sums = scan_by_registry(report->scan, &n);
    bool told[UPSTREAM_STATE_COUNT] = {false};

    for (size_t i = 0; i < n; i++) {
        STRBUF_CLEANUP struct strbuf text = STRBUF_INIT(TEXT_MAX);
        size_t upstream = (size_t)sums[i].upstream;
        const struct upstream_status *status;

        if (!sums[i].outcomes[OUTCOME_RULE_NOT_READY] || sums[i].upstream < 0 || !report->live ||
            upstream >= report->live->n_statuses)
            continue;
        status = &report->live->statuses[upstream];
        text_add_printable(&text, sums[i].name);
        strbuf_add_format(&text, " is %s: ", upstream_state_name(status->state));
        text_add_printable(&text, slice_str(status->reason ? status->reason : "not judged"));
        if (!told[status->state] && upstream_state_advice(status->state))
            strbuf_add_format(&text, ". What to do: %s", upstream_state_advice(status->state));
        told[status->state] = true;
        add_point(out, &text);
    }
    free(sums);
}

/* One sentence each; %s: "3 images" or "3 pods". */
static const struct {
    enum outcome outcome;
    const char *text;
} about_outcomes[] = {
    {OUTCOME_DIGEST, "%s pinned by digest: ECR can't import a digest alone, so rewrite.digests is "
                     "skip unless you say otherwise"},
    {OUTCOME_NEVER_PULLED, "%s with imagePullPolicy Never: on the nodes under that name only"},
    {OUTCOME_SKIPPED_POD, "%s of pods that opt out, or whose operator compares images "
                          "(rewrite.skipPods): see docs/operations.md for what to tell it"},
    {OUTCOME_PULL_SECRETS, "%s of pods that name imagePullSecrets (rewrite.pullSecrets is skip)"},
    {OUTCOME_TOO_LONG, "%s whose name ECR doesn't accept: over 255 bytes with the prefix; a "
                       "shorter prefix may help"},
    {OUTCOME_INVALID, "%s that can't be read as an image reference"},
};

static const struct {
    const char *name, *text;
    bool pods; /* are counted, not images */
} about_hints[SCAN_HINT_COUNT] = {
    [SCAN_PULL_SECRETS] =
        {"pull-secrets",
         "%s with imagePullSecrets would pull through the cache, where the nodes' role and the "
         "credential of ECR's rule count instead: what is private needs one that may read it, "
         "or rewrite.exclude",
         true},
    [SCAN_MOVING] = {"moving-tag",
                     "%s by :latest, pulled at each start: through the cache it may be a day old, "
                     "since ECR looks upstream once in 24 hours",
                     false},
    [SCAN_ONLY_ON_NODE] = {"only-on-node",
                           "%s on a node without a registry having given it: built or loaded "
                           "there, it can't be pulled under another name",
                           false},
    [SCAN_OPERATOR] = {"operator",
                       "%s made by an operator's own object: one that compares images with its "
                       "own idea of them would make them again and again; rewrite.skipPods takes "
                       "its label",
                       true},
    [SCAN_NO_LOGIN] = {"no-login",
                       "%s with images of Docker Hub and without a login, which it limits for "
                       "each address",
                       true},
    [SCAN_COULD_CACHE] = {"could-be-cached",
                          "%s of registries that ECR can cache, and that aren't switched on under "
                          "upstreams",
                          false},
};

const char *scan_hint_name(enum scan_hint hint)
{
    return about_hints[hint].name;
}

static void add_about(size_t n, const char *noun, const char *text, struct strbuf *out)
{
    STRBUF_CLEANUP struct strbuf point = STRBUF_INIT(TEXT_MAX);

    if (n == 0)
        return;
    add_number(&point, n, noun);
    strbuf_add_str(&point, text + strlen("%s"));
    add_point(out, &point);
}

/* What only operators turn into pods. */
static void add_kinds(const struct scan_report *report, struct strbuf *out)
{
    STRBUF_CLEANUP struct strbuf text = STRBUF_INIT(TEXT_MAX);
    size_t n;
    struct scan_kind *kinds = scan_kinds(report->scan, &n);

    if (n)
        strbuf_add_str(&text, "objects whose images only their operator turns into pods, which "
                              "the webhook sees then: ");
    for (size_t i = 0; i < n; i++) {
        strbuf_add_str(&text, i ? ", " : "");
        text_add_printable(&text, kinds[i].kind);
        strbuf_add_str(&text, " of ");
        text_add_printable(&text, kinds[i].version);
        strbuf_add_str(&text, " (");
        add_number(&text, kinds[i].objects, "object");
        strbuf_add_str(&text, ", ");
        add_number(&text, kinds[i].images, "image");
        strbuf_add_char(&text, ')');
    }
    if (n)
        add_point(out, &text);
    free(kinds);
}

static int most_changes(const void *left, const void *right)
{
    const struct scan_sum *a = left, *b = right;

    return (a->change < b->change) - (a->change > b->change);
}

/* Where everything would change. */
static void add_start(const struct scan_report *report, struct strbuf *out)
{
    STRBUF_CLEANUP struct strbuf text = STRBUF_INIT(TEXT_MAX);
    size_t n, told = 0;
    struct scan_sum *sums = scan_by_namespace(report->scan, &n);

    qsort(sums, n, sizeof(*sums), most_changes);
    strbuf_add_str(&text, "Namespaces to start with, where all images would change:");
    for (size_t i = 0; i < n && told < START_WITH; i++) {
        if (sums[i].stay || !sums[i].name.len)
            continue;
        strbuf_add_str(&text, told++ ? ", " : " ");
        text_add_printable(&text, sums[i].name);
        strbuf_add_format(&text, " (%zu)", sums[i].change);
    }
    if (told) {
        strbuf_add_char(out, '\n');
        text_add_wrapped(out, strbuf_slice(&text), 0, 2);
    }
    free(sums);
}

static void add_words(const struct scan_image *image, struct strbuf *out)
{
    bool more = false;

    for (unsigned i = 0; i < OUTCOME_COUNT; i++)
        if (image->outcomes & SCAN_BIT(i)) {
            strbuf_add_format(out, "%s%s", more ? ", " : "", outcome_name((enum outcome)i));
            more = true;
        }
    for (unsigned i = 0; i < SCAN_HINT_COUNT; i++)
        if (image->hints & SCAN_BIT(i)) {
            strbuf_add_format(out, "%s%s", more ? ", " : "", about_hints[i].name);
            more = true;
        }
}

static void add_place(void *context, const struct scan_image *image, struct slice namespace)
{
    STRBUF_CLEANUP struct strbuf text = STRBUF_INIT(TEXT_MAX);

    if (image->outcomes == SCAN_BIT(OUTCOME_REWRITTEN) &&
        !(image->hints & ~SCAN_BIT(SCAN_NO_LOGIN)))
        return;
    add_name(namespace, "(none named)", &text);
    strbuf_add_char(&text, ' ');
    add_name(image->name, "(no text)", &text);
    strbuf_add_str(&text, ": ");
    add_words(image, &text);
    strbuf_add_str(&text, " (");
    add_number(&text, image->pods, "pod");
    strbuf_add_char(&text, ')');
    text_add_wrapped(context, strbuf_slice(&text), 0, 4);
}

static void add_points(const struct scan_report *report, const struct scan_sum *all,
                       struct strbuf *out)
{
    add_unready(report, out);
    for (size_t i = 0; i < sizeof(about_outcomes) / sizeof(about_outcomes[0]); i++)
        add_about(all->outcomes[about_outcomes[i].outcome], "image", about_outcomes[i].text, out);
    for (int i = 0; i < SCAN_HINT_COUNT; i++)
        add_about(about_hints[i].pods ? scan_hint_pods(report->scan, (enum scan_hint)i)
                                      : all->hints[i],
                  about_hints[i].pods ? "pod" : "image", about_hints[i].text, out);
    add_kinds(report, out);
    add_about(scan_uncounted(report->scan), "container",
              "%s more than there is room for: not in the table", out);
}

void scan_report_text(const struct scan_report *report, struct text_look look, struct strbuf *out)
{
    STRBUF_CLEANUP struct strbuf points = STRBUF_INIT(out->ceiling);
    STRBUF_CLEANUP struct strbuf places = STRBUF_INIT(out->ceiling);
    struct scan_sum all = scan_all(report->scan);

    add_summary(report, &all, out);
    add_rules(report, out);
    if (all.images)
        add_table(report, look, out);
    add_points(report, &all, &points);
    strbuf_add_str(out, points.len ? "\nTo know before the switch:\n" : "");
    strbuf_add_slice(out, strbuf_slice(&points));
    add_start(report, out);
    if (report->verbose)
        scan_each_place(report->scan, add_place, &places);
    if (places.len)
        strbuf_add_str(out, "\nEach namespace's images that stay, or are named above:\n");
    strbuf_add_slice(out, strbuf_slice(&places));
}

bool scan_report_is_mendable(const struct scan_report *report)
{
    struct scan_sum all = scan_all(report->scan);

    for (int i = 0; i < OUTCOME_COUNT; i++)
        if (all.outcomes[i] && scan_is_mendable((enum outcome)i))
            return true;
    return false;
}
