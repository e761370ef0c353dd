/*
 * The credential of a rule: which secret it is, whether that is there and works, and whether the
 * rule gets the one that the configuration names.
 *
 * A credential that works stays, whosever it is: an exchange would break what others rely on, and
 * two clusters with different configurations would exchange it for ever.
 */
#include "reconcile_judge.h"

#include "pullthrough/core/image/aws_partition.h"

#define TEXT(...) reconcile_text(question->arena, __VA_ARGS__)

/* What is known against the secret itself. */
static bool judge_secret(struct judgement *judgement, const struct question *question)
{
    const char *name = question->upstream->secret;
    const char *problem =
        question->observation->secret_problem ? question->observation->secret_problem : "";

    switch (question->observation->secret) {
    case RECONCILE_SECRET_ABSENT:
        judgement_conclude(judgement, UPSTREAM_SECRET_MISSING,
                           TEXT("the secret \"%s\" is not in Secrets Manager in %s", name,
                                question->wanted->region));
        return true;
    case RECONCILE_SECRET_DELETED:
        judgement_conclude(judgement, UPSTREAM_SECRET_MISSING,
                           TEXT("the secret \"%s\" is scheduled for deletion", name));
        return true;
    case RECONCILE_SECRET_EMPTY:
        judgement_conclude(judgement, UPSTREAM_SECRET_INVALID,
                           TEXT("the secret \"%s\" has no value yet", name));
        return true;
    case RECONCILE_SECRET_FOREIGN_KEY:
        judgement_conclude(
            judgement, UPSTREAM_SECRET_INVALID,
            TEXT("the secret \"%s\" is encrypted with a key of your own; ECR can read it only "
                 "under the default key aws/secretsmanager",
                 name));
        return true;
    case RECONCILE_SECRET_MALFORMED:
        judgement_conclude(judgement, UPSTREAM_SECRET_INVALID,
                           TEXT("the secret \"%s\": %s", name, problem));
        return true;
    case RECONCILE_SECRET_NOT_LOOKED:
    case RECONCILE_SECRET_FOUND:
    case RECONCILE_SECRET_FORBIDDEN:
    case RECONCILE_SECRET_FAILED: break;
    }
    return false;
}

/* The region in "arn:PARTITION:secretsmanager:REGION:...". */
static struct slice region_of(const char *arn)
{
    struct slice rest = slice_str(arn);

    for (int i = 0; i < 3; i++)
        (void)slice_cut(&rest, ':');
    return slice_cut(&rest, ':');
}

const char *judge_find_arn(struct judgement *judgement, const struct question *question)
{
    const struct reconcile_observation *observation = question->observation;
    const char *secret = question->upstream->secret;
    const char *problem =
        observation->secret_problem ? observation->secret_problem : "no reason given";

    if (aws_is_arn(slice_str(secret))) {
        if (slice_is(region_of(secret), question->wanted->region))
            return secret;
        judgement_conclude(
            judgement, UPSTREAM_SECRET_MISSING,
            TEXT("the secret is in %.*s; ECR in %s reads secrets of its own region only",
                 SLICE_FMT(region_of(secret)), question->wanted->region));
        return NULL;
    }
    if (observation->secret == RECONCILE_SECRET_FOUND)
        return observation->secret_arn;
    if (judge_secret(judgement, question))
        return NULL;
    if (observation->secret == RECONCILE_SECRET_FORBIDDEN)
        judgement_conclude(judgement, UPSTREAM_DENIED,
                           TEXT("the secret \"%s\" may not be looked up; allow "
                                "secretsmanager:DescribeSecret, or configure its ARN (%s)",
                                secret, problem));
    else if (observation->secret == RECONCILE_SECRET_FAILED)
        judgement_conclude(judgement, UPSTREAM_MISSING,
                           TEXT("the secret \"%s\" could not be looked up: %s", secret, problem));
    else
        judgement_conclude(judgement, UPSTREAM_MISSING,
                           TEXT("the secret \"%s\" was not looked up", secret));
    return NULL;
}

bool judge_may_write(struct judgement *judgement, const struct question *question)
{
    const struct reconcile_attempt *attempt = &question->observation->attempt;
    enum upstream_state state = UPSTREAM_MISSING;

    if (!attempt->failed)
        return true;
    if (attempt->answered) {
        switch (attempt->class) {
        case AWS_ERROR_UNSUPPORTED_UPSTREAM: state = UPSTREAM_UNSUPPORTED; break;
        case AWS_ERROR_SECRET_REQUIRED:
        case AWS_ERROR_SECRET_NOT_FOUND: state = UPSTREAM_SECRET_MISSING; break;
        case AWS_ERROR_SECRET_INACCESSIBLE:
        case AWS_ERROR_SECRET_UNDECRYPTABLE: state = UPSTREAM_SECRET_INVALID; break;
        case AWS_ERROR_ACCESS_DENIED: state = UPSTREAM_DENIED; break;
        default: break;
        }
    }
    judgement_conclude(
        judgement, state,
        attempt->answered && attempt->class == AWS_ERROR_SECRET_UNDECRYPTABLE
            ? TEXT("%s; ECR can read it only under the default key aws/secretsmanager",
                   attempt->problem)
            : attempt->problem);
    return !attempt->answered || attempt->age_s >= reconcile_retry_s(attempt->class);
}

/* What Secrets Manager says of the secret that the rule has. */
static bool is_gone(enum reconcile_secret secret)
{
    return secret == RECONCILE_SECRET_ABSENT || secret == RECONCILE_SECRET_DELETED;
}

static bool is_no_use(enum reconcile_secret secret)
{
    return is_gone(secret) || secret == RECONCILE_SECRET_EMPTY ||
           secret == RECONCILE_SECRET_FOREIGN_KEY;
}

/* Whether nothing speaks against a credential that isn't the configuration's. Where ECR logged in
 * with it, that weighs more than what its description makes us think. */
static bool seems_to_work(const struct question *question)
{
    const struct reconcile_observation *observation = question->observation;

    if (observation->validity == RECONCILE_INVALID || is_gone(observation->rule_secret))
        return false;
    if (observation->rule_secret == RECONCILE_SECRET_FOUND)
        return true;
    if (reconcile_is_made_anew(question->rule->credential_arn, question->upstream->secret))
        return false;
    return (observation->validity == RECONCILE_VALID && !observation->doubt) ||
           !is_no_use(observation->rule_secret);
}

static void note_kept(struct judgement *judgement, const struct question *question,
                      const char *reason)
{
    judgement_note(judgement,
                   TEXT("the rule \"%s\" keeps another credential than the configuration names%s%s",
                        question->rule->prefix, reason ? ": " : "", reason ? reason : ""));
}

/* Give the rule the credential that is wanted. What stands against that is the judgement where the
 * rule has none, and a note where it has one. */
static void plan_update(struct judgement *judgement, const struct question *question)
{
    const struct ecr_rule *rule = question->rule;
    enum reconcile_secret rule_secret = question->observation->rule_secret;
    struct judgement reason = {0};
    const char *arn = NULL;

    if (question->wanted->mode == RECONCILE_MANAGE) {
        arn = judge_find_arn(&reason, question);
        if (arn && judge_may_write(&reason, question)) {
            judgement->update = true;
            judgement->arn = arn;
        }
    }
    if (!rule->credential_arn[0]) {
        if (reason.status.reason)
            judgement_conclude(judgement,
                               reason.status.state == UPSTREAM_MISSING ? judgement->status.state
                                                                       : reason.status.state,
                               reason.status.reason);
        return;
    }
    if (judgement->update)
        return;
    note_kept(judgement, question, reason.status.reason);
    if (is_no_use(rule_secret))
        judgement_conclude(judgement,
                           is_gone(rule_secret) ? UPSTREAM_SECRET_MISSING : UPSTREAM_SECRET_INVALID,
                           TEXT("the secret of the rule \"%s\" is gone, or ECR cannot read it: %s",
                                rule->prefix, rule->credential_arn));
}

/* A failure, without the full stop that the sentence around it brings. */
static struct slice bare_failure(const char *failure)
{
    struct slice text = slice_str(failure);

    while (text.len && (text.ptr[text.len - 1] == '.' || text.ptr[text.len - 1] == ' '))
        text.len--;
    return text.len ? text : slice_str("no reason given");
}

/* A try that failed and decides nothing. */
static void note_doubt(struct judgement *judgement, const struct question *question)
{
    static const char *const came_to[] = {
        [ECR_FAILURE_UNCLEAR] = "was tried without success, and nothing says that it was refused",
        [ECR_FAILURE_UPSTREAM] = "could not be tried",
        [ECR_FAILURE_CREDENTIAL] = "was refused",
    };
    const struct reconcile_observation *observation = question->observation;
    bool ready = judgement->status.state == UPSTREAM_READY;
    const char *follows = !ready ? "; it stays as it was"
                          : observation->doubt_of == ECR_FAILURE_CREDENTIAL
                              ? " once; if it is again in some minutes, it counts"
                              : "; that changes nothing, and cached images are served";

    if (observation->doubt)
        judgement_note(judgement, TEXT("the credential of the rule \"%s\" %s%s. ECR says: %.*s",
                                       question->rule->prefix, came_to[observation->doubt_of],
                                       follows, SLICE_FMT(bare_failure(observation->doubt))));
}

void judge_credential(struct judgement *judgement, const struct question *question)
{
    const struct reconcile_observation *observation = question->observation;
    const struct ecr_rule *rule = question->rule;
    const char *secret = question->upstream->secret;

    if (secret[0] && !reconcile_has_secret(rule, secret)) {
        if (rule->credential_arn[0] && seems_to_work(question))
            note_kept(judgement, question, NULL);
        else
            plan_update(judgement, question);
    } else if (secret[0] && (observation->validity != RECONCILE_VALID || observation->doubt)) {
        (void)judge_secret(judgement, question);
    }
    if (!rule->credential_arn[0])
        return;
    if (observation->validity == RECONCILE_INVALID)
        judgement_conclude(judgement, UPSTREAM_SECRET_INVALID,
                           TEXT("ECR cannot log in to %s with the rule's secret: %s",
                                rule->upstream_url,
                                observation->validity_problem ? observation->validity_problem
                                                              : "no reason given"));
    note_doubt(judgement, question);
}
