#include "pullthrough/app/base/version.h"
#include "pullthrough/app/cli/commands.h"
#include "pullthrough/edge/http/http_client.h"
#include "pullthrough/edge/http/http_server.h"

#include <jansson.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>
#include <yaml.h>
#include <yyjson.h>

int command_version(int argc, char **argv)
{
    if (argc > 1) {
        bool help = strcmp(argv[1], "--help") == 0;

        (void)fprintf(help ? stdout : stderr,
                      "usage: pullthrough version\n\n"
                      "Prints the version, the commit and the libraries.\n");
        return help ? EXIT_FINE : EXIT_USAGE;
    }
    (void)printf("pullthrough %s (commit %s)\n", version_number, version_commit);
    (void)printf("%s, %s, %s, yyjson %s, jansson %s, libyaml %s\n", http_server_library(),
                 http_client_library(), OpenSSL_version(OPENSSL_VERSION), YYJSON_VERSION_STRING,
                 jansson_version_str(), yaml_get_version_string());
    return EXIT_FINE;
}
