/*
 * cmd_serve.c: tidymail serve. The server runs on its own thread; this one prints what came in and
 * waits for a signal that ends it; they are blocked in all threads and taken with sigtimedwait, so
 * that what was made for this run is removed whichever of them comes.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <tidymail/devserver.h>
#include <tidymail/tidymail.h>

#include "commands.h"
#include "exit_code.h"
#include "input.h"
#include "output.h"

#define SERVE_LOOK_NS 50000000 /* how often the inbox is looked at */
#define SERVE_HOST_MAX 64

static const struct cli_option serve_options[] = {
    {"api", NULL, "the HTTP APIs of mail services in place of SMTP", 0},
    {"fault", "RULE", "answer so, as 'rcpt: 451 4.7.1 busy, first 2'", CLI_MANY},
    {"seed", "N", "for rules with a probability; default 0", 0},
    {"like", "NAME", "speak as gmail, mailgun, postfix, ... (docs/faults.md)", 0},
    {"listen", "HOST:PORT", "loopback only; default 127.0.0.1:2525, port 0: any", 0},
    {"user", "U", "with --password: the only login accepted; else any", 0},
    {"password", "P", "its password", 0},
    {"require-auth", NULL, "refuse mail before a login", 0},
    {"auth", "LIST", "offer these SASL mechanisms only, commas between", 0},
    {"hide", "LIST", "EHLO keywords not to offer and not to understand", 0},
    {"lmtp", NULL, "speak LMTP (RFC 2033)", 0},
    {"store", "DIR", "keep each message as one .eml; else it is printed", 0},
    {"script", "FILE.scn", "play a scenario to each client (docs/scenarios.md)", 0},
    {"implicit-tls", NULL, "TLS at once (smtps)", 0},
    {"no-tls", NULL, "do not offer STARTTLS", 0},
    {"trace", NULL, "the sessions, live, on standard error", 0},
    {NULL, NULL, NULL, 0},
};

static const struct cli_option_group serve_groups[] = {
    {"Options", serve_options, 0},
    {NULL, NULL, 0},
};

static void serve_trace_line(void *context, const char *line)
{
    fprintf(context, "%s\n", line);
    fflush(context);
}

/* HOST:PORT, an IPv6 host in brackets. */
static int serve_read_listen(const char *text, char host[SERVE_HOST_MAX], int *port,
                             struct cli_failure *failure)
{
    const char *colon = strrchr(text, ':');
    size_t length = colon != NULL ? (size_t)(colon - text) : 0;
    if (length == 0 || length >= SERVE_HOST_MAX || colon[1] == '\0' || strlen(colon + 1) > 5) {
        return failure_usage(failure, "--listen takes HOST:PORT, such as 127.0.0.1:2525");
    }
    *port = 0;
    for (const char *p = colon + 1; *p != '\0'; p++) {
        if (*p < '0' || *p > '9') {
            return failure_usage(failure, "--listen: the port is a number");
        }
        *port = *port * 10 + (*p - '0');
    }
    if (*port > 65535) {
        return failure_usage(failure, "--listen: the port is a number from 0 to 65535");
    }
    int literal = text[0] == '[' && text[length - 1] == ']';
    memcpy(host, text + literal, length);
    host[length - (size_t)literal * 2] = '\0';
    return 0;
}

static int serve_check(const struct cli_args *args, struct cli_failure *failure)
{
    if (args_has(args, "api") ? args_has(args, "user") && !args_has(args, "password")
                              : args_has(args, "user") != args_has(args, "password")) {
        return failure_usage(failure, "--user and --password go together");
    }
    if (args_has(args, "implicit-tls") && args_has(args, "lmtp")) {
        return failure_usage(failure, "--implicit-tls and --lmtp cannot go together");
    }
    if (args_has(args, "implicit-tls") && args_has(args, "no-tls")) {
        return failure_usage(failure, "--implicit-tls and --no-tls cannot go together");
    }
    const char *store = args_get(args, "store");
    if (store != NULL && mkdir(store, 0700) != 0 && errno != EEXIST) {
        return failure_set(failure, CLI_EXIT_LOCAL, TIDYMAIL_KIND_LOCAL,
                           "cannot make the folder %s: %s", store, strerror(errno));
    }
    return 0;
}

/* --seed: digits; 0 or -1. */
static int serve_read_seed(const char *text, uint64_t *seed, struct cli_failure *failure)
{
    *seed = 0;
    for (const char *p = text; *p != '\0'; p++) {
        if (*p < '0' || *p > '9' || *seed > (UINT64_MAX - 9) / 10) {
            return failure_usage(failure, "--seed takes a whole number");
        }
        *seed = *seed * 10 + (uint64_t)(*p - '0');
    }
    return *text != '\0' ? 0 : failure_usage(failure, "--seed takes a whole number");
}

static void serve_print_text(const char *text)
{
    for (; *text != '\0'; text++) {
        char one[2] = {*text, '\0'};
        if (*text == '\n' || *text == '\t') {
            fputc(*text, stdout);
        } else if (*text != '\r' || text[1] != '\n') {
            output_clean(stdout, one);
        }
    }
}

static void serve_print_message(const tidymail_devserver *server, size_t index, int with_text)
{
    size_t length;
    const char *message = tidymail_devserver_message(server, index, &length);
    printf("message %zu: from <", index + 1);
    output_clean(stdout, tidymail_devserver_message_from(server, index));
    printf("> to");
    for (size_t i = 0; i < tidymail_devserver_message_recipient_count(server, index); i++) {
        printf(" <");
        output_clean(stdout, tidymail_devserver_message_recipient(server, index, i));
        printf(">");
    }
    const char *user = tidymail_devserver_message_user(server, index);
    printf(", %zu bytes, %s", length,
           tidymail_devserver_message_encrypted(server, index) ? "TLS" : "no TLS");
    if (user[0] != '\0') {
        printf(", user ");
        output_clean(stdout, user);
    }
    printf("\n");
    if (with_text) {
        serve_print_text(message);
        printf("\n");
    }
    fflush(stdout);
}

/* Until one of the signals comes. */
static void serve_wait(const tidymail_devserver *server, const sigset_t *signals, int with_text)
{
    size_t printed = 0;
    int ended = 0;
    do {
        struct timespec pause = {0, SERVE_LOOK_NS};
        ended = sigtimedwait(signals, NULL, &pause) > 0;
        while (printed < tidymail_devserver_message_count(server)) {
            serve_print_message(server, printed++, with_text);
        }
    } while (!ended);
}

/* A signal that somebody chose to ignore for us (nohup) stays ignored. */
static void serve_add_signal(sigset_t *signals, int number)
{
    struct sigaction action;
    if (sigaction(number, NULL, &action) == 0 && action.sa_handler != SIG_IGN) {
        sigaddset(signals, number);
    }
}

static int serve_with(const tidymail_devserver_options *options, struct cli_failure *failure)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    serve_add_signal(&signals, SIGHUP);
    serve_add_signal(&signals, SIGQUIT);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    char error[512] = "";
    tidymail_devserver *server = tidymail_devserver_start(options, error, sizeof(error));
    if (server == NULL) {
        failure_set(failure, CLI_EXIT_LOCAL, TIDYMAIL_KIND_LOCAL, "%s", error);
        return failure->status;
    }
    printf("ready %s\n", tidymail_devserver_url(server));
    for (size_t i = 0; tidymail_devserver_service(server, i) != NULL; i++) {
        const char *scheme = tidymail_devserver_service(server, i);
        printf("%s\n", tidymail_devserver_service_url(server, scheme));
    }
    fflush(stdout);
    serve_wait(server, &signals, options->store == NULL);
    const char *deviation = tidymail_devserver_deviation(server);
    if (deviation[0] != '\0') {
        fprintf(stderr, "the client left the scenario:\n%s\n", deviation);
    }
    tidymail_devserver_stop(server);
    return 0;
}

/* All --fault, one a line; NULL: there is none, or a failure. */
static char *serve_faults(const struct cli_args *args, struct cli_failure *failure)
{
    size_t size = 1;
    for (size_t i = 0; i < args->count; i++) {
        if (strcmp(args->given[i].option->name, "fault") == 0) {
            size += strlen(args->given[i].value) + 1;
        }
    }
    char *rules = size > 1 ? malloc(size) : NULL;
    char *at = rules;
    if (rules == NULL) {
        if (size > 1) {
            failure_set(failure, CLI_EXIT_LOCAL, TIDYMAIL_KIND_LOCAL, "out of memory");
        }
        return NULL;
    }
    for (size_t i = 0; i < args->count; i++) {
        if (strcmp(args->given[i].option->name, "fault") == 0) {
            size_t length = strlen(args->given[i].value);
            memcpy(at, args->given[i].value, length);
            at += length;
            *at++ = '\n';
        }
    }
    *at = '\0';
    return rules;
}

static int serve_run(const struct cli_args *args, struct cli_failure *failure)
{
    char host[SERVE_HOST_MAX] = "127.0.0.1";
    tidymail_devserver_options options = TIDYMAIL_DEVSERVER_OPTIONS_INIT;
    const char *listen = args_get(args, "listen");
    options.port = 2525;
    if (listen != NULL && serve_read_listen(listen, host, &options.port, failure) != 0) {
        return failure->status;
    }
    if (serve_check(args, failure) != 0) {
        return failure->status;
    }
    if (args_has(args, "seed") &&
        serve_read_seed(args_get(args, "seed"), &options.seed, failure) != 0) {
        return failure->status;
    }
    options.like = args_get(args, "like");
    options.host = host;
    options.user = args_get(args, "user");
    options.password = args_get(args, "password");
    options.auth = args_get(args, "auth");
    options.hide = args_get(args, "hide");
    options.lmtp = args_has(args, "lmtp");
    options.store = args_get(args, "store");
    options.implicit_tls = args_has(args, "implicit-tls");
    options.no_tls = args_has(args, "no-tls");
    options.require_auth = args_has(args, "require-auth");
    if (args_has(args, "trace")) {
        options.log = serve_trace_line;
        options.log_context = stderr;
    }
    const char *script = args_get(args, "script");
    size_t length;
    char *scenario = script != NULL ? input_read(script, &length, failure) : NULL;
    options.scenario = scenario;
    options.api = args_has(args, "api");
    char *faults = failure->status == 0 ? serve_faults(args, failure) : NULL;
    options.faults = faults;
    int status = failure->status != 0 ? failure->status : serve_with(&options, failure);
    free(scenario);
    free(faults);
    return status;
}

const struct cli_command command_serve = {
    "serve",
    "[OPTION]...",
    "A mail server for tests, on this machine only; ends with SIGINT or SIGTERM.",
    serve_groups,
    "The first line is `ready URL`, a URL that tidymail send takes: the login is in it, and\n"
    "the CA that signed the server's certificate. Each message is then told on one line.\n"
    "With --api a line for each service follows it, a URL that sends through its double.",
    serve_run};
