/*
 * What the text of a failed validation speaks of: the credential, an outage, or neither that could
 * be told.
 *
 * The texts are ECR's, Secrets Manager's, KMS's and the upstream's own, passed on; nobody promises
 * their words. So this reads words, not sentences, and errs on one side: to take a bad credential
 * for an outage costs pulls that fail with a reason; to take an outage for a bad credential would
 * turn the cache off in the hour that it is for. It knows English only, as ECR does.
 */
#include "pullthrough/core/aws/ecr_rules.h"

enum { WORDS_MAX = 400, WORD_MAX_BYTES = 64 };

/* A text as lower-case words. A clause ends at a mark or a conjunction; no pattern goes beyond. */
struct words {
    struct {
        char text[WORD_MAX_BYTES];
        unsigned clause;
    } items[WORDS_MAX];
    size_t n;
};

static bool is_one_of(const char *word, const char *const *set)
{
    for (; *set; set++)
        if (strcmp(word, *set) == 0)
            return true;
    return false;
}

/* Sets that patterns name. */
static const char *const negations[] = {"not",    "no",    "cannot", "cant",    "couldnt", "didnt",
                                        "doesnt", "isnt",  "wasnt",  "arent",   "unable",  "never",
                                        "failed", "fails", "longer", "without", NULL};
static const char *const nouns[] = {"credential", "credentials", "username", "password",
                                    "passwords",  "token",       "tokens",   "accesstoken",
                                    "secret",     "secrets",     "account",  NULL};
static const char *const faults[] = {"invalid",  "incorrect",    "wrong",     "bad",    "expired",
                                     "revoked",  "rejected",     "refused",   "denied", "malformed",
                                     "disabled", "deactivated",  "suspended", "locked", "deleted",
                                     "mismatch", "unauthorized", NULL};
static const char *const merits[] = {"valid",      "correct", "accepted", "accept", "recognized",
                                     "recognised", "match",   "active",   NULL};
static const char *const conjunctions[] = {"but",   "because",  "while", "when",
                                           "since", "although", "so",    NULL};

/* Words in this order within a clause, at most `gap` others before each but the first. A word that
 * ends in "*" is a beginning; "!" is a negation, "@noun", "@fault" and "@merit" one of a set. */
struct pattern {
    const char *text;
    size_t gap;
};

/* The upstream, the way to it, or AWS itself. */
static const struct pattern outages[] = {
    {"rate", 0},
    {"limit", 0},
    {"limits", 0},
    {"limited", 0},
    {"limitexceeded*", 0},
    {"quota", 0},
    {"throttl*", 0},
    {"too many", 0},
    {"toomanyrequests*", 0},
    {"slow", 0},
    {"slowdown", 0},
    {"timeout*", 0},
    {"timed out", 0},
    {"time out", 0},
    {"deadline", 0},
    {"reach", 0},
    {"reached", 0},
    {"reachable", 0},
    {"unreach*", 0},
    {"unavailable", 0},
    {"serviceunavailable*", 0},
    {"not available", 1},
    {"connect*", 0},
    {"network*", 0},
    {"dns", 0},
    {"no such host", 0},
    {"! resolve*", 2},
    {"resolution", 0},
    {"tls", 0},
    {"ssl", 0},
    {"x509", 0},
    {"certificate*", 0},
    {"handshake*", 0},
    {"socket*", 0},
    {"eof", 0},
    {"peer", 0},
    {"gateway*", 0},
    {"proxy*", 0},
    {"firewall", 0},
    {"internal", 0},
    {"internalerror*", 0},
    {"internalserver*", 0},
    {"internalservice*", 0},
    {"internalfailure*", 0},
    {"serverexception*", 0},
    {"server error", 0},
    {"service error", 0},
    {"temporar*", 0},
    {"later", 0},
    {"retry after", 0},
    {"maintenance", 0},
    {"outage*", 0},
    {"overload*", 0},
    {"busy", 0},
    {"is down", 1},
    {"! respond*", 2},
    {"! response", 1},
    {"! answer*", 2},
    {"unresponsive", 0},
    {"degraded", 0},
    {"incident", 0},
    {"abort*", 0},
    {"interrupt*", 0},
    {"cancel*", 0},
    {"security token", 0},
    {"expiredtoken*", 0},
    {"unrecognizedclient*", 0},
    {"token endpoint", 0},
    {"token server", 0},
    {"token service", 0},
    {"token response", 0},
    {"token answer", 0},

};

/* The credential: what the upstream says of it, then what Secrets Manager and KMS do. */
static const struct pattern refusals[] = {
    {"authentication failed", 8},
    {"authentication failure", 0},
    {"authentication @fault", 4},
    {"authentication unsuccessful", 2},
    {"authentication required", 1},
    {"requires authentication", 1},
    {"! authenticat*", 2},
    {"unauthorized", 0},
    {"401", 0},
    {"login @fault", 3},
    {"login failed", 3},
    {"@noun @fault", 8},
    {"@fault @noun", 2},
    {"@noun ! @merit", 8},
    {"! accept* @noun", 3},
    {"! match* @noun", 4},

    {"secret* ! found", 8},
    {"secret* ! exist*", 8},
    {"secret* missing", 4},
    {"secret* deletion", 4},
    {"secret* ! expected", 8},
    {"secret* ! contain*", 4},
    {"secret* ! json", 4},
    {"secret* ! parse*", 4},
    {"secret* ! value", 3},
    {"secret* empty", 3},
    {"secret* lacks", 3},
    {"secret* ! access*", 4},
    {"secret* inaccessible", 4},
    {"! access secret*", 2},
    {"! find secret*", 3},
    {"! parse* secret*", 3},
    {"@fault access* secret*", 4},
    {"access @fault secret*", 8},
    {"secret* accessdenied*", 8},
    {"accessdenied* secret*", 12},
    {"! authorized secretsmanager", 8},
    {"requires secret*", 4},
    {"! decrypt*", 4},
    {"decrypt* failed", 4},
    {"decryptionfailure*", 0},
    {"decrypt* @fault", 6},
    {"kms* @fault", 4},
    {"accessdenied* kms*", 12},
    {"! authorized kms", 8},
};

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_word_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* Whether a clause ends at `at`: a dot within a host name ends none. */
static bool is_end(const char *at)
{
    if (*at == '.')
        return at[1] == ' ' || at[1] == '\0';
    return *at == ',' || *at == ';' || *at == ':' || *at == '(' || *at == ')' || *at == '\n';
}

static void take_word(struct words *words, const char **at, unsigned *clause)
{
    char *word = words->items[words->n].text;
    size_t len = 0;

    for (; is_word_byte(lower(**at)) || **at == '\''; (*at)++)
        if (**at != '\'' && len + 1 < WORD_MAX_BYTES)
            word[len++] = lower(**at);
    word[len] = '\0';
    if (is_one_of(word, conjunctions))
        (*clause)++;
    words->items[words->n].clause = *clause;
    words->n += len > 0 ? 1 : 0;
}

static void split(struct words *words, const char *text)
{
    unsigned clause = 0;

    words->n = 0;
    while (*text && words->n < WORDS_MAX) {
        if (is_word_byte(lower(*text)) || *text == '\'') {
            take_word(words, &text, &clause);
            continue;
        }
        /* "is not authorized to perform: secretsmanager:GetSecretValue" is one */
        if (is_end(text) && !(words->n && strcmp(words->items[words->n - 1].text, "perform") == 0))
            clause++;
        text++;
    }
}

static bool fits(const char *word, struct slice wanted)
{
    if (slice_is(wanted, "!"))
        return is_one_of(word, negations);
    if (slice_is(wanted, "@noun"))
        return is_one_of(word, nouns);
    if (slice_is(wanted, "@fault"))
        return is_one_of(word, faults);
    if (slice_is(wanted, "@merit"))
        return is_one_of(word, merits);
    if (slice_ends_with(wanted, slice_str("*")))
        return slice_starts_with(slice_str(word), slice_of(wanted.ptr, wanted.len - 1));
    return slice_is(wanted, word);
}

/* Whether the rest of a pattern stands behind word `from`, whose beginning was found. */
static bool continues(const struct words *words, size_t from, struct slice rest, size_t gap)
{
    while (rest.len) {
        struct slice word = slice_cut(&rest, ' ');
        size_t at = from + 1;

        while (at < words->n && at <= from + 1 + gap &&
               words->items[at].clause == words->items[from].clause &&
               !fits(words->items[at].text, word))
            at++;
        if (at >= words->n || at > from + 1 + gap ||
            words->items[at].clause != words->items[from].clause)
            return false;
        from = at;
    }
    return true;
}

static bool has(const struct words *words, const struct pattern *patterns, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct slice rest = slice_str(patterns[i].text), first = slice_cut(&rest, ' ');

        for (size_t at = 0; at < words->n; at++)
            if (fits(words->items[at].text, first) && continues(words, at, rest, patterns[i].gap))
                return true;
    }
    return false;
}

/* 407 (a proxy's), 408, 425, 429 and every 5xx. */
static bool has_status_of_outage(const struct words *words)
{
    static const char *const statuses[] = {"407", "408", "425", "429", NULL};

    for (size_t i = 0; i < words->n; i++) {
        const char *word = words->items[i].text;

        if (is_one_of(word, statuses) ||
            (strlen(word) == 3 && word[0] == '5' && strspn(word, "0123456789") == 3))
            return true;
    }
    return false;
}

enum ecr_failure ecr_rules_judge_failure(const char *failure)
{
    struct words words;

    split(&words, failure);
    if (has_status_of_outage(&words) || has(&words, outages, sizeof(outages) / sizeof(outages[0])))
        return ECR_FAILURE_UPSTREAM;
    if (has(&words, refusals, sizeof(refusals) / sizeof(refusals[0])))
        return ECR_FAILURE_CREDENTIAL;
    return ECR_FAILURE_UNCLEAR;
}
