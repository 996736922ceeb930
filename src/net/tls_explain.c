/*
 * tls_explain.c: why a handshake failed, in one line, and what to do next. Texts of certificates and
 * of the peer are escaped: they are somebody else's bytes.
 */
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>

#include "net/note.h"
#include "net/resolve.h"
#include "net/tls_internal.h"
#include "smtp/smtp_reply.h"
#include "util/str.h"

#define MAX_NAMES 8
#define MAX_LINE 2048
#define PEER_LINE_SHOWN 60

const char *tdm_tls_reason(unsigned long code)
{
    const char *reason = code != 0 ? ERR_reason_error_string(code) : NULL;
    return reason != NULL ? reason : "unknown reason";
}

static void explain_add_address(struct tdm_buf *out, const ASN1_OCTET_STRING *bytes)
{
    char text[INET6_ADDRSTRLEN] = "?";
    int length = ASN1_STRING_length(bytes);
    if (length == 4 || length == 16) {
        uv_inet_ntop(length == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(bytes), text,
                     sizeof(text));
    }
    tdm_buf_add_str(out, text);
}

void tdm_tls_add_names(struct tdm_buf *out, const X509 *certificate)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    int shown = 0;
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (name->type != GEN_DNS && name->type != GEN_IPADD) {
            continue;
        }
        if (shown == MAX_NAMES) {
            tdm_buf_add_str(out, ", ...");
            break;
        }
        tdm_buf_add_str(out, shown > 0 ? ", " : "");
        if (name->type == GEN_DNS) {
            tdm_escape(out, (const char *)ASN1_STRING_get0_data(name->d.dNSName),
                       (size_t)ASN1_STRING_length(name->d.dNSName), 0);
        } else {
            explain_add_address(out, name->d.iPAddress);
        }
        shown++;
    }
    GENERAL_NAMES_free(names);
    if (shown == 0) {
        tdm_buf_add_str(out, "no host at all (it has no subjectAltName)");
    }
}

static int explain_add_entry(struct tdm_buf *out, const X509_NAME *name, int nid)
{
    int index = X509_NAME_get_index_by_NID(name, nid, -1);
    if (index < 0) {
        return 0;
    }
    unsigned char *text = NULL;
    int length =
        ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, index)));
    if (length > 0) {
        tdm_escape(out, (const char *)text, (size_t)length, 0);
    }
    OPENSSL_free(text);
    return length > 0;
}

static void explain_add_name(struct tdm_buf *out, const X509_NAME *name)
{
    if (name == NULL || (!explain_add_entry(out, name, NID_commonName) &&
                         !explain_add_entry(out, name, NID_organizationalUnitName) &&
                         !explain_add_entry(out, name, NID_organizationName))) {
        tdm_buf_add_str(out, "an issuer without a name");
    }
}

void tdm_tls_add_subject(struct tdm_buf *out, const X509 *certificate)
{
    explain_add_name(out, X509_get_subject_name(certificate));
}

void tdm_tls_add_issuer(struct tdm_buf *out, const X509 *certificate)
{
    explain_add_name(out, X509_get_issuer_name(certificate));
}

static void explain_add_two(struct tdm_buf *out, int number)
{
    tdm_buf_add_char(out, (char)('0' + number / 10 % 10));
    tdm_buf_add_char(out, (char)('0' + number % 10));
}

void tdm_tls_add_time(struct tdm_buf *out, const ASN1_TIME *when)
{
    struct tm parts;
    if (when == NULL || ASN1_TIME_to_tm(when, &parts) != 1) {
        tdm_buf_add_str(out, "an unreadable date");
        return;
    }
    tdm_buf_addf(out, "%d-", parts.tm_year + 1900);
    explain_add_two(out, parts.tm_mon + 1);
    tdm_buf_add_char(out, '-');
    explain_add_two(out, parts.tm_mday);
    tdm_buf_add_char(out, ' ');
    explain_add_two(out, parts.tm_hour);
    tdm_buf_add_char(out, ':');
    explain_add_two(out, parts.tm_min);
    tdm_buf_add_str(out, " UTC");
}

int tdm_tls_fingerprint(const X509 *certificate, unsigned char digest[32])
{
    unsigned int size = 0;
    unsigned char bytes[EVP_MAX_MD_SIZE];
    if (X509_digest(certificate, EVP_sha256(), bytes, &size) != 1 || size != 32) {
        return -1;
    }
    memcpy(digest, bytes, 32);
    return 0;
}

static void explain_add_digest(struct tdm_buf *out, const unsigned char digest[32])
{
    static const char hex[] = "0123456789abcdef";
    tdm_buf_add_str(out, "sha256:");
    for (size_t i = 0; i < 32; i++) {
        tdm_buf_add_char(out, hex[digest[i] >> 4]);
        tdm_buf_add_char(out, hex[digest[i] & 15]);
    }
}

void tdm_tls_add_fingerprint(struct tdm_buf *out, const X509 *certificate)
{
    unsigned char digest[32];
    if (tdm_tls_fingerprint(certificate, digest) == 0) {
        explain_add_digest(out, digest);
    }
}

static void explain_unknown_issuer(const struct tdm_tls *tls, struct tdm_buf *line,
                                   struct tdm_buf *hint)
{
    const X509 *top = tls->refused != NULL ? tls->refused : tls->leaf;
    const char *trusted = tls->context->ca != NULL ? tls->context->ca : "the system's CAs";
    tdm_buf_addf(line, "the certificate of %s comes from an issuer that is not trusted: \"",
                 tls->host);
    tdm_tls_add_issuer(line, top);
    tdm_buf_addf(line, "\" is not among %s", trusted);
    tdm_buf_add_str(hint,
                    "if that CA is to be trusted name its file with ca=FILE; else the server may "
                    "not send its intermediate certificate, or a virus scanner or proxy may be "
                    "reading along");
}

static void explain_dates(const struct tdm_tls *tls, struct tdm_buf *line, struct tdm_buf *hint)
{
    const X509 *one = tls->refused != NULL ? tls->refused : tls->leaf;
    int expired = tls->verify_error == X509_V_ERR_CERT_HAS_EXPIRED;
    if (tls->verify_depth == 0) {
        tdm_buf_addf(line, "the certificate of %s", tls->host);
    } else {
        tdm_buf_add_str(line, "the CA certificate \"");
        explain_add_name(line, X509_get_subject_name(one));
        tdm_buf_addf(line, "\" above that of %s", tls->host);
    }
    tdm_buf_add_str(line, expired ? " has expired: it was valid from "
                                  : " is not valid yet: it is valid from ");
    tdm_tls_add_time(line, X509_get0_notBefore(one));
    tdm_buf_add_str(line, " until ");
    tdm_tls_add_time(line, X509_get0_notAfter(one));
    tdm_buf_add_str(hint, expired
                              ? "the server's operator has to renew it; if it looks current, check "
                                "this machine's clock"
                              : "check this machine's clock");
}

static void explain_pin(const struct tdm_tls *tls, struct tdm_buf *line, struct tdm_buf *hint)
{
    tdm_buf_addf(line, "the certificate of %s has the fingerprint ", tls->host);
    tdm_tls_add_fingerprint(line, tls->leaf);
    tdm_buf_add_str(line, "; wanted ");
    explain_add_digest(line, tls->context->config.sha256);
    tdm_buf_add_str(hint, "if the server's certificate was renewed, give the new fingerprint with "
                          "verify=; else somebody else is answering");
}

/* The chain or the name was refused. */
static void explain_certificate(const struct tdm_tls *tls, struct tdm_buf *line,
                                struct tdm_buf *hint)
{
    switch (tls->verify_error) {
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
        tdm_buf_addf(line, "the certificate of %s is self-signed (it is for ", tls->host);
        tdm_tls_add_names(line, tls->leaf);
        tdm_buf_add_char(line, ')');
        tdm_buf_add_str(hint, "if it is the server's own, trust it with ca=FILE or with verify=");
        tdm_tls_add_fingerprint(hint, tls->leaf);
        break;
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        explain_unknown_issuer(tls, line, hint);
        break;
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
        explain_dates(tls, line, hint);
        break;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        tdm_buf_add_str(line, "the certificate is for ");
        tdm_tls_add_names(line, tls->leaf);
        tdm_buf_addf(line, "; wanted %s", tls->host);
        tdm_buf_add_str(hint, "use one of the certificate's names as the host");
        break;
    case X509_V_ERR_APPLICATION_VERIFICATION:
        explain_pin(tls, line, hint);
        break;
    default:
        tdm_buf_addf(line, "the certificate of %s was refused: %s", tls->host,
                     X509_verify_cert_error_string(tls->verify_error));
        break;
    }
}

/* The peer's first bytes are text: it does not speak TLS there. 1 where that is so. */
static int explain_plain_text(const struct tdm_tls *tls, struct tdm_buf *line, struct tdm_buf *hint)
{
    const char *first = tls->socket.first;
    size_t length = tls->socket.first_length;
    if (length == 0 || (unsigned char)first[0] < 0x20 || (unsigned char)first[0] > 0x7E) {
        return 0; /* a TLS record begins with 20 to 24 (RFC 8446 5.1), all control characters */
    }
    size_t shown = tdm_find_control(first, length);
    const char *what = tdm_reply_recognise(first, length);
    tdm_buf_addf(line, "%s answered the TLS handshake in clear%s%s: \"", tls->host,
                 what != NULL ? ", as " : "", what != NULL ? what : "");
    tdm_escape(line, first, shown < PEER_LINE_SHOWN ? shown : PEER_LINE_SHOWN, 0);
    tdm_buf_add_char(line, '"');
    if (tls->is_guest) {
        tdm_buf_add_str(hint, "check scheme and port of the endpoint: this port speaks no TLS");
    } else if (length > 3 && memcmp(first, "220", 3) == 0) {
        tdm_buf_add_str(hint,
                        "this port speaks SMTP in clear first: use smtp:// in place of smtps://");
    } else if (length > 3 && (first[0] == '4' || first[0] == '5') && tdm_is_digit(first[1]) &&
               tdm_is_digit(first[2])) {
        tdm_buf_add_str(hint, "this port speaks SMTP in clear first, and refuses this client: what "
                              "it said tells why");
    } else {
        tdm_buf_add_str(hint, "check host and port: SMTP submission is usually on 587 or 465");
    }
    return 1;
}

/* What an alert of the server means for who sees it (RFC 8446 6.2). */
static const char *explain_alert_hint(int alert)
{
    switch (alert) {
    case SSL_AD_PROTOCOL_VERSION:
        return "the server offers no TLS version from 1.2 up";
    case SSL_AD_HANDSHAKE_FAILURE:
    case SSL_AD_INSUFFICIENT_SECURITY:
        return "server and client have no cipher in common, or the server wants a client "
               "certificate";
    case SSL_AD_UNRECOGNIZED_NAME:
        return "the server does not know itself by that name: check the host name";
    case SSL_AD_CERTIFICATE_REQUIRED:
    case SSL_AD_NO_CERTIFICATE:
        return "the server wants a client certificate: name its file with cert=";
    case SSL_AD_BAD_CERTIFICATE:
    case SSL_AD_UNSUPPORTED_CERTIFICATE:
    case SSL_AD_CERTIFICATE_REVOKED:
    case SSL_AD_CERTIFICATE_EXPIRED:
    case SSL_AD_CERTIFICATE_UNKNOWN:
    case SSL_AD_UNKNOWN_CA:
    case SSL_AD_ACCESS_DENIED:
        return "the server did not like the client certificate (cert=)";
    default:
        return "the server's log may say more";
    }
}

static void explain_alert(const struct tdm_tls *tls, int alert, struct tdm_buf *line,
                          struct tdm_buf *hint)
{
    const char *name = alert == SSL_AD_CERTIFICATE_REQUIRED ? "certificate required"
                                                            : SSL_alert_desc_string_long(alert);
    tdm_buf_addf(line, "%s refused the TLS handshake: %s (alert %d)", tls->host, name, alert);
    tdm_buf_add_str(hint, explain_alert_hint(alert));
}

static int explain_alert_number(const struct tdm_tls *tls)
{
    int reason = ERR_GET_REASON(tls->code);
    int is_alert = ERR_GET_LIB(tls->code) == ERR_LIB_SSL && reason >= SSL_AD_REASON_OFFSET &&
                   reason < SSL_AD_REASON_OFFSET + 256;
    return is_alert ? reason - SSL_AD_REASON_OFFSET : -1;
}

int tdm_tls_refused_late(const struct tdm_tls *tls, struct tidymail_error *error)
{
    if (tls->heard || explain_alert_number(tls) < 0) {
        return 0;
    }
    tdm_tls_explain(tls, error);
    return 1;
}

int tdm_tls_damaged(const struct tdm_tls *tls, int phase, struct tidymail_error *error)
{
    const struct tdm_tls_socket *socket = &tls->socket;
    if (socket->eof || socket->read_errno != 0 || socket->write_errno != 0 ||
        ERR_GET_LIB(tls->code) != ERR_LIB_SSL || explain_alert_number(tls) >= 0) {
        return 0;
    }
    tdm_error_setf(error, TIDYMAIL_KIND_TLS, phase,
                   "what came from the server is not of this TLS session (%s)",
                   tdm_tls_reason(tls->code));
    tdm_text_set(&error->allocator, &error->hint,
                 "somebody on the way may be injecting bytes, or damages them; nothing of it was "
                 "believed");
    return 1;
}

/* What this side refused; 1 where it is one of them. */
static int explain_our_refusal(const struct tdm_tls *tls, struct tdm_buf *line,
                               struct tdm_buf *hint)
{
    if (ERR_GET_LIB(tls->code) != ERR_LIB_SSL) {
        return 0;
    }
    switch (ERR_GET_REASON(tls->code)) {
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_VERSION_TOO_LOW:
    case SSL_R_WRONG_SSL_VERSION:
        tdm_buf_addf(line, "%s speaks only TLS versions older than 1.2", tls->host);
        tdm_buf_add_str(hint,
                        "the server has to be updated: TLS 1.0 and 1.1 are broken (RFC 8996)");
        return 1;
    case SSL_R_DH_KEY_TOO_SMALL:
        tdm_buf_addf(line, "the Diffie-Hellman key of %s is too small to be safe (Logjam)",
                     tls->host);
        tdm_buf_add_str(hint, "the server's operator has to use a group of 2048 bits or more, or "
                              "elliptic curves");
        return 1;
    case SSL_R_EE_KEY_TOO_SMALL:
    case SSL_R_CA_KEY_TOO_SMALL:
    case SSL_R_CA_MD_TOO_WEAK:
        tdm_buf_addf(line, "the certificate of %s is too weak to be safe: %s", tls->host,
                     tdm_tls_reason(tls->code));
        tdm_buf_add_str(hint, "the server's operator has to replace it");
        return 1;
    default:
        return 0;
    }
}

/* Neither the certificate nor plain text: what OpenSSL and the socket say. */
static void explain_other(const struct tdm_tls *tls, struct tidymail_error *error,
                          struct tdm_buf *line, struct tdm_buf *hint)
{
    int alert = explain_alert_number(tls);
    int number = tls->socket.read_errno != 0 ? tls->socket.read_errno : tls->socket.write_errno;
    if (alert >= 0) {
        explain_alert(tls, alert, line, hint);
    } else if (explain_our_refusal(tls, line, hint)) {
        return;
    } else if (number != 0) {
        tdm_buf_addf(line, "the connection to %s broke during the TLS handshake: ", tls->host);
        tdm_net_add_errno(line, number);
        error->retryable = 1; /* a lost connection, whatever was going on */
        tdm_buf_add_str(
            hint, "the server may not speak TLS on this port, or something on the way cuts it");
    } else if (tls->socket.eof) {
        tdm_buf_addf(line, "%s closed the connection during the TLS handshake", tls->host);
        error->retryable = 1;
        tdm_buf_add_str(hint, "the server may not speak TLS on this port; its log may say more");
    } else {
        tdm_buf_addf(line, "the TLS handshake with %s failed: %s", tls->host,
                     tdm_tls_reason(tls->code));
    }
}

void tdm_tls_explain(const struct tdm_tls *tls, struct tidymail_error *error)
{
    struct tdm_buf line;
    struct tdm_buf hint;
    tdm_buf_init(&line, &error->allocator, MAX_LINE);
    tdm_buf_init(&hint, &error->allocator, MAX_LINE);
    if (tls->verify_error != X509_V_OK && tls->leaf != NULL) {
        explain_certificate(tls, &line, &hint);
    } else if (!explain_plain_text(tls, &line, &hint)) {
        explain_other(tls, error, &line, &hint);
    }
    tdm_error_set(error, TIDYMAIL_KIND_TLS, TIDYMAIL_PHASE_TLS, tdm_buf_text(&line),
                  hint.length > 0 ? tdm_buf_text(&hint) : NULL);
    tdm_buf_clear(&line);
    tdm_buf_clear(&hint);
}
