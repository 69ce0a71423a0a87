/* SPDX-License-Identifier: MIT */
/* The steps of one guards phase as one nftables transaction: all of them, or none. */
#include "apply/apply.h"

#include <errno.h>
#include <stdlib.h>

#include "base/array.h"
#include "base/cleanup.h"

struct elements {
    struct guard_element *items;
    size_t count, capacity;
};

struct changes {
    struct elements add, delete;
    bool table_add[GUARD_FAMILY_COUNT], table_delete[GUARD_FAMILY_COUNT]; /* both: replaced */
    int failure;
};

static void put(struct changes *changes, struct elements *list, const struct guard_element *element)
{
    int result = array_reserve((void **)&list->items, &list->capacity, list->count, 1, sizeof(*list->items));

    if (result < 0)
        changes->failure = result;
    else
        list->items[list->count++] = *element;
}

static void changes_fini(struct changes *changes)
{
    free(changes->add.items);
    free(changes->delete.items);
}

static void collect(struct changes *changes, const struct plan_step *steps, size_t count, bool undo)
{
    for (size_t i = 0; i < count; i++) {
        const struct model_object *before = undo ? steps[i].after : steps[i].before;
        const struct model_object *after = undo ? steps[i].before : steps[i].after;
        const struct model_object *object = plan_step_object(&steps[i]);

        if (object->kind == MODEL_OBJECT_TABLE) {
            if (undo && before && after)
                continue; /* it was not as it should be, and can't be made so again: undoing leaves the good one */
            changes->table_delete[object->table.family] = before != NULL;
            changes->table_add[object->table.family] = after != NULL;
            continue;
        }
        if (undo && after && guard_element_is_learned(&after->element))
            continue; /* a guest that is still there is learnt again */
        if (before)
            put(changes, &changes->delete, &before->element);
        if (after)
            put(changes, &changes->add, &after->element);
    }
}

static bool contains(const struct elements *list, const struct guard_element *element)
{
    /* Steps come in the order of the elements, so both lists are sorted. */
    size_t low = 0, high = list->count;

    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = guard_element_compare(&list->items[middle], element);

        if (order == 0)
            return true;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

/* A table made anew is filled with what it held, others' elements too, less what this very transaction deletes. */
static void refill(struct changes *changes, const struct model_objects *all)
{
    size_t own_count = changes->add.count;

    for (size_t i = 0; i < all->count; i++) {
        const struct guard_element *element = &all->items[i].element;
        const struct elements own = {changes->add.items, own_count, 0};
        enum guard_family family;

        if (all->items[i].kind != MODEL_OBJECT_ELEMENT)
            continue;
        family = guard_schemas[element->set].family;
        if (changes->table_add[family] && changes->table_delete[family] && !contains(&own, element) &&
            !contains(&changes->delete, element))
            put(changes, &changes->add, element);
    }
}

/* Deletions that go with their table need no message of their own. */
static void drop_deleted(struct changes *changes)
{
    size_t kept = 0;

    for (size_t i = 0; i < changes->delete.count; i++)
        if (!changes->table_delete[guard_schemas[changes->delete.items[i].set].family])
            changes->delete.items[kept++] = changes->delete.items[i];
    changes->delete.count = kept;
}

static int compare_elements(const void *a, const void *b)
{
    return guard_element_compare(a, b);
}

int apply_guards(const struct apply_request *request, const struct plan_step *steps, size_t count, bool undo,
                 struct tapnet_error *error)
{
    struct changes changes cleanup(changes_fini) = {0};
    struct nft_transaction transaction cleanup(nft_transaction_fini);

    nft_transaction_init(&transaction);
    collect(&changes, steps, count, undo);
    refill(&changes, request->all);
    drop_deleted(&changes);
    if (changes.failure < 0)
        return error_set(error, changes.failure, "out of memory");
    if (changes.add.count)
        qsort(changes.add.items, changes.add.count, sizeof(*changes.add.items), compare_elements);
    for (enum guard_family family = 0; family < GUARD_FAMILY_COUNT; family++) {
        if (changes.table_delete[family])
            nft_table_delete(&transaction, family);
        if (changes.table_add[family])
            nft_table_add(&transaction, family);
    }
    nft_elements_delete(&transaction, changes.delete.items, changes.delete.count);
    nft_elements_add(&transaction, changes.add.items, changes.add.count);
    return request->ops->guards_commit(request->ops->data, &transaction, error);
}
