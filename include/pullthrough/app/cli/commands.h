/*
 * The subcommands. Each has a source file of its own, gets its own name in argv[0], and
 * returns the exit status.
 */
#ifndef PULLTHROUGH_APP_CLI_COMMANDS_H
#define PULLTHROUGH_APP_CLI_COMMANDS_H

enum {
    EXIT_FINE = 0,
    EXIT_NEGATIVE = 1, /* a documented negative answer */
    EXIT_USAGE = 2,
    EXIT_FAILED = 3, /* could not do it */
};

int command_certificates(int argc, char **argv);
int command_iam(int argc, char **argv);
int command_rules(int argc, char **argv);
int command_serve(int argc, char **argv);
int command_review(int argc, char **argv);
int command_verify(int argc, char **argv);
int command_version(int argc, char **argv);

#endif
