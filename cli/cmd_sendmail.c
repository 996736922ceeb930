/*
 * cmd_sendmail.c: tidymail sendmail, and the program under the names sendmail, mailq and newaliases.
 * Takes a message from standard input as sendmail does, and sends it at once: there is no queue.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <tidymail/tidymail.h>

#include "account.h"
#include "commands.h"
#include "exit_code.h"
#include "log_line.h"
#include "output.h"
#include "recipients.h"
#include "sendmail_fields.h"
#include "sendmail_message.h"
#include "sendmail_options.h"

#define SENDMAIL_NAME_MAX 256

/* One run. */
struct sendmail_run {
    struct sendmail_options options;
    struct sendmail_message message;
    struct cli_account where;
    struct recipients recipients;
    char *header_from;              /* the address of the From field as it stands; NULL: none */
    char *envelope;                 /* the reverse-path */
    char domain[SENDMAIL_NAME_MAX]; /* of local names */
    FILE *log;
};

static int sendmail_no_memory(struct cli_failure *failure)
{
    return failure_set(failure, CLI_EXIT_LOCAL, TIDYMAIL_KIND_LOCAL, "out of memory");
}

static void sendmail_help(void)
{
    printf("usage: tidymail sendmail [OPTION]... [RECIPIENT]...\n\n"
           "Sends the message on standard input, as sendmail does (docs/sendmail.md).\n\n"
           "  -t                   recipients are those of To, Cc and Bcc too\n"
           "  -f A, -r A           sender of the envelope; '<>' is none\n"
           "  -F NAME              the sender's name, where the message has no From\n"
           "  -i, -oi              a line with a lone dot does not end the message\n"
           "  -N never|LIST        success, failure, delay: which notifications are wanted\n"
           "  -R full|hdrs         what of the message comes back with them\n"
           "  -V ID                what they call the message\n"
           "  -a, --account NAME   an account of the configuration file (docs/config.md)\n"
           "  -C, --config FILE    that file, in place of ~/.config/tidymail/config\n"
           "  -X FILE              appends the transcript of the session to FILE\n"
           "  -v                   the same on standard error\n"
           "  -bp, -bi             nothing is queued, and aliases need no building\n\n"
           "Taken and forgotten: -bm -B -h -L -p -O -e -o -q -d -A -m -n -U -G -s\n\n"
           "Exit status: 0 sent, 64 usage, 65 refused, 75 try again later, 77 login, 78 account.\n"
           "Example: tidymail sendmail -a work -t -i <message.eml\n");
}

/* -a, else the account of the sender, else the default one, else TIDYMAIL_URL. */
static int sendmail_choose(struct sendmail_run *run, struct cli_failure *failure)
{
    struct cli_account *where = &run->where;
    const char *url = getenv("TIDYMAIL_URL");
    const char *from = run->options.from;
    if (account_load(where, run->options.config, failure) != 0) {
        return -1;
    }
    if (run->options.account != NULL) {
        return account_by_name(where, run->options.account, failure);
    }
    where->account = from != NULL ? tidymail_config_account_from(where->config, from) : NULL;
    if (where->account == NULL && run->header_from != NULL) {
        where->account = tidymail_config_account_from(where->config, run->header_from);
    }
    if (where->account == NULL) {
        where->account = tidymail_config_account(where->config, NULL);
    }
    where->url = where->account == NULL && url != NULL && url[0] != '\0' ? url : NULL;
    if (where->account != NULL || where->url != NULL) {
        return 0;
    }
    failure_set(failure, CLI_EXIT_CONFIGURATION, TIDYMAIL_KIND_CONFIGURATION, "no account: %s%s",
                tidymail_config_path(where->config),
                tidymail_config_account_count(where->config) > 0
                    ? " has none for this sender, and none is named default"
                    : "there is no configuration with one, and TIDYMAIL_URL is not set");
    failure_hint(failure, "write ~/.config/tidymail/config (docs/sendmail.md), or choose with -a");
    return -1;
}

/* The domain of an address, NULL where it has none that could stand in a Message-ID too. */
static const char *sendmail_domain_of(const char *address)
{
    const char *at = address != NULL ? strrchr(address, '@') : NULL;
    size_t harmless = at == NULL ? 0
                                 : strspn(at + 1, "abcdefghijklmnopqrstuvwxyz"
                                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._[]:");
    return harmless > 0 && at[1 + harmless] == '\0' ? at + 1 : NULL;
}

/* maildomain, else the sender's domain, else the account's, else the host's. */
static void sendmail_find_domain(struct sendmail_run *run)
{
    const char *const senders[] = {run->options.from, run->header_from, account_from(&run->where)};
    const char *given = account_setting(&run->where, "maildomain");
    for (size_t i = 0; i < 3 && given == NULL; i++) {
        given = sendmail_domain_of(senders[i]);
    }
    if (given != NULL && strlen(given) < sizeof(run->domain)) {
        snprintf(run->domain, sizeof(run->domain), "%s", given);
    } else {
        sendmail_host_name(run->domain, sizeof(run->domain));
    }
}

/* -f, else From; where those have no domain or may not be said: the account's, else name@domain. */
static int sendmail_find_envelope(struct sendmail_run *run, struct cli_failure *failure)
{
    const char *usual = account_from(&run->where);
    const char *from = run->options.from != NULL ? run->options.from : run->header_from;
    char user[SENDMAIL_NAME_MAX];
    if (account_setting_is(&run->where, "set_from_header", "on")) {
        from = run->options.from; /* From is made of it, not the other way round */
    }
    if (usual != NULL && account_setting_is(&run->where, "allow_from_override", "off")) {
        from = usual;
    }
    if (from != NULL && (from[0] == '\0' || strcmp(from, "<>") == 0)) {
        run->envelope = strdup("");
        return run->envelope != NULL ? 0 : sendmail_no_memory(failure);
    }
    if (usual != NULL && (from == NULL || !recipients_has_domain(from))) {
        from = usual;
    }
    if (from == NULL) {
        sendmail_user_name(user, sizeof(user));
        from = user;
    }
    struct recipients sender = {{NULL, 0}, NULL, run->domain};
    if (recipients_add(&sender, from, "sender", failure) == 0 && sender.found.count > 0) {
        run->envelope = strdup(sender.found.items[0]);
    } else if (failure->status == 0) {
        failure_usage(failure, "-f names no address");
    }
    words_clear(&sender.found);
    if (run->envelope == NULL && failure->status == 0) {
        return sendmail_no_memory(failure);
    }
    return failure->status == 0 ? 0 : -1;
}

/* Recipients of the header: of its Resent- fields where it has those (RFC 5322 3.6.6). */
static int sendmail_read_recipients(struct sendmail_run *run, struct cli_failure *failure)
{
    static const char *const names[] = {"Resent-To", "Resent-Cc", "Resent-Bcc", "To", "Cc", "Bcc"};
    int is_resent = 0;
    for (size_t i = 0; i < 6 && failure->status == 0; i++) {
        char *list = i < 3 || !is_resent ? sendmail_message_field(&run->message, names[i]) : NULL;
        if (list != NULL) {
            is_resent |= i < 3;
            recipients_add(&run->recipients, list, names[i], failure);
        }
        free(list);
    }
    return failure->status == 0 ? 0 : -1;
}

static int sendmail_find_recipients(struct sendmail_run *run, struct cli_failure *failure)
{
    run->recipients.aliases = account_setting(&run->where, "aliases");
    run->recipients.domain = run->domain;
    for (size_t i = 0; i < run->options.recipient_count && failure->status == 0; i++) {
        recipients_add(&run->recipients, run->options.recipients[i], "recipient", failure);
    }
    if (run->options.from_header && failure->status == 0) {
        sendmail_read_recipients(run, failure);
    }
    if (failure->status == 0 && run->recipients.found.count == 0) {
        return run->options.from_header
                   ? failure_set(failure, CLI_EXIT_DATA, TIDYMAIL_KIND_MESSAGE,
                                 "no recipient: To, Cc and Bcc name none")
                   : failure_usage(failure, "no recipient: name one, or use -t");
    }
    return failure->status == 0 ? 0 : -1;
}

/* Is the field to be written? Missing ones are, but where the account says otherwise. */
static int sendmail_wants(const struct sendmail_run *run, const char *field, const char *keyword,
                          const char *older)
{
    char *given = sendmail_message_field(&run->message, field);
    int is_missing = given == NULL;
    free(given);
    if (account_setting_is(&run->where, keyword, "on")) {
        return 1;
    }
    return is_missing && !account_setting_is(&run->where, keyword, "off") &&
           !account_setting_is(&run->where, older, "off");
}

/* Does From say the sender of the envelope? Then it need not be set: mail services, which make the
 * reverse-path themselves, refuse one. */
static int sendmail_from_says_it(const struct sendmail_run *run)
{
    char *field = sendmail_message_field(&run->message, "From");
    tidymail_address_list *list = tidymail_address_list_parse(field != NULL ? field : "", 0);
    int is_missing = field == NULL && !account_setting_is(&run->where, "set_from_header", "off") &&
                     !account_setting_is(&run->where, "add_missing_from_header", "off");
    int is_written = is_missing || account_setting_is(&run->where, "set_from_header", "on");
    int is_same = tidymail_address_list_count(list) == 1 &&
                  strcmp(tidymail_address_list_spec(list, 0), run->envelope) == 0;
    tidymail_address_list_free(list);
    free(field);
    return run->envelope[0] != '\0' && (is_written || is_same);
}

/* One more name of a field that is left out. */
static void sendmail_drop(char *names, size_t size, const char *name)
{
    size_t length = strlen(names);
    snprintf(names + length, size - length, "%s", name);
}

/* The message as it is sent; to be freed. */
static char *sendmail_finish(const struct sendmail_run *run, size_t *length)
{
    char *fields = NULL;
    size_t ignored = 0;
    char without[128] = "Bcc Resent-Bcc";
    FILE *out = open_memstream(&fields, &ignored);
    const char *name = run->options.full_name;
    const char *usual_name = account_setting(&run->where, "from_full_name");
    const char *address = run->envelope[0] != '\0' ? run->envelope : account_from(&run->where);
    const char *at = address != NULL ? strrchr(address, '@') : NULL;
    if (out == NULL) {
        return NULL;
    }
    name = name != NULL ? name : usual_name != NULL ? usual_name : "";
    if (address != NULL &&
        sendmail_wants(run, "From", "set_from_header", "add_missing_from_header")) {
        sendmail_add_from(out, name, address);
        sendmail_drop(without, sizeof(without), " From");
    }
    if (sendmail_wants(run, "Date", "set_date_header", "add_missing_date_header")) {
        sendmail_add_date(out);
        sendmail_drop(without, sizeof(without), " Date");
    }
    if (sendmail_wants(run, "Message-ID", "set_msgid_header", "")) {
        sendmail_add_message_id(out, at != NULL ? at + 1 : run->domain);
        sendmail_drop(without, sizeof(without), " Message-ID");
    }
    if (account_setting_is(&run->where, "undisclosed_recipients", "on")) {
        fputs("To: undisclosed-recipients:;\r\n", out);
        sendmail_drop(without, sizeof(without), " To Cc");
    }
    char *whole =
        fclose(out) == 0 ? sendmail_message_rewrite(&run->message, fields, without, length) : NULL;
    free(fields);
    return whole;
}

/* An account that sends through sendmail, which is this program, would start itself for ever. */
static int sendmail_check_loop(const struct sendmail_run *run, struct cli_failure *failure)
{
    static const char mark[] = "TIDYMAIL_IN_SENDMAIL";
    const char *url =
        run->where.account != NULL ? tidymail_account_url(run->where.account) : run->where.url;
    if (strstr(url, "sendmail:") == NULL) {
        return 0;
    }
    if (getenv(mark) != NULL) {
        return failure_set(failure, CLI_EXIT_CONFIGURATION, TIDYMAIL_KIND_CONFIGURATION,
                           "the account sends through sendmail, which is this program");
    }
    return setenv(mark, "1", 1) == 0 ? 0 : sendmail_no_memory(failure);
}

static void sendmail_log_line(void *context, int level, const char *line)
{
    const struct sendmail_run *run = context;
    (void)level;
    if (run->log != NULL) {
        fprintf(run->log, "%s\n", line);
        fflush(run->log);
    }
    if (run->options.verbose) {
        fprintf(stderr, "%s\n", line);
    }
}

static int sendmail_open_log(struct sendmail_run *run, struct cli_failure *failure)
{
    const char *path = run->options.log;
    if (path == NULL) {
        return 0;
    }
    int file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0600);
    run->log = file >= 0 ? fdopen(file, "a") : NULL;
    if (run->log == NULL) {
        int code = errno;
        if (file >= 0) {
            close(file);
        }
        return failure_set(failure, CLI_EXIT_LOCAL, TIDYMAIL_KIND_LOCAL, "cannot write %s: %s",
                           path, strerror(code));
    }
    return 0;
}

static void sendmail_set_wishes(const struct sendmail_run *run, tidymail_message *message)
{
    const char *notify = run->options.notify;
    const char *ret = run->options.ret;
    notify = notify != NULL ? notify : account_setting(&run->where, "dsn_notify");
    ret = ret != NULL ? ret : account_setting(&run->where, "dsn_return");
    notify = notify != NULL && strcmp(notify, "off") == 0 ? NULL : notify;
    ret = ret == NULL || strcmp(ret, "off") == 0    ? NULL
          : words_same(ret, strlen(ret), "headers") ? "HDRS"
                                                    : ret;
    if (notify != NULL || ret != NULL || run->options.envid != NULL) {
        tidymail_message_set_dsn(message, notify, ret, run->options.envid);
    }
}

/* What was not sent is said on standard error; of what was, sendmail says nothing. */
static void sendmail_say(const tidymail_report *report)
{
    const char *hint = tidymail_error_hint(tidymail_report_error(report));
    fputs("tidymail sendmail: ", stderr);
    output_clean(stderr, tidymail_report_summary(report));
    fputc('\n', stderr);
    for (size_t i = 0; i < tidymail_report_recipient_count(report); i++) {
        const tidymail_recipient *recipient = tidymail_report_recipient(report, i);
        if (tidymail_recipient_outcome(recipient) == TIDYMAIL_FAILED &&
            tidymail_recipient_code(recipient) > 0) {
            fputs("refused: ", stderr);
            output_clean(stderr, tidymail_recipient_address(recipient));
            fprintf(stderr, " %d ", tidymail_recipient_code(recipient));
            output_clean(stderr, tidymail_recipient_reply(recipient));
            fputc('\n', stderr);
        }
    }
    if (hint[0] != '\0') {
        fputs("hint: ", stderr);
        output_clean(stderr, hint);
        fputc('\n', stderr);
    }
}

static int sendmail_send(struct sendmail_run *run, struct cli_failure *failure)
{
    size_t length = 0;
    char *whole = sendmail_finish(run, &length);
    if (whole == NULL) {
        return sendmail_no_memory(failure);
    }
    tidymail_message *message = tidymail_message_new();
    tidymail_transport_options options = TIDYMAIL_TRANSPORT_OPTIONS_INIT;
    if (run->log != NULL || run->options.verbose) {
        options.log = sendmail_log_line;
        options.log_context = run;
    }
    tidymail_message_set_raw(message, whole, length);
    if (!sendmail_from_says_it(run)) {
        tidymail_message_set_envelope_from(message, run->envelope);
    }
    for (size_t i = 0; i < run->recipients.found.count; i++) {
        tidymail_message_add_envelope_to(message, run->recipients.found.items[i]);
    }
    sendmail_set_wishes(run, message);
    tidymail_transport *transport = account_open(&run->where, &options);
    tidymail_report *report = tidymail_send(transport, message);
    const tidymail_error *error = tidymail_report_error(report);
    int status = exit_code_of(tidymail_report_outcome(report), tidymail_error_kind(error),
                              tidymail_error_phase(error), tidymail_error_retryable(error));
    if (status != CLI_EXIT_SENT) {
        sendmail_say(report);
    }
    struct log_line line = {transport, report, run->envelope, -1, status};
    if (log_line_wanted(&run->where)) {
        line.size = log_line_size(message);
        log_line_write(&run->where, &line);
    }
    tidymail_report_free(report);
    tidymail_transport_close(transport);
    tidymail_message_free(message);
    free(whole);
    return status;
}

static int sendmail_do(struct sendmail_run *run, struct cli_failure *failure)
{
    static const char *const senders[] = {"Resent-From", "From", "Sender"};
    if (!run->options.from_header && run->options.recipient_count == 0) {
        return failure_usage(failure, "no recipient: name one, or use -t");
    }
    if (sendmail_message_read(&run->message, !run->options.no_dot, failure) != 0) {
        return failure->status;
    }
    if (run->message.cut > 0) {
        fputs("tidymail sendmail: the message ended at a line with a lone dot, what came behind it "
              "is left "
              "out: -i takes such a line as text\n",
              stderr);
    }
    for (size_t i = 0; i < 3 && run->header_from == NULL; i++) {
        char *field = sendmail_message_field(&run->message, senders[i]);
        run->header_from = field != NULL ? recipients_first(field) : NULL;
        free(field);
    }
    if (sendmail_choose(run, failure) != 0) {
        return failure->status;
    }
    if (sendmail_check_loop(run, failure) != 0) {
        return failure->status;
    }
    sendmail_find_domain(run);
    if (sendmail_find_envelope(run, failure) != 0 || sendmail_find_recipients(run, failure) != 0 ||
        sendmail_open_log(run, failure) != 0) {
        return failure->status;
    }
    return sendmail_send(run, failure);
}

int sendmail_main(int count, char **words)
{
    struct cli_failure failure = {0, 0, NULL, NULL};
    struct sendmail_run run;
    memset(&run, 0, sizeof(run));
    int status = 0;
    if (sendmail_options_parse(&run.options, count, words, &failure) != 0) {
        failure_hint(&failure, "tidymail sendmail --help lists the options");
    } else if (run.options.mode == SENDMAIL_HELP) {
        sendmail_help();
    } else if (run.options.mode == SENDMAIL_QUEUE) {
        printf("Mail queue is empty\n");
    } else if (run.options.mode == SENDMAIL_SEND) {
        status = sendmail_do(&run, &failure);
    }
    if (failure.status != 0) {
        status = failure.status;
        output_failure("sendmail", &failure);
    }
    if (run.log != NULL) {
        fclose(run.log);
    }
    failure_clear(&failure);
    words_clear(&run.recipients.found);
    free(run.header_from);
    free(run.envelope);
    sendmail_message_clear(&run.message);
    account_release(&run.where);
    return status;
}

static const struct cli_option_group sendmail_groups[] = {{NULL, NULL, 0}};

const struct cli_command command_sendmail = {"sendmail",
                                             "[OPTION]... [RECIPIENT]...",
                                             "Takes the place of sendmail for other programs.",
                                             sendmail_groups,
                                             NULL,
                                             NULL};
