/*
 * The program's command line: which command is meant, and its exit status.
 */
#ifndef PULLTHROUGH_APP_CLI_COMMANDS_H
#define PULLTHROUGH_APP_CLI_COMMANDS_H

enum {
    EXIT_FINE = 0,
    EXIT_NEGATIVE = 1, /* a documented negative answer */
    EXIT_USAGE = 2,
    EXIT_FAILED = 3, /* could not do it */
};

/* Do what main()'s arguments say, whose order it changes. Returns one of the above. */
int commands_run(int argc, char **argv);

#endif
