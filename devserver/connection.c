/* connection.c: see connection.h. `connection_pump` moves bytes for as long as some move; poll and
 * timer call it. */
#include "connection.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define OUT_MAX ((size_t)64 << 20)
#define OUT_ENOUGH ((size_t)256 << 10) /* more is made only once this has left */
#define READ_SIZE 16384
#define ROUNDS_AT_ONCE 16 /* of a pump; then it is another connection's turn */
#define HANDSHAKE_MS 30000
#define GOODBYE_MS 1000
#define HTTP_BODY_MAX ((size_t)128 << 20) /* more than any service takes */
#define HTTP_IDLE_MS 120000
#define HTTP_REQUEST_MS 300000
#define HTTP_HANG_MS 600000

static int64_t connection_now(const struct tdm_connection *connection)
{
    return (int64_t)uv_now(connection->timer.loop);
}

static void connection_log(const struct tdm_connection *connection, const char *mark,
                           const char *words)
{
    const struct tdm_listener_options *options = connection->options;
    if (options->log == NULL) {
        return;
    }
    struct tdm_buf line;
    tdm_buf_init(&line, NULL, 8192);
    tdm_buf_addf(&line, "connection %z: %s%s", connection->number, mark, words);
    if (!line.failed) {
        options->log(options->log_context, line.data);
    }
    tdm_buf_clear(&line);
}

static void connection_trace(void *context, enum tdm_server_mark mark, const char *line)
{
    struct tdm_connection *connection = context;
    int encrypted = connection->tls == TDM_CONNECTION_ENCRYPTED;
    switch (mark) {
    case TDM_SERVER_RECEIVED:
        connection_log(connection, encrypted ? "~> " : "-> ", line);
        break;
    case TDM_SERVER_SENT:
        connection_log(connection, encrypted ? "<~ " : "<- ", line);
        break;
    case TDM_SERVER_NOTE:
        connection_log(connection, "*** ", line);
        break;
    }
}

static void connection_free(uv_handle_t *handle)
{
    struct tdm_connection *connection = handle->data;
    if (--connection->open_handles > 0) {
        return;
    }
    if (connection->web) {
        tdm_http_session_clear(&connection->http);
    } else if (connection->scripted) {
        tdm_scenario_server_clear(&connection->scene);
    } else {
        tdm_server_session_clear(&connection->session);
    }
    tdm_tls_channel_close(&connection->channel);
    tdm_buf_clear(&connection->out);
    tdm_free(&tdm_allocator_default, connection);
}

void tdm_connection_close(struct tdm_connection *connection)
{
    if (connection->closing) {
        return;
    }
    connection->closing = 1;
    if (connection->scripted && connection->scene.deviation.length > 0) {
        const char *lines = tdm_buf_text(&connection->scene.deviation);
        tdm_inbox_add_deviation(connection->options->inbox, lines);
        connection_log(connection, "*** deviation: ", lines);
    }
    connection_log(connection, "*** ", "closed");
    if (connection->previous != NULL) {
        connection->previous->next = connection->next;
    } else {
        *connection->list = connection->next;
    }
    if (connection->next != NULL) {
        connection->next->previous = connection->previous;
    }
    uv_close((uv_handle_t *)&connection->poll, connection_free);
    uv_close((uv_handle_t *)&connection->timer, connection_free);
    close(connection->fd);
}

static void connection_reset(struct tdm_connection *connection)
{
    struct linger linger = {1, 0}; /* close sends RST in place of FIN */
    setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    connection_log(connection, "*** ", "reset");
    tdm_connection_close(connection);
}

/* Writes what the socket takes. */
static void connection_flush(struct tdm_connection *connection)
{
    struct tdm_buf *out = &connection->out;
    if (connection->channel.ssl != NULL) {
        tdm_tls_channel_drain(&connection->channel, out);
    }
    size_t at = 0;
    while (at < out->length && !connection->broken) {
        ssize_t sent = send(connection->fd, out->data + at, out->length - at, MSG_NOSIGNAL);
        if (sent >= 0) {
            at += (size_t)sent;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            break;
        } else if (errno != EINTR) {
            connection->broken = 1;
        }
    }
    tdm_buf_drop(out, connection->broken ? out->length : at);
    if (out->failed) {
        connection->broken = 1;
        tdm_buf_reset(out);
    }
}

static int connection_said(const struct tdm_connection *connection, const char **bytes,
                           size_t *length)
{
    if (connection->web) {
        return tdm_http_session_output(&connection->http, bytes, length);
    }
    return connection->scripted ? tdm_scenario_server_output(&connection->scene, bytes, length)
                                : tdm_server_session_output(&connection->session, bytes, length);
}

/* Moves what the peer says to the network; 1 where something moved. */
static int connection_move_out(struct tdm_connection *connection)
{
    const char *bytes;
    size_t length;
    int moved = 0;
    while (connection->tls != TDM_CONNECTION_HANDSHAKE && connection->out.length < OUT_ENOUGH &&
           connection_said(connection, &bytes, &length)) {
        int bytewise = connection->scripted && tdm_scenario_server_bytewise(&connection->scene);
        if (connection->tls == TDM_CONNECTION_ENCRYPTED) {
            if (tdm_tls_channel_write(&connection->channel, bytes, length) != 0) {
                connection->broken = 1;
            }
        } else {
            tdm_buf_add(&connection->out, bytes, length);
        }
        if (connection->web) {
            tdm_http_session_consume(&connection->http, length);
        } else if (connection->scripted) {
            tdm_scenario_server_consume(&connection->scene, length, connection_now(connection));
        } else {
            tdm_server_session_consume(&connection->session, length);
        }
        if (bytewise || connection->tls == TDM_CONNECTION_ENCRYPTED) {
            connection_flush(connection);
        }
        moved = 1;
    }
    connection_flush(connection);
    return moved;
}

/* What AUTH may need to know of TLS. */
static void connection_tell_facts(struct tdm_connection *connection)
{
    struct tdm_server_tls facts;
    if (!connection->scripted && !connection->web) {
        tdm_tls_channel_facts(&connection->channel, &facts);
        tdm_server_session_tls_facts(&connection->session, &facts);
    }
}

static void connection_tls_done(struct tdm_connection *connection, const char *failure)
{
    int64_t now_ms = connection_now(connection);
    if (failure == NULL) {
        connection->tls = TDM_CONNECTION_ENCRYPTED;
        connection_tell_facts(connection);
        connection_log(connection, "*** ", SSL_get_version(connection->channel.ssl));
    } else {
        connection_log(connection, "*** ", failure);
        connection->tls = TDM_CONNECTION_PLAIN;
        connection->broken |= !connection->scripted;
    }
    if (connection->scripted) {
        tdm_scenario_server_tls_done(&connection->scene, failure, now_ms);
    } else if (failure == NULL && !connection->web) {
        tdm_server_session_tls_done(&connection->session, now_ms);
    }
    if (failure != NULL) {
        connection_flush(connection); /* the alert that says why */
        tdm_connection_close(connection);
    }
}

static void connection_start_tls(struct tdm_connection *connection,
                                 enum tdm_certificate certificate, int max_version)
{
    struct tdm_buf error;
    tdm_buf_init(&error, NULL, 1024);
    struct tdm_tester_ca *ca = connection->options->ca;
    SSL_CTX *context = ca != NULL ? tdm_tester_ca_context(ca, certificate, &error) : NULL;
    if (context == NULL || tdm_tls_channel_open(&connection->channel, context) != 0) {
        connection_log(connection, "*** TLS cannot be started: ", tdm_buf_text(&error));
        tdm_connection_close(connection);
    } else {
        tdm_tls_channel_limit(&connection->channel, max_version);
        connection->tls = TDM_CONNECTION_HANDSHAKE;
        connection->tls_deadline = connection_now(connection) + HANDSHAKE_MS;
    }
    tdm_buf_clear(&error);
}

static void connection_handshake(struct tdm_connection *connection)
{
    struct tdm_buf error;
    tdm_buf_init(&error, NULL, 1024);
    int result = tdm_tls_channel_handshake(&connection->channel, &error);
    if (result == 0 && connection->end_of_file) {
        tdm_buf_add_str(&error, "the end of the connection within the TLS handshake");
        result = -1;
    } else if (result == 0 && connection_now(connection) >= connection->tls_deadline) {
        tdm_buf_add_str(&error, "a TLS handshake that did not end");
        result = -1;
    }
    if (result != 0) {
        connection_tls_done(connection, result > 0 ? NULL : tdm_buf_text(&error));
    }
    tdm_buf_clear(&error);
}

static void connection_feed(struct tdm_connection *connection, const char *bytes, size_t length)
{
    int64_t now_ms = connection_now(connection);
    if (connection->web) {
        tdm_http_session_feed(&connection->http, bytes, length, now_ms);
    } else if (connection->scripted) {
        tdm_scenario_server_feed(&connection->scene, bytes, length, now_ms);
    } else {
        tdm_server_session_feed(&connection->session, bytes, length, now_ms);
    }
}

static void connection_ended(struct tdm_connection *connection)
{
    if (connection->end_of_file) {
        return;
    }
    connection->end_of_file = 1;
    if (connection->scripted && connection->tls != TDM_CONNECTION_HANDSHAKE) {
        tdm_scenario_server_end_of_file(&connection->scene, connection_now(connection));
    }
}

/* Decrypts what came; 1 where something moved. */
static int connection_decrypt(struct tdm_connection *connection)
{
    char bytes[READ_SIZE];
    int got;
    int moved = 0;
    while (connection->tls == TDM_CONNECTION_ENCRYPTED &&
           (got = tdm_tls_channel_read(&connection->channel, bytes, sizeof(bytes))) != 0) {
        if (got < 0) {
            connection_ended(connection);
            break;
        }
        connection_feed(connection, bytes, (size_t)got);
        moved = 1;
    }
    return moved;
}

/* The message is complete: into the inbox, then the answer. */
static void connection_take_message(struct tdm_connection *connection)
{
    struct tdm_server_session *session = &connection->session;
    struct tdm_inbox_message message;
    struct tdm_buf path;
    struct tdm_buf error;
    struct tdm_buf line;
    tdm_buf_init(&path, NULL, 4096);
    tdm_buf_init(&error, NULL, 8192);
    tdm_buf_init(&line, NULL, 8192);
    char empty[1] = "";
    message.bytes = session->message.data != NULL ? session->message.data : empty;
    message.length = session->message.length;
    message.from = session->from;
    message.parameters = session->mail_parameters;
    message.recipients = session->recipients.items;
    message.recipient_parameters = session->recipients.parameters;
    message.recipient_count = session->recipients.count;
    message.user = session->user != NULL ? session->user : empty;
    message.encrypted = session->encrypted;
    int kept = tdm_inbox_add(connection->options->inbox, &message, &path, &error) == 0;
    tdm_buf_add_str(&line, "message from <");
    tdm_shown_add(&line, message.from, strlen(message.from));
    tdm_buf_add_str(&line, "> to");
    for (size_t i = 0; i < message.recipient_count && i < 10; i++) {
        tdm_buf_add_str(&line, " <");
        tdm_shown_add(&line, message.recipients[i], strlen(message.recipients[i]));
        tdm_buf_add_char(&line, '>');
    }
    tdm_buf_addf(&line, "%s, %z bytes%s%s", message.recipient_count > 10 ? " and others" : "",
                 message.length, path.length > 0 ? ", " : "", tdm_buf_text(&path));
    connection_log(connection, "*** ", kept ? tdm_buf_text(&line) : tdm_buf_text(&error));
    tdm_server_session_answer(session, kept ? NULL : "the message cannot be stored",
                              connection_now(connection));
    tdm_buf_clear(&path);
    tdm_buf_clear(&error);
    tdm_buf_clear(&line);
}

/* All is said: our side is shut, then the client has a moment to read it before the socket goes. */
static void connection_say_goodbye(struct tdm_connection *connection)
{
    if (connection->tls == TDM_CONNECTION_ENCRYPTED) {
        tdm_tls_channel_shutdown(&connection->channel);
        connection_flush(connection);
    }
    shutdown(connection->fd, SHUT_WR);
    connection->goodbye = 1;
    connection->goodbye_deadline = connection_now(connection) + GOODBYE_MS;
}

/* What the peer wants done beside writing; 1 where something was done. */
static int connection_act_session(struct tdm_connection *connection)
{
    switch (tdm_server_session_next(&connection->session)) {
    case TDM_SERVER_NOTHING:
        return 0;
    case TDM_SERVER_MESSAGE:
        connection_take_message(connection);
        return 1;
    case TDM_SERVER_START_TLS:
        if (connection->out.length > 0) {
            return 0;
        }
        connection_start_tls(connection, connection->session.fault.certificate, 0);
        return 1;
    case TDM_SERVER_CLOSE:
        if (connection->out.length == 0 && !connection->goodbye) {
            connection_say_goodbye(connection);
        }
        return 0;
    case TDM_SERVER_RESET:
        if (connection->out.length == 0) {
            connection_reset(connection);
        }
        return 0;
    }
    return 0;
}

/* An answer of the doubles has its time of the day. */
static int connection_act_web(struct tdm_connection *connection)
{
    uv_timeval64_t now = {0, 0};
    uv_gettimeofday(&now);
    switch (tdm_api_act(connection->options->api, &connection->http,
                        connection->tls == TDM_CONNECTION_ENCRYPTED, now.tv_sec,
                        connection_now(connection))) {
    case TDM_API_IDLE:
        return 0;
    case TDM_API_MOVED:
        return 1;
    case TDM_API_GOODBYE:
        if (connection->out.length == 0 && connection->http.out.length == 0 &&
            !connection->goodbye) {
            connection_say_goodbye(connection);
        }
        return 0;
    case TDM_API_DROP:
        tdm_connection_close(connection);
        return 0;
    }
    return 0;
}

static int connection_act_scene(struct tdm_connection *connection)
{
    if (connection->out.length > 0) {
        return 0;
    }
    switch (tdm_scenario_server_action(&connection->scene)) {
    case TDM_SCENARIO_NONE:
        return 0;
    case TDM_SCENARIO_TLS:
        connection_start_tls(connection, tdm_scenario_server_certificate(&connection->scene),
                             tdm_scenario_server_max_version(&connection->scene));
        return 1;
    case TDM_SCENARIO_CLOSE:
        tdm_connection_close(connection);
        return 0;
    case TDM_SCENARIO_RESET:
        connection_reset(connection);
        return 0;
    }
    return 0;
}

/* Reads once from the socket; 1 where something came. */
static int connection_receive(struct tdm_connection *connection)
{
    char bytes[READ_SIZE];
    if (connection->end_of_file) {
        return 0;
    }
    ssize_t got = recv(connection->fd, bytes, sizeof(bytes), 0);
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) {
        return 0;
    }
    if (got <= 0) {
        connection->broken |= got < 0;
        connection_ended(connection);
        return 1;
    }
    if (connection->goodbye) {
        return 1; /* what comes behind our goodbye is dropped */
    }
    if (connection->tls == TDM_CONNECTION_PLAIN) {
        connection_feed(connection, bytes, (size_t)got);
    } else if (tdm_tls_channel_feed(&connection->channel, bytes, (size_t)got) != 0) {
        connection->broken = 1;
        connection_ended(connection);
    }
    return 1;
}

static void connection_on_poll(uv_poll_t *poll, int status, int events);
static void connection_on_timer(uv_timer_t *timer);

static int64_t connection_deadline(const struct tdm_connection *connection)
{
    if (connection->web) {
        return tdm_http_session_deadline(&connection->http);
    }
    return connection->scripted ? tdm_scenario_server_deadline(&connection->scene)
                                : tdm_server_session_deadline(&connection->session);
}

/* Sets what poll and timer wait for; with `more` the pump goes on once the others had their turn. */
static void connection_arm(struct tdm_connection *connection, int more)
{
    int reads =
        connection->web || (connection->scripted ? tdm_scenario_server_reads(&connection->scene)
                                                 : tdm_server_session_reads(&connection->session));
    int events = connection->end_of_file || !reads ? 0 : UV_READABLE;
    events |= more || connection->out.length > 0 ? UV_WRITABLE : 0;
    if (events != 0) {
        uv_poll_start(&connection->poll, events, connection_on_poll);
    } else {
        uv_poll_stop(&connection->poll);
    }
    int64_t deadline = connection_deadline(connection);
    if (connection->tls == TDM_CONNECTION_HANDSHAKE) {
        deadline = connection->tls_deadline;
    } else if (connection->goodbye) {
        deadline = connection->goodbye_deadline;
    }
    if (deadline < 0) {
        uv_timer_stop(&connection->timer);
        return;
    }
    int64_t left = deadline - connection_now(connection);
    uv_timer_start(&connection->timer, connection_on_timer, left > 0 ? (uint64_t)left : 0, 0);
}

static int connection_act(struct tdm_connection *connection)
{
    if (connection->web) {
        return connection_act_web(connection);
    }
    return connection->scripted ? connection_act_scene(connection)
                                : connection_act_session(connection);
}

static void connection_pump(struct tdm_connection *connection)
{
    int moved = 1;
    for (int rounds = 0; moved && rounds < ROUNDS_AT_ONCE && !connection->closing; rounds++) {
        if (connection->broken) {
            connection_ended(connection);
        }
        if (connection->tls == TDM_CONNECTION_HANDSHAKE) {
            connection_handshake(connection);
            if (connection->closing) {
                return;
            }
        }
        int whole = !connection->broken;
        moved = connection_decrypt(connection);
        moved |= connection_move_out(connection);
        if (connection->tls != TDM_CONNECTION_HANDSHAKE) {
            moved |= connection_act(connection);
        }
        moved |= whole && connection->broken; /* once more, for the peer to learn of it */
    }
    if (connection->closing) {
        return;
    }
    int said = !moved && connection->out.length == 0;
    int over = connection->broken || (connection->end_of_file && said);
    if (over && !connection->scripted) {
        tdm_connection_close(connection);
    } else {
        connection_arm(connection, moved);
    }
}

static void connection_on_poll(uv_poll_t *poll, int status, int events)
{
    struct tdm_connection *connection = poll->data;
    if (status < 0) {
        connection->broken = 1;
        connection_ended(connection);
    } else if ((events & UV_READABLE) != 0) {
        connection_receive(connection);
    }
    connection_pump(connection);
}

static void connection_on_timer(uv_timer_t *timer)
{
    struct tdm_connection *connection = timer->data;
    int64_t now_ms = connection_now(connection);
    if (connection->goodbye && now_ms >= connection->goodbye_deadline) {
        tdm_connection_close(connection);
        return;
    }
    if (connection->tls != TDM_CONNECTION_HANDSHAKE) {
        if (connection->web) {
            tdm_http_session_tick(&connection->http, now_ms);
        } else if (connection->scripted) {
            tdm_scenario_server_tick(&connection->scene, now_ms);
        } else {
            tdm_server_session_tick(&connection->session, now_ms);
        }
    }
    connection_pump(connection);
}

static int connection_start_peer(struct tdm_connection *connection)
{
    struct tdm_server_trace trace = {connection_trace, connection};
    int64_t now_ms = connection_now(connection);
    if (connection->web) {
        struct tdm_http_session_options web = {HTTP_BODY_MAX, HTTP_IDLE_MS, HTTP_REQUEST_MS,
                                               HTTP_HANG_MS, trace};
        tdm_http_session_init(&connection->http, &web, now_ms);
        return 0;
    }
    if (connection->scripted) {
        tdm_scenario_server_init(&connection->scene, connection->options->scenario, now_ms);
        connection->scene.trace = trace;
        return 0;
    }
    struct tdm_server_options options = connection->options->session;
    options.trace = trace;
    options.encrypted = connection->options->implicit_tls;
    return tdm_server_session_init(&connection->session, &options, now_ms);
}

void tdm_connection_open(uv_loop_t *loop, int fd, size_t number,
                         const struct tdm_listener_options *options, struct tdm_connection **list)
{
    struct tdm_connection *connection =
        tdm_alloc_array(&tdm_allocator_default, 1, sizeof(*connection));
    if (connection == NULL || uv_poll_init(loop, &connection->poll, fd) != 0) {
        tdm_free(&tdm_allocator_default, connection);
        close(fd);
        return;
    }
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); /* each write its own segment */
    uv_timer_init(loop, &connection->timer);
    connection->options = options;
    connection->fd = fd;
    connection->number = number;
    connection->list = list;
    connection->open_handles = 2;
    connection->poll.data = connection;
    connection->timer.data = connection;
    connection->web = options->api != NULL;
    connection->scripted = options->scenario != NULL && !connection->web;
    tdm_buf_init(&connection->out, NULL, OUT_MAX);
    connection->next = *list;
    if (*list != NULL) {
        (*list)->previous = connection;
    }
    *list = connection;
    connection_log(connection, "*** ", "accepted");
    if (connection_start_peer(connection) != 0) {
        tdm_connection_close(connection);
        return;
    }
    /* a session that says nothing and ends, does so before TLS */
    int over = connection->session.mode == TDM_SERVER_CLOSED && connection->session.out.length == 0;
    if (!connection->scripted && options->implicit_tls && (connection->web || !over)) {
        connection_start_tls(connection, connection->session.fault.certificate, 0);
    }
    if (!connection->closing) {
        connection_pump(connection);
    }
}
