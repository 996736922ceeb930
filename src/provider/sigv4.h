/*
 * sigv4.h: AWS Signature Version 4 in the Authorization field: a function of the request, the keys and
 * the time. https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html
 */
#ifndef TDM_PROVIDER_SIGV4_H
#define TDM_PROVIDER_SIGV4_H

#include <stdint.h>

#include "util/buf.h"

struct tdm_sigv4_field {
    const char *name;
    const char *value;
};

/* Texts that are not marked so are never NULL. Who uses this sees to it that key id, region and service
 * hold no control characters. */
struct tdm_sigv4_request {
    const char *method;
    const char
        *path; /* as it is sent, escaped; signed escaped once more, as all services but S3 do */
    const char *query; /* as it is sent, without the question mark; NULL: none */
    /* What is signed beside X-Amz-Date and the token: Host at least, Content-Type where there is one.
     * Fields of one name are joined in the order given. */
    const struct tdm_sigv4_field *fields;
    size_t field_count;
    const void *payload;
    size_t payload_length;
    const char *key_id;
    const char *secret;
    const char *session_token; /* of temporary keys: signed as X-Amz-Security-Token; NULL: none */
    const char *region;
    const char *service; /* "ses" */
    int64_t now_s;       /* seconds since 1970 */
    int keep_path;       /* 1: the path is signed with its "..", "." and empty segments */
};

struct tdm_sigv4 {
    char date[20];                /* "20150830T123600Z", for X-Amz-Date */
    struct tdm_buf canonical;     /* the canonical request */
    struct tdm_buf to_sign;       /* the string to sign */
    struct tdm_buf authorization; /* the value of Authorization */
};

/* The fields X-Amz-Date, Authorization and, with a token, X-Amz-Security-Token are then the caller's to
 * add. 0, or -1: out of memory. `signature` is to be cleared in both cases. */
int tdm_sigv4_sign(const struct tdm_sigv4_request *request, const tidymail_allocator *allocator,
                   struct tdm_sigv4 *signature);
void tdm_sigv4_clear(struct tdm_sigv4 *signature);

#define TDM_SIGV4_KEY_SIZE 32
/* The key that signs: HMAC-SHA256 over day ("20150830"), region, service and "aws4_request". 0, or -1. */
int tdm_sigv4_key(const char *secret, const char *day, const char *region, const char *service,
                  unsigned char key[TDM_SIGV4_KEY_SIZE]);

#define TDM_SES_PASSWORD_MAX 48
/* The password that Amazon SES takes over SMTP with a secret access key, by its page "Obtaining Amazon
 * SES SMTP credentials by converting existing AWS credentials": it is good for one region. 0, or -1. */
int tdm_ses_smtp_password(const char *secret, const char *region,
                          char password[TDM_SES_PASSWORD_MAX]);

#endif
