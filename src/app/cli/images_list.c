/*
 * ECR knows no filter by prefix: all repositories of the registry are asked for, unless one is
 * named, and then the images of those that count.
 */
#include "images_list.h"

#include "command.h"
#include "pullthrough/core/base/alloc.h"
#include "pullthrough/core/rules/rewrite.h"

#include <stdlib.h>
#include <string.h>

enum { PAGE_EXPECTED = 64 * 1024 };

/* Whether `path` is `above`, or lies below it. */
static bool is_below(struct slice path, struct slice above)
{
    return slice_starts_with(path, above) && (path.len == above.len || path.ptr[above.len] == '/');
}

static bool is_cached_path(struct slice path, const struct config *config)
{
    for (size_t i = 0; i < config->n_upstreams; i++)
        if (is_below(path, slice_str(config->upstreams[i].prefix)))
            return true;
    return false;
}

/* Whether the text names a version, which the image's name in ECR always has. */
static bool names_version(struct slice text)
{
    struct image_ref ref;

    return image_ref_parse(&ref, text, NULL) == 0 && (ref.tag.len || ref.digest.len);
}

static void take_name(struct images_wanted *wanted, struct slice text, bool version)
{
    const struct rewrite_name name = rewrite_name_of(text);

    *wanted = (struct images_wanted){.path = name.repository, .is_repository = true};
    if (version) {
        wanted->digest = name.digest;
        wanted->tag = name.digest.len ? (struct slice){0} : name.tag;
    }
}

int images_wanted_read(struct images_wanted *wanted, const char *text, const struct config *config,
                       const struct rule_set *rules, struct strbuf *target, struct error *error)
{
    struct slice path = slice_str(text), host = rule_set_host(rules);
    bool version;
    int upstream;

    if (slice_starts_with(path, host) && path.len > host.len && path.ptr[host.len] == '/')
        path = slice_from(path, host.len + 1);
    while (path.len && path.ptr[path.len - 1] == '/')
        path.len--;
    if ((upstream = rule_set_find_any(rules, path)) >= 0)
        path = rule_set_prefix(rules, upstream);
    version = slice_find(path, ':') < path.len || slice_find(path, '@') < path.len;
    if (is_cached_path(version ? rewrite_name_of(path).repository : path, config)) {
        if (version)
            take_name(wanted, path, true);
        else
            *wanted = (struct images_wanted){.path = path};
        return 0;
    }
    if (!rewrite_static(rules, path, target))
        return error_set(error,
                         "%s: is neither below an upstream's prefix nor an image of an upstream "
                         "(`pullthrough rules list` shows both)",
                         text);
    take_name(wanted, slice_from(strbuf_slice(target), host.len + 1), names_version(path));
    return 0;
}

static bool is_wanted(const struct images_wanted *wanted, const struct ecr_image *image)
{
    if (wanted->digest.len)
        return slice_is(wanted->digest, image->digest);
    for (size_t i = 0; i < image->n_tags; i++)
        if (slice_is(wanted->tag, image->tags[i]))
            return true;
    return wanted->tag.len == 0;
}

static int fail(struct error *error)
{
    command_add_denied(error);
    return error_prefix(error, "ECR does not say what it holds");
}

/* All pages of a repository. One that went meanwhile has no images. */
static int ask_repository(struct images_list *list, const struct images_wanted *wanted,
                          const char *repository, struct image_client *client, struct error *error)
{
    struct ecr_images images = {.next_token = "on"};

    for (unsigned page = 0; *images.next_token; page++) {
        enum image_outcome outcome =
            image_client_images(client, repository, page, &list->arena, &images, error);

        if (outcome == IMAGE_ABSENT)
            return 0;
        if (outcome != IMAGE_THERE)
            return fail(error);
        for (size_t i = 0; i < images.n; i++) {
            if (!is_wanted(wanted, &images.items[i]))
                continue;
            list->items = alloc_grown(list->items, list->n, &list->size, sizeof(*list->items));
            list->items[list->n++] = (struct images_found){repository, images.items[i]};
        }
    }
    return 0;
}

struct names {
    const char **items; /* in the list's arena */
    size_t n, size;
};

static int by_name(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

static int find_repositories(struct names *names, struct images_list *list,
                             const struct images_wanted *wanted, const struct config *config,
                             struct image_client *client, struct error *error)
{
    struct ecr_repositories found = {.next_token = "on"};

    for (unsigned page = 0; *found.next_token; page++) {
        if (image_client_repositories(client, page, &list->arena, &found, error) != IMAGE_THERE)
            return fail(error);
        for (size_t i = 0; i < found.n; i++) {
            struct slice name = slice_str(found.items[i].name);

            if (wanted->path.len ? !is_below(name, wanted->path) : !is_cached_path(name, config))
                continue;
            names->items = alloc_grown(names->items, names->n, &names->size, sizeof(*names->items));
            names->items[names->n++] = found.items[i].name;
        }
    }
    if (names->n)
        qsort(names->items, names->n, sizeof(*names->items), by_name);
    return 0;
}

int images_list_ask(struct images_list *list, const struct images_wanted *wanted,
                    const struct config *config, struct image_client *client,
                    struct progress *progress, struct error *error)
{
    struct names names = {.items = NULL};
    int result;

    *list = (struct images_list){.items = NULL};
    arena_init(&list->arena, PAGE_EXPECTED);
    progress_begin(progress, "asking ECR for its repositories");
    if (wanted->is_repository) {
        names.items = alloc_grown(NULL, 0, &names.size, sizeof(*names.items));
        names.items[names.n++] = arena_text(&list->arena, wanted->path);
        result = 0;
    } else {
        result = find_repositories(&names, list, wanted, config, client, error);
    }
    for (size_t i = 0; i < names.n && result == 0; i++) {
        progress_update(progress, "asking ECR for the images of repository %zu of %zu", i + 1,
                        names.n);
        result = ask_repository(list, wanted, names.items[i], client, error);
    }
    progress_end(progress);
    free(names.items);
    return result;
}

void images_list_fini(struct images_list *list)
{
    free(list->items);
    arena_fini(&list->arena);
}
