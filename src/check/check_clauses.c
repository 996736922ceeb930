/* check_clauses.c: where a server leaves the standards, each with its clause. None of it keeps a
 * message from going out today; each has kept somebody's. */
#include <string.h>

#include "check/check_data.h"
#include "util/str.h"

/* What the lines of a session show, in order. */
struct clauses {
    tidymail_check *check;
    const char *state;
    int after_starttls;
    int quit_sent;
    int quit_answered;
    int quit_code; /* another answer to QUIT; 0: none */
};

static void clause_warn(const struct clauses *c, int stage, const char *what, const char *line,
                        const char *advice)
{
    struct tdm_buf text;
    tdm_buf_init(&text, &c->check->allocator, 8192);
    tdm_buf_add_str(&text, what);
    if (line != NULL) {
        tdm_buf_add_str(&text, ": ");
        tdm_escape(&text, line, strnlen(line, 200), 0);
    }
    tdm_check_warn(c->check, stage, tdm_buf_text(&text), advice);
    tdm_buf_clear(&text);
}

static int clause_stage(const struct clauses *c)
{
    if (strcmp(c->state, "EHLO") == 0 || strcmp(c->state, "HELO") == 0) {
        return c->after_starttls ? TDM_CHECK_EHLO2 : TDM_CHECK_EHLO;
    }
    for (int i = 0; i < TDM_CHECK_STAGE_COUNT; i++) {
        if (tdm_equal_nocase(tdm_check_stage_words(i), c->state)) {
            return i;
        }
    }
    return -1;
}

/* "5.7.1 text": the first digit of an enhanced code says the same as that of the reply. */
static void clause_enhanced(const struct clauses *c, int stage, int code, const char *words,
                            const char *line)
{
    if (!tdm_is_digit(words[0]) || words[1] != '.' || !tdm_is_digit(words[2])) {
        return;
    }
    const char *at = words + 2;
    at += strspn(at, "0123456789");
    if (*at != '.' || !tdm_is_digit(at[1])) {
        return;
    }
    at++;
    at += strspn(at, "0123456789");
    if (*at != ' ' && *at != '\0') {
        return; /* an address, or a version */
    }
    if (words[0] != '0' + code / 100) {
        clause_warn(c, stage, "the enhanced code says another class than the reply (RFC 2034 4)",
                    line, "the reply's first digit was believed");
    }
}

static void clause_capability(const struct clauses *c, int stage, int encrypted, const char *words)
{
    size_t length = strcspn(words, " =");
    if (tdm_equal_nocase_n(words, length, "STARTTLS") && encrypted) {
        clause_warn(c, stage, "STARTTLS is offered inside TLS (RFC 3207 4.2)", NULL,
                    "harmless; the server's operator should stop offering it");
    }
    if (tdm_equal_nocase_n(words, length, "AUTH") && !encrypted) {
        clause_warn(c, stage, "AUTH is offered before TLS (RFC 8314 3, RFC 4954 4)", words,
                    "other clients may send passwords in clear there: offer AUTH only under TLS");
    }
    if (tdm_equal_nocase_n(words, length, "AUTH") && words[length] == '=') {
        clause_warn(c, stage, "AUTH is written with \"=\", as drafts before RFC 2554 had it", words,
                    NULL);
    }
    if (words[0] != '\0' && words[strspn(words, "Xx*")] == '\0') {
        clause_warn(c, stage, "a keyword was overwritten", words,
                    "something on the way (a firewall that inspects SMTP) hides what the server "
                    "offers: switch its inspection off");
    }
}

static void clause_line(struct clauses *c, const struct tdm_check_line *line, size_t *ehlo_lines)
{
    int code;
    const char *words = tdm_check_reply(line->text, &code);
    int stage = clause_stage(c);
    if (stage < 0 || code == 0) {
        return;
    }
    int is_ehlo = (stage == TDM_CHECK_EHLO || stage == TDM_CHECK_EHLO2) && code / 100 == 2;
    if (is_ehlo && strcmp(c->state, "EHLO") == 0) {
        if ((*ehlo_lines)++ > 0) {
            clause_capability(c, stage, line->encrypted, words);
        }
        return;
    }
    if (strcmp(c->state, "HELO") == 0) {
        clause_warn(c, stage, "EHLO is refused, HELO taken (RFC 5321 3.2)", NULL,
                    "a server this old offers neither TLS nor login");
    }
    if (stage == TDM_CHECK_GREETING && words[0] == '\0') {
        clause_warn(c, stage, "the greeting names no host (RFC 5321 4.2)", NULL, NULL);
    }
    if (stage == TDM_CHECK_RSET && code / 100 != 2) {
        clause_warn(c, stage, "RSET is refused (RFC 5321 4.1.1.5)", line->text,
                    "a connection cannot be used for a second message after a refused one");
    }
    if (stage == TDM_CHECK_QUIT) {
        c->quit_answered |= code == 221;
        c->quit_code = code;
    } else {
        clause_enhanced(c, stage, code, words, line->text);
    }
}

void tdm_check_clauses(tidymail_check *check, const struct tdm_check_session *session,
                       const tidymail_transport *transport)
{
    struct clauses c = {check, "", 0, 0, 0, 0};
    size_t ehlo_lines = 0;
    (void)transport;
    for (size_t i = 0; i < session->count; i++) {
        const struct tdm_check_line *line = &session->lines[i];
        if (line->mark == TIDYMAIL_SMTP_MARK_STATE) {
            c.state = line->text;
            c.after_starttls |= strcmp(line->text, "STARTTLS") == 0;
            c.quit_sent |= strcmp(line->text, "QUIT") == 0;
            ehlo_lines = 0;
        } else if (line->mark == TIDYMAIL_SMTP_MARK_RECEIVED) {
            clause_line(&c, line, &ehlo_lines);
        }
    }
    if (c.quit_sent && !c.quit_answered) {
        check->stages[TDM_CHECK_QUIT].status = TIDYMAIL_CHECK_OK;
        tdm_check_warn(check, TDM_CHECK_QUIT,
                       c.quit_code != 0
                           ? "QUIT is answered by another code than 221 (RFC 5321 4.1.1.10)"
                           : "the server ends the connection without 221 (RFC 5321 4.1.1.10)",
                       "harmless here: tidymail does not wait for it; clients that do may hang");
    }
}
