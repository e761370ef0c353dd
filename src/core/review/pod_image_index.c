/*
 * Heapsort: it needs no memory beside the order, and no input makes it slow. (glibc's qsort()
 * may take a second array, which nobody would count.)
 */
#include "pod_image_index.h"

/* Lengths first: names of one length are compared to the byte only then. */
static int compare(struct pod_image_index *index, const struct pod_image *image, unsigned list,
                   struct slice name)
{
    index->comparisons++;
    if (image->list != list)
        return image->list < list ? -1 : 1;
    if (image->name.len != name.len)
        return image->name.len < name.len ? -1 : 1;
    return name.len ? memcmp(image->name.ptr, name.ptr, name.len) : 0;
}

static bool is_before(struct pod_image_index *index, uint32_t a, uint32_t b)
{
    const struct pod_image *than = &index->images[b];
    int order = compare(index, &index->images[a], than->list, than->name);

    return order ? order < 0 : a < b;
}

/* Let the entry at `at` sink until both below it are before it. */
static void sink(struct pod_image_index *index, size_t at, size_t n)
{
    uint32_t *heap = index->order, moving = heap[at];

    for (size_t below; (below = 2 * at + 1) < n; at = below) {
        if (below + 1 < n && is_before(index, heap[below], heap[below + 1]))
            below++;
        if (!is_before(index, moving, heap[below]))
            break;
        heap[at] = heap[below];
    }
    heap[at] = moving;
}

bool pod_image_index_init(struct pod_image_index *index, const struct pod_image *images, size_t n,
                          struct arena *arena)
{
    *index = (struct pod_image_index){.images = images, .n = n};
    index->order = arena_try_alloc(arena, n * sizeof(*index->order));
    if (!index->order)
        return false;
    for (size_t i = 0; i < n; i++)
        index->order[i] = (uint32_t)i;
    for (size_t i = n / 2; i-- > 0;)
        sink(index, i, n);
    for (size_t end = n; end-- > 1;) {
        uint32_t largest = index->order[0];

        index->order[0] = index->order[end];
        index->order[end] = largest;
        sink(index, 0, end);
    }
    return true;
}

/* How many come before `name`, and those of that name too if `after`. */
static size_t position(struct pod_image_index *index, unsigned list, struct slice name, bool after)
{
    size_t low = 0, high = index->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (compare(index, &index->images[index->order[middle]], list, name) < (after ? 1 : 0))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

size_t pod_image_index_find(struct pod_image_index *index, unsigned list, struct slice name,
                            size_t *first)
{
    *first = position(index, list, name, false);
    if (*first == index->n || compare(index, &index->images[index->order[*first]], list, name) != 0)
        return 0;
    return position(index, list, name, true) - *first;
}

const struct pod_image *pod_image_index_first(struct pod_image_index *index, unsigned list,
                                              struct slice name)
{
    size_t first;

    return pod_image_index_find(index, list, name, &first) ? &index->images[index->order[first]]
                                                           : NULL;
}

const struct pod_image *pod_image_index_last(struct pod_image_index *index, unsigned list,
                                             struct slice name)
{
    size_t first, n = pod_image_index_find(index, list, name, &first);

    return n ? &index->images[index->order[first + n - 1]] : NULL;
}
