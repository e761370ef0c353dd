/*
 * By exclusion: where a proxy may name a user, only texts that are known to hold no part of a
 * URL are shown. The list is of libcurl 7.88; a text that it lacks costs words, never a secret.
 */
#include "http_client_problem.h"

#include "pullthrough/core/base/redact.h"
#include "pullthrough/core/base/slice.h"
#include "pullthrough/core/base/strbuf.h"
#include "pullthrough/edge/sys/environment.h"

/* Those that libcurl reads; it never reads HTTP_PROXY, which CGI gives to clients. */
static const char *const variables[] = {"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy",
                                        "ALL_PROXY"};

/* How texts begin that libcurl 7.88 makes of numbers, of OpenSSL's reasons and of our own file
 * names. */
static const char *const harmless[] = {
    "CONNECT tunnel failed, response ",
    "Connection timed out after ",
    "Operation timed out after ",
    "Proxy CONNECT aborted",
    "Received HTTP code ",
    "Recv failure: ",
    "SSL certificate problem: ",
    "Send failure: ",
    "error setting certificate ",
};

/* The variable whose URL may name a user, or NULL. */
static const char *secret_proxy(void)
{
    const struct environment environment = environment_of_process();

    for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++)
        if (redact_has_user(environment_get(&environment, variables[i])))
            return variables[i];
    return NULL;
}

static bool is_harmless(struct slice text)
{
    for (size_t i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++)
        if (slice_starts_with(text, slice_str(harmless[i])))
            return true;
    return false;
}

int http_client_problem_set(struct error *error, CURLcode code, const char *text, bool direct)
{
    const char *proxy = direct ? NULL : secret_proxy();
    STRBUF_CLEANUP struct strbuf shown = STRBUF_INIT(2 * CURL_ERROR_SIZE);

    if (!text[0])
        return error_set(error, "%s", curl_easy_strerror(code));
    if (proxy && !is_harmless(slice_str(text)))
        return error_set(
            error,
            "%s (%s may name a user, so libcurl's own words are not shown; bytes such as "
            "/ ? # @ in its password must be percent-encoded)",
            curl_easy_strerror(code), proxy);
    redact_text(&shown, slice_str(text));
    return error_set(error, "%s", strbuf_str(&shown));
}
