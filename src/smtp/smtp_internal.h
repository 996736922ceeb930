/*
 * smtp_internal.h: the engine's own state, shared by its files:
 *
 *   smtp_engine.c       the public calls: bytes, time and events in and out
 *   smtp_flow.c         the one state setter, what is sent next, how a session ends
 *   smtp_session.c      enter_ and reply_ of greeting, EHLO, STARTTLS, QUIT
 *   smtp_auth.c         enter_ and reply_ of AUTH: the choice of the mechanism, the exchange
 *   smtp_transaction.c  enter_ and reply_ of RSET, MAIL, RCPT, DATA, the end of the message
 *   smtp_parameters.c   what goes behind MAIL and RCPT, and what the server cannot carry
 *   smtp_body.c         the message: line ends, dots (RFC 5321 4.5.2), chunks (RFC 3030)
 *   smtp_command.c      the one writer of commands; nothing unchecked passes it
 *   smtp_verdict.c      from a reply to an error: kind, words, hint
 *   smtp_secret.c       keeps credentials out of everything that is shown
 */
#ifndef TDM_SMTP_INTERNAL_H
#define TDM_SMTP_INTERNAL_H

#include "sasl/sasl.h"
#include "smtp/smtp_caps.h"
#include "smtp/smtp_engine.h"
#include "smtp/smtp_reply.h"

enum tdm_smtp_state {
#define S(name, phase, timer, phrase, scope, enter, reply) TDM_SMTP_##name,
#include "smtp/smtp_states.def"
#undef S
    TDM_SMTP_STATE_COUNT
};

enum tdm_smtp_timer {
    TDM_TIMER_NONE,
    TDM_TIMER_REPLY,
    TDM_TIMER_FINAL,
    TDM_TIMER_TLS,
    TDM_TIMER_QUIT
};
enum tdm_smtp_scope { TDM_SCOPE_SESSION, TDM_SCOPE_MESSAGE, TDM_SCOPE_RECIPIENT };

/* Where a transaction stands on the sending side. */
enum tdm_smtp_step {
    TDM_STEP_START,  /* nothing sent */
    TDM_STEP_RCPT,   /* MAIL is out, recipients follow */
    TDM_STEP_DATA,   /* all RCPT are out */
    TDM_STEP_ANSWER, /* DATA is out: 354 or a refusal comes */
    TDM_STEP_BODY,   /* the message goes out */
    TDM_STEP_SENT,   /* its end is in the output */
    TDM_STEP_DRAIN   /* decided; replies that still come are read and dropped */
};

/* What the envelope asks of the server beyond plain delivery; texts are ours. */
struct tdm_smtp_wishes {
    int body_binary;
    char *dsn_notify;
    char *dsn_ret;
    char *dsn_envid;
    int require_tls;
    int64_t deliver_by_s;
    int deliver_by_mode;
    int64_t hold_for_s;
    char *hold_until;
    int has_priority;
    int priority;
};

struct tdm_transaction {
    struct tdm_transaction *next;
    enum tdm_smtp_step step;
    tidymail_report *report;
    int own_report; /* the engine made it: freed when no REPORT event took it */
    void *context;
    tidymail_source source;
    char *from;
    int body_8bit;
    int utf8;
    int64_t size;
    int64_t deadline_ms; /* 0: none */
    struct tdm_smtp_wishes wishes;
    int (*form)(void *context, int carry); /* as in the envelope */
    void *form_context;
    int probe;       /* RSET in place of DATA */
    int checked;     /* the server can carry it */
    size_t rcpt_end; /* recipients before it belong to this round or earlier ones (RCPTMAX) */
    size_t rcpt_sent;
    size_t rcpt_answered;
    size_t accepted;
    size_t refused; /* in all rounds */
    int mail_accepted;
    int chunked;        /* BDAT in place of DATA */
    size_t finals;      /* answers to the end of the message that are still to come */
    size_t outstanding; /* of its commands, those without a reply */
    int streamed;       /* its end went out before the answers to its recipients came */
    int empty_end;      /* 354 came although nobody is to get it: an empty message, to be ignored */
    int reading_done;   /* the source is at its end */
    uint64_t end_offset; /* of the output, behind the final dot; 0 while it is not written */
    int64_t body_bytes;  /* as sent */
    int line_start;      /* smtp_body.c: the next byte begins a line */
    int held;            /* smtp_body.c: bytes of a line end not written yet: 0, 1 (CR), 2 (CRLF) */
};

/* A command under way: what its reply belongs to. */
struct tdm_pending {
    enum tdm_smtp_state state;
    size_t index; /* the recipient of RCPT */
    uint64_t end; /* output offset behind its last byte */
};

struct tidymail_smtp {
    tidymail_allocator allocator;
    tidymail_smtp_options options; /* texts are ours */
    int64_t now;
    enum tdm_smtp_state state;
    int phase; /* of the state; set by the driver before the connection stands */

    /* output: bytes [out_at, out.length) wait to be written; out_base counts those written before */
    struct tdm_buf out;
    size_t out_at;
    uint64_t out_base;
    char *scratch; /* what the body is read into */

    /* commands under way, oldest at pending[pending_at] */
    struct tdm_pending *pending;
    size_t pending_at;
    size_t pending_count;
    size_t pending_capacity;

    struct tdm_reply_parser parser;
    struct tdm_smtp_caps caps;
    int peer_knows_ehlo; /* it accepted one: a later refusal is meant (no HELO then) */
    int extended;        /* EHLO was accepted: parameters may be sent */
    int ready;           /* logged in as wanted: messages may go */
    int encrypted;
    int needs_rset;    /* the server has a transaction open that was given up */
    int streamed_last; /* the last message's chunk went out before its recipients were answered */
    int64_t mails;     /* transactions begun (RFC 9422: MAILMAX) */

    struct tdm_sasl sasl;
    char *binding_type; /* what the TLS layer can bind to; NULL: nothing */
    struct tdm_buf binding;
    int auth_cancelled;
    struct tdm_buf secret; /* the last response as sent (base64), to be kept out of sight */

    struct tdm_transaction *head; /* under way and waiting, oldest first; replies are for it */
    struct tdm_transaction *tail;
    struct tdm_transaction *sending; /* whose commands go out: the head, or one behind it whose
                                        predecessors are sent whole; NULL: all are */
    size_t count;                    /* from head to tail */
    int answered;                    /* a message was accepted in this session */
    int64_t heard_ms;                /* when the server last said something */
    size_t unanswered;               /* sent whole, the answer to the end is awaited */
    int out_of_step; /* a chunk for nobody was refused: was it read as a chunk, or as commands? */
    struct tdm_transaction *done; /* reports for REPORT events */
    struct tdm_transaction *done_tail;
    struct tdm_buf line;      /* for what is shown of a reply */
    struct tdm_buf words;     /* what tdm_smtp_reply_text gives */
    struct tdm_buf hidden[2]; /* base64 of the password and of PLAIN's response, made once */

    struct tidymail_error error;      /* why the session failed */
    struct tidymail_error ehlo_error; /* EHLO's refusal, while HELO is tried */
    int error_by_reply;               /* the server said so: the outcome is not open */
    int closing;                      /* no further message: QUIT is out, or CLOSE is near */
    int closed;                       /* CLOSE was or will be given */
    int quit_wanted;
    struct tdm_peer peer;
    int64_t phase_ms[TIDYMAIL_PHASE_COUNT];
    int64_t wait_deadline; /* -1: none */

    int event_start_tls;
    int event_idle;
    int event_close;
    tidymail_smtp_event event;
};

struct tdm_smtp_row {
    const char *name;
    int phase;
    enum tdm_smtp_timer timer;
    const char *phrase;
    enum tdm_smtp_scope scope;
    void (*enter)(tidymail_smtp *smtp);
    void (*reply)(tidymail_smtp *smtp, const struct tdm_reply *reply,
                  const struct tdm_pending *pending);
};

/* smtp_flow.c */
extern const struct tdm_smtp_row tdm_smtp_rows[TDM_SMTP_STATE_COUNT];
/* The only way to change the state: traces, keeps the times, arms the deadline. */
void tdm_smtp_set_state(tidymail_smtp *smtp, enum tdm_smtp_state state);
/* Runs the enter_ function of the state. */
void tdm_smtp_enter(tidymail_smtp *smtp, enum tdm_smtp_state state);
void tdm_smtp_arm_deadline(tidymail_smtp *smtp);
/* 1 where BDAT is asked for and offered, and messages may be sent without waiting for answers. */
int tdm_smtp_streams(const tidymail_smtp *smtp);
/* Sends whatever may be sent now, and settles the state. */
void tdm_smtp_advance(tidymail_smtp *smtp);
/* The reply to a command ends in `pending`; 0, or -1 when out of memory (the session has failed). */
int tdm_smtp_expect(tidymail_smtp *smtp, enum tdm_smtp_state state, size_t index);
/* smtp->error is set: no message goes out any more. With `politely` QUIT is sent and what the
 * server still says is noted, for a second at most; else the connection is closed at once. */
void tdm_smtp_fail_session(tidymail_smtp *smtp, int politely);
void tdm_smtp_fail_no_memory(tidymail_smtp *smtp);
void tdm_smtp_close(tidymail_smtp *smtp);
/* The oldest transaction is over while the session goes on. */
void tdm_smtp_finish(tidymail_smtp *smtp, struct tdm_transaction *transaction);
void tdm_smtp_free_transaction(tidymail_smtp *smtp, struct tdm_transaction *transaction);

/* smtp_session.c, smtp_transaction.c: named in smtp_states.def */
#define TDM_SMTP_ENTER(name) void tdm_smtp_enter_##name(tidymail_smtp *smtp)
#define TDM_SMTP_REPLY(name)                                                                       \
    void tdm_smtp_reply_##name(tidymail_smtp *smtp, const struct tdm_reply *reply,                 \
                               const struct tdm_pending *pending)
TDM_SMTP_ENTER(nothing);
TDM_SMTP_ENTER(tls);
TDM_SMTP_ENTER(greeting);
TDM_SMTP_ENTER(ehlo);
TDM_SMTP_ENTER(helo);
TDM_SMTP_ENTER(starttls);
TDM_SMTP_ENTER(auth);
TDM_SMTP_ENTER(rset);
TDM_SMTP_ENTER(mail);
TDM_SMTP_ENTER(rcpt);
TDM_SMTP_ENTER(data);
TDM_SMTP_ENTER(final);
TDM_SMTP_ENTER(quit);
TDM_SMTP_REPLY(unexpected);
TDM_SMTP_REPLY(greeting);
TDM_SMTP_REPLY(ehlo);
TDM_SMTP_REPLY(helo);
TDM_SMTP_REPLY(starttls);
TDM_SMTP_REPLY(auth);
TDM_SMTP_REPLY(rset);
TDM_SMTP_REPLY(mail);
TDM_SMTP_REPLY(rcpt);
TDM_SMTP_REPLY(data);
TDM_SMTP_REPLY(bdat);
TDM_SMTP_REPLY(final);
TDM_SMTP_REPLY(quit);
/* One step of the transaction that is being sent; 1 where another may follow at once. */
int tdm_smtp_transaction_step(tidymail_smtp *smtp, struct tdm_transaction *transaction);
/* A reply came while the message was being sent: its verdict. */
void tdm_smtp_reply_in_body(tidymail_smtp *smtp, const struct tdm_reply *reply);

/* smtp_auth.c */
/* 1 where a login is asked for: credentials, or a client certificate and auth=external. */
int tdm_smtp_wants_login(const tidymail_smtp *smtp);
/* The lists of the report: what was offered, and what of it can be used here; -1: no memory. */
int tdm_smtp_note_mechanisms(tidymail_smtp *smtp);

/* smtp_parameters.c */
/* Copies the wishes of an envelope; -1: no memory. They are freed by tdm_smtp_free_wishes. */
int tdm_smtp_copy_wishes(tidymail_smtp *smtp, struct tdm_smtp_wishes *wishes,
                         const tidymail_smtp_envelope *envelope);
void tdm_smtp_free_wishes(tidymail_smtp *smtp, struct tdm_smtp_wishes *wishes);
/* 1 where the values of the wishes may stand in a command. */
int tdm_smtp_wishes_fit(const tidymail_smtp_envelope *envelope);
/* What the server cannot carry is refused before MAIL, with an error in the report; 1 where it was. */
int tdm_smtp_cannot_carry(tidymail_smtp *smtp, struct tdm_transaction *transaction);
/* Appends the parameters of MAIL, and of RCPT for an address (RFC 5321 4.1.1: none that the server
 * did not offer). */
void tdm_smtp_mail_parameters(tidymail_smtp *smtp, const struct tdm_transaction *transaction,
                              struct tdm_buf *out);
void tdm_smtp_rcpt_parameters(tidymail_smtp *smtp, const struct tdm_transaction *transaction,
                              const char *address, struct tdm_buf *out);

/* smtp_body.c: adds the next piece of the message to the output; -1 where the session failed. */
int tdm_smtp_fill_body(tidymail_smtp *smtp, struct tdm_transaction *transaction);
/* 1 where a piece may be added now: the output is empty, or a whole small message fits behind it. */
int tdm_smtp_can_fill(const tidymail_smtp *smtp);

/* smtp_command.c */
/* One command line is added to smtp->out between these two, without its CRLF; its reply is expected
 * in `state`. A control byte in it fails the session before anything of it is written. */
size_t tdm_smtp_command_begin(tidymail_smtp *smtp);
void tdm_smtp_command_end(tidymail_smtp *smtp, enum tdm_smtp_state state, size_t index,
                          size_t begin);
/* The same in one call, with the formats of tdm_buf_addf. */
void tdm_smtp_command(tidymail_smtp *smtp, enum tdm_smtp_state state, size_t index,
                      const char *format, ...);
/* The same for a line with credentials: `shown` takes its place in the transcript. */
void tdm_smtp_secret_command(tidymail_smtp *smtp, enum tdm_smtp_state state, const char *line,
                             const char *shown);
/* 1 where the address may stand between angle brackets: no control byte, no blank and no bracket
 * outside a quoted string. */
int tdm_smtp_address_fits(const char *address);
void tdm_smtp_trace(tidymail_smtp *smtp, int mark, const char *text, size_t length);
/* A line that goes out ahead of its turn has the phase of its own. */
void tdm_smtp_trace_sent(tidymail_smtp *smtp, int phase, const char *text, size_t length);
void tdm_smtp_trace_note(tidymail_smtp *smtp, const char *text);

/* smtp_verdict.c */
/* Fills an error from a refusal: 4xx temporary, 5xx `kind_for_5xx`; `words` say what was refused. */
void tdm_smtp_error_from_reply(tidymail_smtp *smtp, struct tidymail_error *error, int kind_for_5xx,
                               int phase, const struct tdm_reply *reply, const char *words);
/* The session fails with that reply. 421: at once, without QUIT. */
void tdm_smtp_fail_by_reply(tidymail_smtp *smtp, int kind_for_5xx, int phase,
                            const struct tdm_reply *reply, const char *words);
/* The session fails since what came is not SMTP here. */
void tdm_smtp_fail_protocol(tidymail_smtp *smtp, const char *words, const char *quote,
                            size_t quote_length, const char *hint);
/* The same for a reply that is one, but not here. */
void tdm_smtp_fail_odd_reply(tidymail_smtp *smtp, const struct tdm_reply *reply, const char *words);
/* The session fails since the server closed the connection or a deadline passed. */
void tdm_smtp_fail_lost(tidymail_smtp *smtp, const char *words);
void tdm_smtp_fail_timeout(tidymail_smtp *smtp, int whole_send);
/* The reply's text, escaped and without secrets, valid until the next call; NULL when out of memory. */
const char *tdm_smtp_reply_text(tidymail_smtp *smtp, const struct tdm_reply *reply);
/* "the server also said: 535 Authentication failed", as a note of all reports under way. */
void tdm_smtp_note_reply(tidymail_smtp *smtp, const struct tdm_reply *reply);

/* smtp_secret.c: replaces the password, the user's PLAIN response and the last response sent. */
void tdm_smtp_hide_secrets(tidymail_smtp *smtp, struct tdm_buf *text);

#endif
