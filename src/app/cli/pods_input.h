/*
 * Where `scan` and `warm` have the pods from: files, standard input, or kubectl.
 */
#ifndef PULLTHROUGH_APP_CLI_PODS_INPUT_H
#define PULLTHROUGH_APP_CLI_PODS_INPUT_H

#include "command_line.h"
#include "pullthrough/core/scan/scan.h"

/* The options that say so. */
#define PODS_INPUT_FILES                                                                           \
    {                                                                                              \
        .name = "file", .letter = 'f', .argument = "FILE",                                         \
        .help = "pods or manifests instead of kubectl, \"-\" for standard input; may be given "    \
                "several times"                                                                    \
    }
#define PODS_INPUT_CONTEXT                                                                         \
    {                                                                                              \
        .name = "context", .argument = "NAME", .values = VALUES_CONTEXTS,                          \
        .help = "kubectl's: of which cluster"                                                      \
    }
#define PODS_INPUT_KUBECONFIG                                                                      \
    {                                                                                              \
        .name = "kubeconfig", .argument = "FILE", .help = "kubectl's: by which file"               \
    }
#define PODS_INPUT_NAMESPACE                                                                       \
    {                                                                                              \
        .name = "namespace", .letter = 'n', .argument = "NAME",                                    \
        .help = "kubectl's: of this namespace alone"                                               \
    }
#define PODS_INPUT_ALL_NAMESPACES                                                                  \
    {                                                                                              \
        .name = "all-namespaces", .letter = 'A', .help = "kubectl's: of all, as without -n"        \
    }

/* What they said; all texts are borrowed. */
struct pods_input {
    const struct command *command; /* in whose name failures are told */
    const char *const *files;      /* none: kubectl where standard input is a terminal, or where
                                      something below is said; else standard input */
    size_t n_files;
    const char *context, *kubeconfig, *namespace; /* kubectl's; or NULL */
    bool all_namespaces;                          /* kubectl's */
    bool from_cluster;                            /* kubectl, whatever standard input is */
};

/* Go on with what the options say, and with the configuration, account and region over it. The exit
 * status: that of `go_on`, or where they are wrong together or can't be read, said, its own. A word
 * of the command may only be "-", which is standard input. */
typedef int (*pods_input_fn)(const struct command_line *line, const struct config *config,
                             const struct pods_input *input);
int pods_input_run(const struct command_line *line, pods_input_fn go_on);

/* Count all images by the rules. EXIT_FINE, or EXIT_FAILED, which it said. An input without an
 * image is one, and that is said, too. */
int pods_input_scan(const struct pods_input *input, const struct rule_set *rules,
                    struct scan *scan);

#endif
