/*
 * dkim.h: signatures of finished messages (RFC 6376; RFC 8301 and RFC 8463 for the algorithms). A
 * signer is what tidymail_dkim_options say, checked, with its key. Signing reads the message once, in
 * constant memory but for its header.
 */
#ifndef TDM_DKIM_DKIM_H
#define TDM_DKIM_DKIM_H

#include <tidymail/source.h>

#include "report/report_data.h"
#include "util/buf.h"

/* What a signer is made of; `domain` is ASCII (A-labels) and valid, the other texts are as given. */
struct tdm_dkim_wish {
    const char *domain;
    const char *selector;
    const char *key_pem;
    const char *canonicalization;
    const char *identity;
    const char *headers;
    int64_t expires_after_s;
};

struct tdm_dkim_signer;

/* A signer; NULL with `error` filled in (field, reason, offset). */
struct tdm_dkim_signer *tdm_dkim_signer_new(const tidymail_allocator *allocator,
                                            const struct tdm_dkim_wish *wish,
                                            struct tidymail_error *error);
void tdm_dkim_signer_free(struct tdm_dkim_signer *signer);

/* Reads `source` to its end and appends one DKIM-Signature field for each signer to `out`, ready to
 * stand in front of the message. TIDYMAIL_OK, or the kind of the error. */
int tdm_dkim_sign(struct tdm_dkim_signer *const *signers, size_t count,
                  const tidymail_source *source, int64_t now_s, struct tdm_buf *out,
                  struct tidymail_error *error);

#endif
