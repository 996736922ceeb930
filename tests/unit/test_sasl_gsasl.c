/*
 * test_sasl_gsasl.c: our mechanisms on the client's side, GNU SASL on the server's: each must log in with
 * the right password, be refused with a wrong one, and where it binds to TLS, with another binding.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <gsasl.h>

#include "sasl/sasl.h"
#include "util/base64.h"

/* What the server knows. */
struct peer {
    const char *user;
    const char *password;
    const unsigned char *binding; /* of 32 bytes; NULL: none */
};

static const unsigned char right_binding[32] = "thirty-two bytes out of the TLS ";
static const unsigned char other_binding[32] = "thirty-two bytes of another one ";

static int peer_set_binding(Gsasl_session *session, const struct peer *peer)
{
    char text[64];
    if (peer->binding == NULL) {
        return GSASL_NO_CALLBACK;
    }
    text[tdm_base64_write(text, peer->binding, sizeof(right_binding))] = '\0';
    return gsasl_property_set(session, GSASL_CB_TLS_EXPORTER, text);
}

static int peer_callback(Gsasl *context, Gsasl_session *session, Gsasl_property property)
{
    const struct peer *peer = gsasl_callback_hook_get(context);
    const char *user = gsasl_property_fast(session, GSASL_AUTHID);
    const char *password = gsasl_property_fast(session, GSASL_PASSWORD);
    const char *identity;
    switch ((int)property) {
    case GSASL_PASSWORD:
        return user != NULL && strcmp(user, peer->user) == 0
                   ? gsasl_property_set(session, GSASL_PASSWORD, peer->password)
                   : GSASL_AUTHENTICATION_ERROR;
    case GSASL_VALIDATE_SIMPLE:
        return user != NULL && password != NULL && strcmp(user, peer->user) == 0 &&
                       strcmp(password, peer->password) == 0
                   ? GSASL_OK
                   : GSASL_AUTHENTICATION_ERROR;
    case GSASL_VALIDATE_EXTERNAL:
        identity = gsasl_property_fast(session, GSASL_AUTHZID);
        return identity == NULL || strcmp(identity, peer->user) == 0 ? GSASL_OK
                                                                     : GSASL_AUTHENTICATION_ERROR;
    case GSASL_CB_TLS_EXPORTER:
        return peer_set_binding(session, peer);
    default:
        return GSASL_NO_CALLBACK;
    }
}

/* One response of ours to what the server said; NULL server text: none. */
static enum tdm_sasl_result respond(struct tdm_sasl *sasl, const char *text, size_t length,
                                    struct tdm_buf *response)
{
    tdm_buf_reset(response);
    return sasl->mechanism->step(sasl, text != NULL ? text : "", length, response);
}

/* The whole exchange. What the server came to; GSASL_INTEGRITY_ERROR where our side refused it. */
static int converse(Gsasl_session *server, struct tdm_sasl *sasl)
{
    struct tdm_buf response;
    int result = GSASL_NEEDS_MORE;
    tdm_buf_init(&response, NULL, 65536);
    if (sasl->mechanism->client_first) {
        assert_int_equal(respond(sasl, NULL, 0, &response), TDM_SASL_OK);
        sasl->initial_sent = 1;
    }
    for (int steps = 0; result == GSASL_NEEDS_MORE; steps++) {
        char *said = NULL;
        size_t length = 0;
        assert_true(steps < 10);
        result = gsasl_step(server, tdm_buf_text(&response), response.length, &said, &length);
        int more = result == GSASL_NEEDS_MORE || (result == GSASL_OK && length > 0);
        if (more && respond(sasl, said, length, &response) != TDM_SASL_OK) {
            result = GSASL_INTEGRITY_ERROR;
        }
        gsasl_free(said);
    }
    if (result == GSASL_OK && sasl->mechanism->finish != NULL &&
        sasl->mechanism->finish(sasl, "", 0) != TDM_SASL_OK) {
        result = GSASL_INTEGRITY_ERROR;
    }
    tdm_buf_clear(&response);
    return result;
}

static int login(const char *name, const struct peer *peer, const char *user, const char *password)
{
    Gsasl *context = NULL;
    Gsasl_session *server = NULL;
    struct peer hook = *peer;
    struct tdm_sasl sasl;
    struct tdm_sasl_credentials credentials = {
        .user = user, .password = password, .nonce = "fyko+d2lbbFgONRv9qkxdawL"};
    const struct tdm_sasl_mechanism *mechanism = tdm_sasl_find(name, strlen(name));
    assert_non_null(mechanism);
    if (mechanism->binds) {
        credentials.binding.type = "tls-exporter";
        credentials.binding.data = right_binding;
        credentials.binding.length = sizeof(right_binding);
        credentials.plus_offered = 1;
    }
    assert_int_equal(gsasl_init(&context), GSASL_OK);
    gsasl_callback_set(context, peer_callback);
    gsasl_callback_hook_set(context, &hook);
    assert_int_equal(gsasl_server_start(context, name, &server), GSASL_OK);
    tdm_sasl_start(&sasl, mechanism, &credentials, &tdm_allocator_default);
    int result = converse(server, &sasl);
    tdm_sasl_clear(&sasl);
    gsasl_finish(server);
    gsasl_done(context);
    return result;
}

static void test_password_mechanisms(void **state)
{
    static const char *const names[] = {"PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1",
                                        "SCRAM-SHA-256"};
    static const struct peer peer = {"ann", "sesame", NULL};
    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        int result = login(names[i], &peer, "ann", "sesame");
        if (result != GSASL_OK) {
            fail_msg("%s: %s", names[i], gsasl_strerror(result));
        }
        assert_int_not_equal(login(names[i], &peer, "ann", "sesames"), GSASL_OK);
        assert_int_not_equal(login(names[i], &peer, "bob", "sesame"), GSASL_OK);
    }
}

/* A comma and an equals sign in the name, letters beyond ASCII and a soft hyphen in the password. */
static void test_scram_escapes_and_prepares(void **state)
{
    static const struct peer peer = {"a=n,n", "Gr\xc3\xbc\xc3\x9f\x65", NULL};
    (void)state;
    assert_int_equal(login("SCRAM-SHA-256", &peer, "a=n,n", "Gr\xc3\xbc\xc3\x9f\x65"), GSASL_OK);
    assert_int_equal(login("SCRAM-SHA-1", &peer, "a=n,n", "Gr\xc3\xbc\xc2\xad\xc3\x9f\x65"),
                     GSASL_OK);
}

static void test_scram_plus_binds_to_tls(void **state)
{
    static const char *const names[] = {"SCRAM-SHA-1-PLUS", "SCRAM-SHA-256-PLUS"};
    static const struct peer peer = {"ann", "sesame", right_binding};
    static const struct peer middle = {"ann", "sesame", other_binding};
    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        int result = login(names[i], &peer, "ann", "sesame");
        if (result != GSASL_OK) {
            fail_msg("%s: %s", names[i], gsasl_strerror(result));
        }
        assert_int_not_equal(login(names[i], &peer, "ann", "sesames"), GSASL_OK);
        assert_int_not_equal(login(names[i], &middle, "ann", "sesame"), GSASL_OK);
    }
}

static void test_external(void **state)
{
    static const struct peer peer = {"ann", "", NULL};
    (void)state;
    assert_int_equal(login("EXTERNAL", &peer, "ann", NULL), GSASL_OK);
    assert_int_equal(login("EXTERNAL", &peer, NULL, NULL), GSASL_OK);
    assert_int_not_equal(login("EXTERNAL", &peer, "bob", NULL), GSASL_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_password_mechanisms),
        cmocka_unit_test(test_scram_escapes_and_prepares),
        cmocka_unit_test(test_scram_plus_binds_to_tls),
        cmocka_unit_test(test_external),
    };
    return cmocka_run_group_tests_name("sasl against GNU SASL", tests, NULL, NULL);
}
