/* tls_facts.c: what is to be known of the peer's certificate, good or refused. */
#include <openssl/err.h>
#include <string.h>

#include "net/tls_internal.h"

#define FACTS_MAX ((size_t)16 * 1024)
#define FACTS_CHAIN_MAX 16

void tdm_certificate_clear(const tidymail_allocator *allocator, struct tdm_certificate *facts)
{
    tdm_free(allocator, facts->names);
    tdm_free(allocator, facts->issuer);
    tdm_free(allocator, facts->not_before);
    tdm_free(allocator, facts->not_after);
    tdm_free(allocator, facts->sha256);
    tdm_free(allocator, facts->chain);
    tdm_free(allocator, facts->problem);
    memset(facts, 0, sizeof(*facts));
}

/* What was written becomes a text of its own; the buffer is empty afterwards. */
static void facts_take(const tidymail_allocator *allocator, struct tdm_buf *buf, char **member)
{
    tdm_text_set(allocator, member, buf->failed ? NULL : tdm_buf_text(buf));
    tdm_buf_reset(buf);
}

static void facts_add_chain(const struct tdm_tls *tls, struct tdm_buf *out)
{
    STACK_OF(X509) *chain = SSL_get_peer_cert_chain(tls->ssl);
    int count = chain != NULL ? sk_X509_num(chain) : 0;
    for (int i = 0; i < count && i < FACTS_CHAIN_MAX; i++) {
        tdm_buf_add_str(out, i > 0 ? "\n" : "");
        tdm_tls_add_subject(out, sk_X509_value(chain, i));
    }
}

/* Seconds from now until the certificate ends; negative where it has. */
static int64_t facts_left(const X509 *certificate)
{
    int days = 0;
    int seconds = 0;
    if (ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(certificate)) != 1) {
        return 0;
    }
    return (int64_t)days * 86400 + seconds;
}

int tdm_tls_facts(const struct tdm_tls *tls, const struct tidymail_error *error,
                  const tidymail_allocator *allocator, struct tdm_certificate *facts)
{
    struct tdm_buf out;
    X509 *leaf = tls->leaf != NULL ? X509_dup(tls->leaf) : SSL_get1_peer_certificate(tls->ssl);
    memset(facts, 0, sizeof(*facts));
    if (leaf == NULL) {
        ERR_clear_error();
        return -1;
    }
    tdm_buf_init(&out, allocator, FACTS_MAX);
    tdm_tls_add_names(&out, leaf);
    facts_take(allocator, &out, &facts->names);
    tdm_tls_add_issuer(&out, leaf);
    facts_take(allocator, &out, &facts->issuer);
    tdm_tls_add_time(&out, X509_get0_notBefore(leaf));
    facts_take(allocator, &out, &facts->not_before);
    tdm_tls_add_time(&out, X509_get0_notAfter(leaf));
    facts_take(allocator, &out, &facts->not_after);
    tdm_tls_add_fingerprint(&out, leaf);
    tdm_buf_drop(&out, out.length > strlen("sha256:") ? strlen("sha256:") : 0);
    facts_take(allocator, &out, &facts->sha256);
    facts_add_chain(tls, &out);
    facts_take(allocator, &out, &facts->chain);
    tdm_buf_clear(&out);
    facts->seconds_left = facts_left(leaf);
    facts->verified = error == NULL && tls->verify_error == X509_V_OK &&
                      tls->context->config.verify != TDM_TLS_VERIFY_NONE;
    if (tls->verify_error != X509_V_OK) {
        tdm_text_set(allocator, &facts->problem, error != NULL ? error->message : "refused");
    } else if (tls->context->config.verify == TDM_TLS_VERIFY_NONE) {
        tdm_text_set(allocator, &facts->problem, "not looked at (verify=none)");
    }
    X509_free(leaf);
    ERR_clear_error();
    return 0;
}
