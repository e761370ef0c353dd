/*
 * A table, as the kinds' types have it (k8s.io/api; argoproj.io: pkg/apis of argo-workflows and
 * argo-rollouts; apps.kruise.io: openkruise/kruise-api; serving.knative.dev: knative serving
 * pkg/apis). A kind is here if what the table names becomes pods as it stands.
 */
#include "manifest_kinds.h"

#include "pullthrough/core/manifest/manifest.h"

#include <stddef.h>

static const char *const core[] = {"v1", NULL};
static const char *const apps[] = {"apps/v1", "apps/v1beta1", "apps/v1beta2", "extensions/v1beta1",
                                   NULL};
static const char *const batch[] = {"batch/v1", "batch/v1beta1", NULL};
static const char *const argo[] = {"argoproj.io/v1alpha1", NULL};
static const char *const kruise[] = {"apps.kruise.io/v1alpha1", "apps.kruise.io/v1beta1", NULL};
static const char *const knative[] = {"serving.knative.dev/v1", "serving.knative.dev/v1beta1",
                                      NULL};

#define ITSELF                                                                                     \
    1,                                                                                             \
    {                                                                                              \
        {                                                                                          \
            NULL                                                                                   \
        }                                                                                          \
    }
#define TEMPLATE                                                                                   \
    1,                                                                                             \
    {                                                                                              \
        {                                                                                          \
            "spec", "template", NULL                                                               \
        }                                                                                          \
    }
#define SPEC                                                                                       \
    1,                                                                                             \
    {                                                                                              \
        {                                                                                          \
            "spec", NULL                                                                           \
        }                                                                                          \
    }

static const struct manifest_kind kinds[] = {
    {"Pod", core, MANIFEST_POD, ITSELF},
    {"PodTemplate", core, MANIFEST_POD, 1, {{"template", NULL}}},
    {"ReplicationController", core, MANIFEST_POD, TEMPLATE},
    {"Deployment", apps, MANIFEST_POD, TEMPLATE},
    {"StatefulSet", apps, MANIFEST_POD, TEMPLATE},
    {"DaemonSet", apps, MANIFEST_POD, TEMPLATE},
    {"ReplicaSet", apps, MANIFEST_POD, TEMPLATE},
    {"Job", batch, MANIFEST_POD, TEMPLATE},
    {"CronJob", batch, MANIFEST_POD, 1, {{"spec", "jobTemplate", "spec", "template", NULL}}},

    {"Rollout", argo, MANIFEST_POD, TEMPLATE},
    {"Workflow", argo, MANIFEST_WORKFLOW, SPEC},
    {"WorkflowTemplate", argo, MANIFEST_WORKFLOW, SPEC},
    {"ClusterWorkflowTemplate", argo, MANIFEST_WORKFLOW, SPEC},
    {"CronWorkflow", argo, MANIFEST_WORKFLOW, 1, {{"spec", "workflowSpec", NULL}}},

    {"CloneSet", kruise, MANIFEST_POD, TEMPLATE},
    {"StatefulSet", kruise, MANIFEST_POD, TEMPLATE},
    {"DaemonSet", kruise, MANIFEST_POD, TEMPLATE},
    {"BroadcastJob", kruise, MANIFEST_POD, TEMPLATE},
    {"AdvancedCronJob",
     kruise,
     MANIFEST_POD,
     2,
     {{"spec", "template", "jobTemplate", "spec", "template", NULL},
      {"spec", "template", "broadcastJobTemplate", "spec", "template", NULL}}},
    {"UnitedDeployment",
     kruise,
     MANIFEST_POD,
     4,
     {{"spec", "template", "statefulSetTemplate", "spec", "template", NULL},
      {"spec", "template", "advancedStatefulSetTemplate", "spec", "template", NULL},
      {"spec", "template", "cloneSetTemplate", "spec", "template", NULL},
      {"spec", "template", "deploymentTemplate", "spec", "template", NULL}}},
    {"SidecarSet", kruise, MANIFEST_POD, ITSELF}, /* its spec has the lists of a pod's */

    {"Service", knative, MANIFEST_POD, TEMPLATE},
    {"Configuration", knative, MANIFEST_POD, TEMPLATE},
    {"Revision", knative, MANIFEST_POD, ITSELF},
};

const struct manifest_kind *manifest_kind_find(struct slice name, struct slice version)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (!slice_is(name, kinds[i].name))
            continue;
        for (const char *const *known = kinds[i].versions; *known; known++)
            if (slice_is(version, *known))
                return &kinds[i];
    }
    return NULL;
}

bool manifest_knows_kind(struct slice kind, struct slice version)
{
    return manifest_kind_find(kind, version) != NULL;
}

bool manifest_is_custom_kind(struct slice version)
{
    struct slice group = slice_of(version.ptr, slice_find(version, '/'));

    return group.len < version.len && slice_find(group, '.') < group.len;
}
