/*
 * The pod is read once, into the caller's arena, and asked in the order in which its reasons
 * outrank each other: whose pod it is, what its owner wants, what the image is, and last what the
 * node says by now, since only that changes by waiting.
 *
 * It refuses to trust: nothing in the pod but the rule set's own rewriting says which image may
 * take another one's place.
 */
#include "pullthrough/core/kube/heal_plan.h"

#include "pullthrough/core/json/json_arena.h"
#include "pullthrough/core/json/json_member.h"
#include "pullthrough/core/review/annotations.h"
#include "pullthrough/core/review/pod_gate.h"
#include "pullthrough/core/rules/rewrite.h"

static const char *const reason_names[HEAL_REASON_COUNT] = {
    [HEAL_NOT_YET] = "not-yet",
    [HEAL_ANOTHER_POD] = "another-pod",
    [HEAL_DELETED] = "deleted",
    [HEAL_ENDED] = "ended",
    [HEAL_MIRROR_POD] = "mirror-pod",
    [HEAL_SKIPPED_POD] = "skipped-pod",
    [HEAL_OPTED_OUT] = "opted-out",
    [HEAL_IMMUTABLE] = "immutable",
    [HEAL_NO_CONTAINER] = "no-container",
    [HEAL_ANOTHER_IMAGE] = "another-image",
    [HEAL_HEALED] = "healed",
    [HEAL_NOT_OURS] = "not-ours",
    [HEAL_NO_ORIGINAL] = "no-original",
    [HEAL_NOT_REWRITTEN] = "not-rewritten",
    [HEAL_DONE_BEFORE] = "done-before",
    [HEAL_RUNNING] = "running",
    [HEAL_WAITS_OTHERWISE] = "waits-otherwise",
    [HEAL_CACHE_NOT_WELL] = "cache-not-well",
    [HEAL_NO_ROOM] = "no-room",
};

const char *heal_reason_name(enum heal_reason reason)
{
    return reason_names[reason];
}

enum {
    NAME_MAX_BYTES = 253, /* of namespaces, pods and uids: what etcd takes as a name */
    /* Some 10 ms: so often each container is compared with each entry that may be of it. */
    COMPARISONS_MAX = 1000 * 1000,
};

/* The pod while it is judged. */
struct healing {
    const struct heal_request *request;
    struct heal_plan *plan;
    struct arena *arena;
    yyjson_val *pod, *annotations;
    yyjson_val *originals, *healed; /* maps, or NULL */
    size_t annotation_bytes;        /* all but that of `healed` */
    struct pod_gate gate;
    struct pod_image *images; /* of containers and initContainers */
    size_t n;
    bool has_image_volume;
    struct heal_change *changes;
};

static int read_text(yyjson_val *value, const char *what, struct slice *text, struct error *error)
{
    *text = json_text(value);
    if (text->len == 0 || text->len > NAME_MAX_BYTES)
        return error_set(error, "the pod's metadata.%s is missing or too long", what);
    return 0;
}

/* An annotation of ours; what is no such object says nothing. */
static yyjson_val *read_map(struct healing *healing, struct slice text)
{
    bool too_much;
    yyjson_val *map = json_arena_read(healing->arena, text, &too_much);

    return yyjson_is_obj(map) ? map : NULL;
}

static void read_annotations(struct healing *healing)
{
    struct slice originals = {0}, healed = {0};
    yyjson_obj_iter iter;
    yyjson_val *key;

    if (!yyjson_obj_iter_init(healing->annotations, &iter))
        return;
    while ((key = yyjson_obj_iter_next(&iter))) {
        struct slice name = json_text(key), value = json_text(yyjson_obj_iter_get_val(key));

        pod_gate_annotation(&healing->gate, name, value);
        if (slice_is(name, ORIGINALS_ANNOTATION))
            originals = value;
        if (slice_is(name, HEALED_ANNOTATION))
            healed = value;
        else
            healing->annotation_bytes += name.len + value.len;
    }
    healing->originals = read_map(healing, originals);
    healing->healed = read_map(healing, healed);
}

static int read_metadata(struct healing *healing, bool *deleted, struct error *error)
{
    struct heal_plan *plan = healing->plan;
    yyjson_val *namespace, *name, *uid, *version, *labels, *deletion, *key;
    const struct json_wanted wanted[] = {
        JSON_WANTED("namespace", &namespace),
        JSON_WANTED("name", &name),
        JSON_WANTED("uid", &uid),
        JSON_WANTED("resourceVersion", &version),
        JSON_WANTED("labels", &labels),
        JSON_WANTED("annotations", &healing->annotations),
        JSON_WANTED("deletionTimestamp", &deletion),
    };
    yyjson_obj_iter iter;

    json_members(json_member(healing->pod, "metadata"), wanted, sizeof(wanted) / sizeof(wanted[0]));
    if (read_text(namespace, "namespace", &plan->namespace, error) ||
        read_text(name, "name", &plan->name, error) || read_text(uid, "uid", &plan->uid, error) ||
        read_text(version, "resourceVersion", &plan->version, error))
        return -1;
    *deleted = deletion != NULL;
    pod_gate_init(&healing->gate, healing->request->rules, plan->namespace);
    if (yyjson_obj_iter_init(labels, &iter))
        while ((key = yyjson_obj_iter_next(&iter)))
            pod_gate_label(&healing->gate, json_text(key), json_text(yyjson_obj_iter_get_val(key)));
    read_annotations(healing);
    return 0;
}

/* "containers/web", the key of our maps. */
static void add_key(struct strbuf *out, const struct pod_image *container)
{
    strbuf_add_str(out, pod_image_field(container->list));
    strbuf_add_char(out, '/');
    strbuf_add_slice(out, container->name);
}

/* NULL in ptr where a map has none for it. */
static struct slice find_entry(yyjson_val *map, const struct pod_image *container)
{
    STRBUF_CLEANUP struct strbuf key = STRBUF_INIT(ALL_ANNOTATIONS_MAX);
    yyjson_val *value = NULL;

    add_key(&key, container);
    if (!strbuf_overflowed(&key))
        json_members(map, &(struct json_wanted){strbuf_slice(&key), &value}, 1);
    return json_text(value);
}

/* The pod's switch is the one that a heal has set. */
static bool is_our_mark(const struct healing *healing)
{
    yyjson_obj_iter iter;
    yyjson_val *key;

    if (yyjson_obj_iter_init(healing->healed, &iter))
        while ((key = yyjson_obj_iter_next(&iter)))
            if (json_text(yyjson_obj_iter_get_val(key)).len)
                return true;
    return false;
}

static int judge_pod(const struct healing *healing, bool deleted)
{
    const struct pod_gate *gate = &healing->gate;
    struct slice phase = json_text(json_member(json_member(healing->pod, "status"), "phase"));

    if (!slice_equal(healing->plan->uid, healing->request->uid))
        return HEAL_ANOTHER_POD;
    if (deleted)
        return HEAL_DELETED;
    if (slice_is(phase, "Failed") || slice_is(phase, "Succeeded"))
        return HEAL_ENDED;
    if (gate->mirror_pod)
        return HEAL_MIRROR_POD;
    if (gate->skipped_namespace || gate->label_opts_out || gate->skipping)
        return HEAL_SKIPPED_POD;
    if (gate->annotation_opts_out && !is_our_mark(healing))
        return HEAL_OPTED_OUT;
    return 0;
}

static bool is_opted_out(const struct healing *healing, const struct pod_image *container)
{
    bool opts_out = false;
    yyjson_obj_iter iter;
    struct slice name;
    yyjson_val *key;

    if (healing->gate.names_ones && yyjson_obj_iter_init(healing->annotations, &iter))
        while ((key = yyjson_obj_iter_next(&iter)))
            if (pod_gate_names_one(json_text(key), &name) && slice_equal(name, container->name))
                opts_out = pod_gate_opts_out(json_text(yyjson_obj_iter_get_val(key)));
    return opts_out;
}

static bool is_rewritten_to(const struct healing *healing, struct slice original,
                            struct slice cached)
{
    STRBUF_CLEANUP struct strbuf text = STRBUF_INIT(REWRITE_TEXT_MAX);

    return rewrite_static(healing->request->rules, original, &text) &&
           slice_equal(strbuf_slice(&text), cached);
}

static bool is_below_host(const struct healing *healing, struct slice image)
{
    struct slice host = rule_set_host(healing->request->rules);

    return host.len && image.len > host.len && slice_starts_with(image, host) &&
           image.ptr[host.len] == '/';
}

/* What a container may become, by its image alone; 0, or why not. */
static int judge_image(struct healing *healing, const struct pod_image *container, bool *puts_back,
                       struct slice *image)
{
    struct slice original = find_entry(healing->originals, container);
    struct slice healed = find_entry(healing->healed, container);

    *puts_back = original.len && slice_equal(original, container->text);
    *image = *puts_back ? healed : original;
    if (*puts_back ? !healed.ptr : !is_below_host(healing, container->text))
        return HEAL_NOT_OURS;
    if (original.len == 0)
        return HEAL_NO_ORIGINAL;
    if (*puts_back ? healed.len == 0 : healed.ptr != NULL)
        return HEAL_DONE_BEFORE;
    if (!is_rewritten_to(healing, original, *puts_back ? healed : container->text))
        return HEAL_NOT_REWRITTEN;
    return 0;
}

/* One status of a container. Its image can't be pulled by kubelet's words for what a registry may
 * be to blame for (pkg/kubelet/images/types.go, cri-api/pkg/errors/errors.go). Between two states
 * it may wait for another reason, or have ended: what the node has tried last is yet to come then.
 */
static int judge_status(yyjson_val *status)
{
    static const char *const no_pull[] = {"ErrImagePull", "ImagePullBackOff",
                                          "RegistryUnavailable"};
    static const char *const before[] = {"", "ContainerCreating", "PodInitializing",
                                         "CrashLoopBackOff"};
    yyjson_val *state, *started, *waiting, *running;
    const struct json_wanted wanted[] = {JSON_WANTED("state", &state),
                                         JSON_WANTED("started", &started)};
    const struct json_wanted states[] = {JSON_WANTED("waiting", &waiting),
                                         JSON_WANTED("running", &running)};
    struct slice reason;

    json_members(status, wanted, 2);
    json_members(state, states, 2);
    if (running || yyjson_is_true(started))
        return HEAL_RUNNING;
    reason = json_text(json_member(waiting, "reason"));
    for (size_t i = 0; i < sizeof(no_pull) / sizeof(no_pull[0]); i++)
        if (slice_is(reason, no_pull[i]))
            return 0;
    for (size_t i = 0; i < sizeof(before) / sizeof(before[0]); i++)
        if (slice_is(reason, before[i]))
            return HEAL_NOT_YET;
    return HEAL_WAITS_OTHERWISE;
}

/* 0: every status of the name says that it waits for its image. */
static int judge_waiting(yyjson_val *statuses, struct slice name)
{
    int outcome = HEAL_NOT_YET;
    yyjson_arr_iter iter;
    yyjson_val *status;

    if (yyjson_arr_iter_init(statuses, &iter))
        while ((status = yyjson_arr_iter_next(&iter)))
            if (slice_equal(json_text(json_member(status, "name")), name)) {
                outcome = judge_status(status);
                if (outcome)
                    break;
            }
    return outcome;
}

/* All of it of one container. */
static int judge_container(struct healing *healing, const struct pod_image *container,
                           bool *puts_back, struct slice *image)
{
    static const char *const fields[] = {
        [POD_CONTAINERS] = "containerStatuses", [POD_INIT_CONTAINERS] = "initContainerStatuses"};
    yyjson_val *statuses =
        json_member(json_member(healing->pod, "status"), fields[container->list]);
    int outcome;

    if (is_opted_out(healing, container))
        return HEAL_OPTED_OUT;
    outcome = judge_image(healing, container, puts_back, image);
    if (outcome)
        return outcome;
    if (yyjson_arr_size(statuses) > HEAL_CONTAINERS_MAX)
        return HEAL_WAITS_OTHERWISE;
    outcome = judge_waiting(statuses, container->name);
    return outcome == 0 && *puts_back && !healing->request->may_put_back ? HEAL_CACHE_NOT_WELL
                                                                         : outcome;
}

/* What it was healed from, by what stands on the pod; empty if it wasn't, or is another by now. */
static struct slice healed_from(const struct healing *healing, const struct pod_image *container)
{
    struct slice healed = find_entry(healing->healed, container);

    return healed.len && slice_equal(find_entry(healing->originals, container), container->text) &&
                   is_rewritten_to(healing, container->text, healed)
               ? healed
               : (struct slice){0};
}

/* Whether those that weren't asked about can be judged too. A pod may have thousands of containers,
 * and a user's annotations thousands of entries. */
static bool can_judge_all(const struct healing *healing)
{
    yyjson_val *status = json_member(healing->pod, "status");
    size_t entries = yyjson_obj_size(healing->originals) + yyjson_obj_size(healing->healed) +
                     yyjson_obj_size(healing->annotations) +
                     yyjson_arr_size(json_member(status, "containerStatuses")) +
                     yyjson_arr_size(json_member(status, "initContainerStatuses"));

    return healing->n * entries <= COMPARISONS_MAX;
}

/* A patch whose answer was lost may have been carried out; which changes these were. */
static int judge_healed(struct healing *healing, const struct pod_image *asked)
{
    const bool all = can_judge_all(healing);

    if (!asked->text.len || !slice_equal(healed_from(healing, asked), healing->request->image))
        return HEAL_ANOTHER_IMAGE;
    for (size_t i = 0; i < healing->n; i++) {
        struct pod_image *container = &healing->images[i];
        struct slice image = container->text;
        struct slice healed =
            all || container == asked ? healed_from(healing, container) : (struct slice){0};

        if (healed.len) {
            container->text = healed;
            healing->changes[healing->plan->n++] = (struct heal_change){container, image};
        }
    }
    return HEAL_HEALED;
}

/* The one that was asked about, and with it those that wait alike, so that the pod changes once. A
 * container whose image volume can't be pulled has the same status, so where the pod has a volume
 * each is waited for until its own Event comes. */
static int judge_containers(struct healing *healing)
{
    const struct heal_request *request = healing->request;
    struct heal_plan *plan = healing->plan;
    const struct pod_image *asked = NULL;
    struct slice asked_image;
    bool others;
    int outcome;

    for (size_t i = 0; i < healing->n && !asked; i++)
        if (slice_is(request->list, pod_image_field(healing->images[i].list)) &&
            request->container.len && slice_equal(healing->images[i].name, request->container))
            asked = &healing->images[i];
    if (!asked)
        return HEAL_NO_CONTAINER;
    if (!slice_equal(asked->text, request->image))
        return judge_healed(healing, asked);
    outcome = judge_container(healing, asked, &plan->puts_back, &asked_image);
    others = !plan->puts_back && !healing->has_image_volume && can_judge_all(healing);
    for (size_t i = 0; i < healing->n && outcome == 0; i++) {
        const struct pod_image *container = &healing->images[i];
        struct slice image = asked_image;
        bool puts_back = plan->puts_back;

        if (container == asked ||
            (others && container->name.len &&
             judge_container(healing, container, &puts_back, &image) == 0 && !puts_back))
            healing->changes[plan->n++] = (struct heal_change){container, image};
    }
    return outcome;
}

static void add_entry(struct strbuf *map, struct slice key, struct slice image)
{
    strbuf_add_char(map, map->len ? ',' : '{');
    strbuf_add_json(map, key);
    strbuf_add_char(map, ':');
    strbuf_add_json(map, image);
}

/* What is there keeps its order, and what is new comes behind it in the pod's: the policy of the
 * chart, which confines us, makes the same text. */
static void write_entries(const struct healing *healing, struct strbuf *map)
{
    const struct heal_plan *plan = healing->plan;
    STRBUF_CLEANUP struct strbuf key = STRBUF_INIT(ALL_ANNOTATIONS_MAX);
    yyjson_obj_iter iter;
    yyjson_val *entry;

    add_key(&key, plan->changes->container); /* the only one, if it is put back */
    if (yyjson_obj_iter_init(healing->healed, &iter))
        while ((entry = yyjson_obj_iter_next(&iter))) {
            bool is_back = plan->puts_back && slice_equal(json_text(entry), strbuf_slice(&key));

            add_entry(map, json_text(entry),
                      is_back ? slice_str("") : json_text(yyjson_obj_iter_get_val(entry)));
        }
    for (size_t i = 0; i < plan->n && !plan->puts_back; i++) {
        strbuf_clear(&key);
        add_key(&key, plan->changes[i].container);
        add_entry(map, strbuf_slice(&key), plan->changes[i].container->text);
    }
    strbuf_add_char(map, '}');
}

static int write_healed(struct healing *healing)
{
    const size_t others = healing->annotation_bytes + strlen(HEALED_ANNOTATION) +
                          strlen(POD_GATE_SWITCH) + strlen("disabled");
    STRBUF_CLEANUP struct strbuf map = STRBUF_INIT(ALL_ANNOTATIONS_MAX);
    char *copy;

    write_entries(healing, &map);
    if (strbuf_overflowed(&map) || others + map.len > ALL_ANNOTATIONS_MAX)
        return HEAL_NO_ROOM;
    copy = arena_alloc(healing->arena, map.len);
    memcpy(copy, map.ptr, map.len);
    healing->plan->healed = slice_of(copy, map.len);
    return 0;
}

static int read_pod(struct healing *healing, struct slice pod, bool *deleted, struct error *error)
{
    bool too_much = false;

    healing->pod = json_arena_read(healing->arena, pod, &too_much);
    if (!healing->pod)
        return error_set(error, too_much ? "the pod takes too much memory" : "malformed JSON");
    if (read_metadata(healing, deleted, error))
        return -1;
    if (pod_images_collect(healing->pod, POD_CONTAINERS | POD_INIT_CONTAINERS | POD_IMAGE_VOLUMES,
                           HEAL_CONTAINERS_MAX, healing->arena, &healing->images, &healing->n))
        return error_set(error, "the object is not shaped like a pod");
    while (healing->n && healing->images[healing->n - 1].list == POD_IMAGE_VOLUMES) {
        healing->has_image_volume = true;
        healing->n--;
    }
    healing->changes = arena_try_alloc(healing->arena, healing->n * sizeof(*healing->changes));
    return healing->changes || healing->n == 0 ? 0
                                               : error_set(error, "the pod takes too much memory");
}

int heal_plan_make(struct heal_plan *plan, const struct heal_request *request, struct slice pod,
                   struct arena *arena, struct error *error)
{
    struct healing healing = {.request = request, .plan = plan, .arena = arena};
    bool deleted = false;
    int outcome;

    *plan = (struct heal_plan){0};
    if (!slice_is(request->list, pod_image_field(POD_CONTAINERS)) &&
        !slice_is(request->list, pod_image_field(POD_INIT_CONTAINERS)))
        return HEAL_IMMUTABLE;
    if (read_pod(&healing, pod, &deleted, error))
        return -1;
    outcome = judge_pod(&healing, deleted);
    if (outcome == 0)
        outcome = judge_containers(&healing);
    plan->changes = healing.changes;
    if (outcome)
        return outcome;
    plan->takes_mark_away = plan->puts_back && healing.gate.annotation_opts_out;
    return write_healed(&healing);
}
