/* replay_client.c: from the words of client: to the engine's options, and the message that is sent. */
#include <string.h>

#include "replay_internal.h"
#include "util/str.h"

#define MESSAGE_MAX ((size_t)64 << 20)

static ptrdiff_t client_read(void *context, void *buffer, size_t capacity)
{
    struct tdm_replay_client *client = context;
    size_t left = client->message.length - client->read;
    size_t take = left < capacity ? left : capacity;
    memcpy(buffer, client->message.data + client->read, take);
    client->read += take;
    return (ptrdiff_t)take;
}

static int client_rewind(void *context)
{
    struct tdm_replay_client *client = context;
    client->read = 0;
    return 0;
}

static int64_t client_size(void *context)
{
    const struct tdm_replay_client *client = context;
    return (int64_t)client->message.length;
}

static void client_release(void *context)
{
    struct tdm_replay_client *client = context;
    client->released++;
}

tidymail_source tdm_replay_client_source(struct tdm_replay_client *client)
{
    tidymail_source source = {client_read, client_rewind,  client_size,
                              NULL,        client_release, client};
    client->read = 0;
    client->released = 0;
    return source;
}

static int client_problem(struct tdm_buf *problems, const struct tdm_scenario_word *word,
                          const char *words)
{
    tdm_buf_addf(problems, "line %z: client: %s= %s\n", word->line, word->name, words);
    return -1;
}

/* "5" or "0.5" seconds, as in a URL. */
static int client_seconds(const struct tdm_scenario_word *word, int64_t *out,
                          struct tdm_buf *problems)
{
    struct tdm_buf text;
    tdm_buf_init(&text, NULL, 64);
    tdm_buf_addf(&text, "%ss", word->value);
    int64_t milliseconds = text.failed ? -1 : tdm_scenario_duration(text.data, text.length);
    tdm_buf_clear(&text);
    if (milliseconds <= 0) {
        return client_problem(problems, word, "is not a number of seconds");
    }
    *out = milliseconds;
    return 0;
}

/* One of two words: 1 where it is `yes`, 0 where it is `no`, -1 with a problem. */
static int client_choice(const struct tdm_scenario_word *word, const char *yes, const char *no,
                         struct tdm_buf *problems)
{
    if (strcmp(word->value, yes) == 0 || strcmp(word->value, no) == 0) {
        return strcmp(word->value, yes) == 0;
    }
    return client_problem(problems, word, "has a value that is not known");
}

static int client_take_text(struct tdm_replay_client *client, const struct tdm_scenario_word *word)
{
    const struct {
        const char *name;
        const char **member;
    } texts[] = {{"user", &client->options.user},
                 {"password", &client->options.password},
                 {"auth", &client->options.auth},
                 {"helo", &client->options.helo},
                 {"nonce", &client->options.nonce},
                 {"binding", &client->binding},
                 {"from", &client->envelope.from},
                 {"notify", &client->envelope.dsn_notify},
                 {"ret", &client->envelope.dsn_ret},
                 {"envid", &client->envelope.dsn_envid},
                 {"hold-until", &client->envelope.hold_until}};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (strcmp(word->name, texts[i].name) == 0) {
            *texts[i].member = word->value;
            return 1;
        }
    }
    return 0;
}

/* Words with two values; -2 where it is none of them. */
static int client_take_choice(struct tdm_replay_client *client,
                              const struct tdm_scenario_word *word, struct tdm_buf *problems)
{
    const struct {
        const char *name;
        const char *yes; /* the value that sets the member */
        const char *no;
        int *member;
    } choices[] = {{"cleartext-auth", "allow", "no", &client->options.cleartext_auth},
                   {"initial-response", "no", "yes", &client->options.no_initial_response},
                   {"pipelining", "no", "yes", &client->options.no_pipelining},
                   {"partial", "no", "yes", &client->options.no_partial},
                   {"verify", "none", "full", &client->accepts_any_certificate},
                   {"lmtp", "yes", "no", &client->options.lmtp},
                   {"chunking", "yes", "no", &client->options.chunking},
                   {"require-tls", "yes", "no", &client->envelope.require_tls},
                   {"binary", "yes", "no", &client->envelope.body_binary},
                   {"smtputf8", "yes", "no", &client->envelope.utf8},
                   {"utf8", "yes", "no", &client->envelope.utf8},
                   {"body", "8bit", "7bit", &client->envelope.body_8bit}};
    for (size_t i = 0; i < sizeof(choices) / sizeof(choices[0]); i++) {
        if (strcmp(word->name, choices[i].name) == 0) {
            int choice = client_choice(word, choices[i].yes, choices[i].no, problems);
            *choices[i].member = choice == 1;
            return choice < 0 ? -1 : 0;
        }
    }
    return -2;
}

static int client_take_size(struct tdm_replay_client *client, const struct tdm_scenario_word *word,
                            struct tdm_buf *problems)
{
    size_t size = 0;
    for (const char *at = word->value; *at != '\0'; at++) {
        if (!tdm_is_digit(*at) || size > MESSAGE_MAX / 100) {
            return client_problem(problems, word, "is not a number of bytes");
        }
        size = size * 10 + (size_t)(*at - '0');
    }
    while (client->message.length + 80 <= size) {
        tdm_buf_add_str(&client->message, "The quick brown fox jumps over the lazy dog, again and "
                                          "again and again, tirelessly.\r\n");
    }
    return 0;
}

/* "-9" to "999999999" up to `end`; 0, or -1. */
static int client_number(const char *text, const char *end, int64_t *out)
{
    int negative = text < end && *text == '-';
    const char *digits = text + negative;
    *out = 0;
    if (digits == end || end - digits > 9) {
        return -1;
    }
    for (const char *at = digits; at < end; at++) {
        if (!tdm_is_digit(*at)) {
            return -1;
        }
        *out = *out * 10 + (*at - '0');
    }
    *out = negative ? -*out : *out;
    return 0;
}

/* Wishes with a number in them; -2 where it is none of them. */
static int client_take_wish(struct tdm_replay_client *client, const struct tdm_scenario_word *word,
                            struct tdm_buf *problems)
{
    const char *value = word->value;
    const char *end = value + strlen(value);
    int64_t number;
    if (strcmp(word->name, "by") == 0) {
        const char *semicolon = strchr(value, ';');
        if (semicolon == NULL || semicolon + 2 != end ||
            client_number(value, semicolon, &client->envelope.deliver_by_s) != 0) {
            return client_problem(problems, word, "is not of the form 120;R");
        }
        client->envelope.deliver_by_mode = semicolon[1];
        return 0;
    }
    if (strcmp(word->name, "probe") == 0) {
        int login = strcmp(value, "login") == 0;
        client->envelope.probe = login || strcmp(value, "yes") == 0;
        if (!client->envelope.probe) {
            return client_problem(problems, word, "is neither yes nor login");
        }
        if (login) {
            client->envelope.recipient_count = 0;
        }
        return 0;
    }
    if (strcmp(word->name, "hold-for") == 0) {
        return client_number(value, end, &client->envelope.hold_for_s) == 0
                   ? 0
                   : client_problem(problems, word, "is not a number of seconds");
    }
    if (strcmp(word->name, "priority") == 0) {
        if (client_number(value, end, &number) != 0) {
            return client_problem(problems, word, "is not a number");
        }
        client->envelope.has_priority = 1;
        client->envelope.priority = (int)number;
        return 0;
    }
    return -2;
}

static int client_take_word(struct tdm_replay_client *client, const struct tdm_scenario_word *word,
                            struct tdm_buf *problems)
{
    static const char *const of_a_network[] = {"tls",        "ca",    "connect-timeout",
                                               "transcript", "proxy", "source"};
    int64_t timeout_ms = 0;
    int result = 0;
    if (client_take_text(client, word)) {
        return 0;
    }
    result = client_take_choice(client, word, problems);
    if (result > -2) {
        return result;
    }
    result = client_take_wish(client, word, problems);
    if (result > -2) {
        return result;
    }
    if (strcmp(word->name, "size") == 0) {
        return client_take_size(client, word, problems);
    }
    if (strcmp(word->name, "reply-timeout") == 0) {
        result = client_seconds(word, &timeout_ms, problems);
        client->options.reply_timeout_ms = timeout_ms;
        client->options.tls_timeout_ms = timeout_ms; /* it bounds the handshake too */
        return result;
    }
    if (strcmp(word->name, "final-timeout") == 0) {
        return client_seconds(word, &client->options.final_timeout_ms, problems);
    }
    if (strcmp(word->name, "timeout") == 0) {
        return client_seconds(word, &client->envelope.deadline_ms, problems);
    }
    for (size_t i = 0; i < sizeof(of_a_network) / sizeof(of_a_network[0]); i++) {
        if (strcmp(word->name, of_a_network[i]) == 0) {
            return 0; /* says nothing about a conversation in memory, or was read elsewhere */
        }
    }
    return client_problem(problems, word, "is not an option that replay knows");
}

int tdm_replay_client_init(struct tdm_replay_client *client, const struct tdm_scenario *scenario,
                           struct tdm_buf *problems)
{
    tidymail_smtp_options options = TIDYMAIL_SMTP_OPTIONS_INIT;
    tidymail_smtp_envelope envelope = TIDYMAIL_SMTP_ENVELOPE_INIT;
    memset(client, 0, sizeof(*client));
    client->options = options;
    client->envelope = envelope;
    client->options.tls = tdm_scenario_tls(scenario);
    client->options.server = "server.example:587";
    client->options.helo = "client.example";
    client->envelope.from = tdm_scenario_from(scenario);
    client->envelope.recipients = (const char *const *)scenario->recipients;
    client->envelope.recipient_count = scenario->recipient_count;
    client->envelope.message_id = "<scenario@client.example>";
    tdm_buf_init(&client->message, NULL, MESSAGE_MAX);
    tdm_buf_add_str(&client->message,
                    "From: sender@example.com\r\nTo: ann@example.org\r\nSubject: A scenario\r\n"
                    "Message-ID: <scenario@client.example>\r\n\r\nThe first line\r\n"
                    ".a line that begins with a dot\r\n.\r\n..\r\nThe last line\r\n");
    for (size_t i = 0; i < scenario->client_count; i++) {
        if (client_take_word(client, &scenario->client[i], problems) != 0) {
            return -1;
        }
    }
    if (client->envelope.body_8bit) {
        tdm_buf_add_str(&client->message, "Gr\xc3\xbc\xc3\x9f\x65\r\n");
    }
    if (client->envelope.body_binary) { /* no dot, no line and no line end means anything here */
        static const char bytes[] = "\0\r\n.\r\n\n\r\xff.";
        tdm_buf_add(&client->message, bytes, sizeof(bytes) - 1);
    }
    client->envelope.size = (int64_t)client->message.length;
    if (client->message.failed) {
        tdm_buf_add_str(problems, "out of memory, or a message that is too large\n");
        return -1;
    }
    return 0;
}

void tdm_replay_client_clear(struct tdm_replay_client *client)
{
    tdm_buf_clear(&client->message);
}
