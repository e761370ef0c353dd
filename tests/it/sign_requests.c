/*
 * Signs what it reads, for a comparison with another signer: a line of standard input is a
 * request, its parts apart by tabs, the body in hexadecimal; the Authorization comes out.
 */
#include "pullthrough/core/aws/sigv4.h"

#include <stdio.h>
#include <stdlib.h>

enum { LINE_BYTES = 256 * 1024, PARTS = 11 };

static size_t decode_hex(struct slice hex, char *bytes)
{
    for (size_t i = 0; i + 1 < hex.len; i += 2) {
        unsigned value;

        if (sscanf((char[]){hex.ptr[i], hex.ptr[i + 1], '\0'}, "%2x", &value) != 1)
            abort();
        bytes[i / 2] = (char)value;
    }
    return hex.len / 2;
}

/* id, secret, token, seconds, host, path, content type, target, region, service, body */
static int sign_line(struct slice line, char *body)
{
    struct slice parts[PARTS];
    struct sigv4_signature signature;
    struct sigv4_request request;
    struct aws_keys keys;
    struct error error;
    long long at;

    for (size_t i = 0; i < PARTS; i++)
        parts[i] = slice_cut(&line, '\t');
    request = (struct sigv4_request){
        .method = slice_str("POST"),
        .host = parts[4],
        .path = parts[5],
        .content_type = parts[6],
        .target = parts[7],
        .region = parts[8],
        .service = parts[9],
        .body = slice_of(body, decode_hex(parts[10], body)),
    };
    if (sscanf(parts[3].ptr, "%lld", &at) != 1 ||
        aws_keys_set(&keys, parts[0], parts[1], parts[2], &error) < 0 ||
        sigv4_sign(&signature, &keys, &request, at, &error) < 0) {
        (void)fprintf(stderr, "%s\n", error.text);
        return -1;
    }
    (void)printf("%s %s\n", signature.date, signature.authorization);
    return 0;
}

int main(void)
{
    static char line[LINE_BYTES], body[LINE_BYTES];

    while (fgets(line, sizeof(line), stdin)) {
        struct slice text = slice_str(line);

        if (slice_ends_with(text, slice_str("\n")))
            text.len--;
        if (sign_line(text, body) < 0)
            return 1;
    }
    return 0;
}
