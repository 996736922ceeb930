/* test_config.c: files in msmtprc's format to accounts, URLs and options; what is refused, with its line. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <setjmp.h>

#include <cmocka.h>

#include <tidymail/config.h>

#include "fail_alloc.h"

static char config_folder[64];
static char config_path[128];

static void config_write(const char *text, mode_t mode)
{
    FILE *file = fopen(config_path, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(config_path, mode), 0);
}

/* All options of an account, blanks between. */
static const char *config_options(const tidymail_account *account)
{
    static char all[4096];
    const tidymail_transport_options *options = tidymail_account_options(account);
    size_t used = 0;
    all[0] = '\0';
    for (size_t i = 0; i < options->option_count; i++) {
        used += (size_t)snprintf(all + used, sizeof(all) - used, "%s%s", i > 0 ? " " : "",
                                 options->options[i]);
    }
    return all;
}

/* A file, and what its default account is. */
static const struct {
    const char *text;
    const char *url;
    const char *options;
    const char *user;
    const char *password;
} config_accounts[] = {
    {"account a\nhost mail.example.com\n", "smtp://mail.example.com:25", "tls=opportunistic", NULL,
     NULL},
    {"account a\nhost mail.example.com\nport 587\nauth on\nuser ann\npassword se cret\ntls on\n",
     "smtp://mail.example.com:587", "tls=starttls", "ann", "se cret"},
    {"account a\nhost mail.example.com\ntls\ntls_starttls off\nauth\nuser ann\n"
     "passwordeval \"pass show mail\"\n",
     "smtps://mail.example.com:465", "password-from=command:pass show mail", "ann", NULL},
    {"account a\nhost h\ntls off\ntls_starttls off\n", "smtp://h:25", "tls=none", NULL, NULL},
    {"account a\nhost h\ntls\ntls_nostarttls\ntls_nocertcheck\nconnect_timeout 5\n",
     "smtps://h:465", "verify=none connect-timeout=5 reply-timeout=5", NULL, NULL},
    {"account a\neval printf 'host h\\nport 1\\n'\nuser ann\neval \"echo password 'x  y'\"\n",
     "smtp://h:25", "tls=starttls", "ann", "x  y"},
    {"account a\nhost h\nuser ann\npassword x\nauth off\n", "smtp://h:25", "tls=opportunistic",
     NULL, NULL},
    {"account a\nhost h\nuser ann\npassword x\n", "smtp://h:25", "tls=starttls", "ann", "x"},
    {"account a\nhost h\nuser ann\nauth scram-sha-256\npassword x\ntls on\ntls_trust_file "
     "/etc/ssl/certs/ca-certificates.crt\n",
     "smtp://h:25", "tls=starttls ca=/etc/ssl/certs/ca-certificates.crt auth=scram-sha-256", "ann",
     "x"},
    {"account a\nhost h\ntls on\ntls_trust_file system\ntls_certcheck off\n", "smtp://h:25",
     "tls=starttls verify=none", NULL, NULL},
    {"account a\nhost h\ntls on\ntls_fingerprint "
     "00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:"
     "FF\n",
     "smtp://h:25",
     "tls=starttls "
     "verify=sha256:00112233445566778899AABBCCDDEEFF00112233445566778899AABBCCDDEEFF",
     NULL, NULL},
    {"account a\nhost h\ntls off\nproxy_host 127.0.0.1\nproxy_port 9050\nsource_ip 192.0.2.1\n"
     "domain me.example.org\ntimeout 20\n",
     "smtp://h:25",
     "tls=none proxy=socks5://127.0.0.1:9050 source=192.0.2.1 helo=me.example.org "
     "connect-timeout=20 reply-timeout=20",
     NULL, NULL},
    {"account a\nhost h\ntls off\ntimeout off\n", "smtp://h:25", "tls=none", NULL, NULL},
    {"account a\nhost ::1\nprotocol lmtp\ntls off\n", "lmtp://[::1]:24", "tls=none", NULL, NULL},
    {"account a\nhost h\nprotocol lmtp\ntls_certcheck off\n", "lmtp://h:24", "verify=none", NULL,
     NULL},
    {"account a\nsocket /run/lmtp\nprotocol lmtp\n", "lmtp+unix:///run/lmtp", "", NULL, NULL},
    {"account a\nurl mailgun://KEY@example.org\nregion eu\nunsupported drop\n",
     "mailgun://KEY@example.org", "region=eu unsupported=drop", NULL, NULL},
    {"account a\nurl smtp://h\ntls none\ntimeout 7\npassword-from env:X\nuser u\n", "smtp://h",
     "tls=none password-from=env:X connect-timeout=7 reply-timeout=7", "u", NULL},
    /* defaults, parents, the last setting, a default taken back */
    {"defaults\ntls on\ntls_certcheck off\naccount one\nhost one.example\naccount two : one\nhost "
     "two.example\ntls_certcheck on\naccount default : two\n",
     "smtp://two.example:25", "tls=starttls", NULL, NULL},
    {"account one\nport 2525\nproxy_host p\naccount two\nhost h\ntls off\n\naccount default: one , "
     "two\nproxy_host\n",
     "smtp://h:2525", "tls=none", NULL, NULL},
    {"# a comment\r\n\r\n  account   a  \r\n\thost\th\r\n tls off \r\nport 26", "smtp://h:26",
     "tls=none", NULL, NULL},
    {"host h\ntls off\naccount a\n", "smtp://h:25", "tls=none", NULL,
     NULL}, /* before any account */
    {"account a\nhost h\ntls off\ntls_priorities X\nntlmdomain Y\nkeepbcc on\n", "smtp://h:25",
     "tls=none", NULL, NULL},
};

static void test_accounts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(config_accounts) / sizeof(config_accounts[0]); i++) {
        config_write(config_accounts[i].text, 0600);
        tidymail_config *config = tidymail_config_load(config_path);
        const tidymail_error *error = tidymail_config_error(config);
        assert_string_equal(tidymail_error_message(error), "");
        const tidymail_account *account = tidymail_config_account(config, NULL);
        assert_non_null(account);
        assert_string_equal(tidymail_error_message(tidymail_account_error(account)), "");
        assert_string_equal(tidymail_account_url(account), config_accounts[i].url);
        assert_string_equal(config_options(account), config_accounts[i].options);
        const tidymail_transport_options *options = tidymail_account_options(account);
        if (config_accounts[i].user == NULL) {
            assert_null(options->user);
        } else {
            assert_string_equal(options->user, config_accounts[i].user);
        }
        if (config_accounts[i].password == NULL) {
            assert_null(options->password);
        } else {
            assert_string_equal(options->password, config_accounts[i].password);
        }
        tidymail_transport *transport = tidymail_account_open(account, NULL);
        assert_string_equal(tidymail_error_message(tidymail_transport_error(transport)), "");
        tidymail_transport_close(transport);
        tidymail_config_free(config);
    }
}

/* What is wrong with the file, or (behind a !) with its account. */
static const struct {
    const char *text;
    const char *words;
} config_wrong[] = {
    {"account a\nhots h\n", "line 2: unknown keyword \"hots\", did you mean "},
    {"account a\npassword\x01 x\n", "line 2: unknown keyword \"password\\x01\""},
    {"account a\nport 25x\n", "line 2: port is a number"},
    {"account a\n\ntls_certcheck maybe\n", "line 3: tls_certcheck is on or off"},
    {"account\n", "line 1: account wants a name"},
    {"account a b\n", "line 1: account wants a name"},
    {"account a\naccount a\n", "line 2: there is an account of this name already: a"},
    {"account a : b\n", "line 1: there is no account above named b"},
    {"account a\neval\n", "line 2: eval wants a command"},
    {"account a\neval echo\n", "line 2: the command of eval gives an empty first line"},
    {"account a\neval echo eval echo host h\n", "line 2: eval says eval"},
    {"account a\neval echo hots h\n", "line 2: unknown keyword \"hots\""},
    {"account a\neval echo host h; exit 3\n", "line 2: the command of eval failed"},
    {"account a\nuser a\x07z\n", "line 2: a control byte in the value of user"},
    {"account a\nuser x\n", "!account a has neither url nor host"},
    {"account a\nhost h\nprotocol esmtp\n", "!line 3: protocol is smtp or lmtp"},
    {"account a\nhost h\nauth ntlm\n",
     "!line 3: auth names a mechanism that tidymail does not have"},
    {"account a\nhost h\ntls_fingerprint 00:11\n", "!line 3: tls_fingerprint is no SHA-256"},
    {"account a\nhost h\ntls_host_override x\n", "!line 3: tls_host_override is not had here"},
    {"account a\nhost h\nprotocol lmtp\ntls on\ntls_starttls off\n",
     "!line 5: tls_starttls cannot be off with LMTP"},
};

static void test_wrong_files(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(config_wrong) / sizeof(config_wrong[0]); i++) {
        config_write(config_wrong[i].text, 0600);
        tidymail_config *config = tidymail_config_load(config_path);
        const tidymail_account *account = tidymail_config_account(config, NULL);
        int of_account = config_wrong[i].words[0] == '!';
        const tidymail_error *error =
            of_account ? tidymail_account_error(account) : tidymail_config_error(config);
        assert_int_equal(tidymail_error_kind(error), TIDYMAIL_KIND_CONFIGURATION);
        if (strstr(tidymail_error_message(error), config_wrong[i].words + of_account) == NULL) {
            print_error("%s\nbut: %s\n", config_wrong[i].words, tidymail_error_message(error));
        }
        assert_non_null(strstr(tidymail_error_message(error), config_wrong[i].words + of_account));
        assert_non_null(strstr(tidymail_error_message(error), config_path));
        if (of_account) {
            assert_null(tidymail_config_error(config));
            tidymail_transport *transport = tidymail_account_open(account, NULL);
            assert_string_equal(tidymail_error_message(tidymail_transport_error(transport)),
                                tidymail_error_message(error));
            tidymail_transport_close(transport);
        }
        tidymail_config_free(config);
    }
}

static void test_permissions(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        mode_t mode;
        int refused;
    } modes[] = {
        {"account a\nhost h\npassword x\n", 0600, 0},
        {"account a\nhost h\npassword x\n", 0640, 1},
        {"account a\nhost h\npassword x\n", 0604, 1},
        {"account a\nhost h\nuser ann\npasswordeval x\n", 0644, 0},
        {"account a\nhost h\nuser ann\neval echo password x\n", 0644, 0},
        {"account a\nhost h\npassword x\neval echo user ann\n", 0644, 1},
        {"account a\nurl sendgrid://KEY@\n", 0644, 1},
        {"account a\nurl smtp://ann:x@h\n", 0644, 1},
        {"account a\nurl smtp://ann@h:587\npassword-from env:X\n", 0644, 0},
        {"account a\nurl failover(smtp://h smtp://ann@i)\n", 0644, 1},
        {"account a\nurl smtp://h\nproxy http://u:p@q:1\n", 0644, 1},
    };
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        config_write(modes[i].text, modes[i].mode);
        tidymail_config *config = tidymail_config_load(config_path);
        const char *words = tidymail_error_message(tidymail_config_error(config));
        assert_int_equal(strstr(words, "others may read it") != NULL, modes[i].refused);
        assert_int_equal(words[0] != '\0', modes[i].refused);
        tidymail_config_free(config);
    }
}

static void test_choice(void **state)
{
    (void)state;
    static const struct {
        const char *address;
        const char *account; /* "" : none */
    } choices[] = {
        {"ann@example.org", "one"},       {"ANN@Example.ORG", "one"},
        {"bob@example.org", "three"},     {"x@sub.example.com", "two"},
        {"ann+list@example.net", "four"}, {"ann@example.net", ""},
        {"bob@example.orgs", ""},         {"", ""},
    };
    config_write("account one\nhost h\nfrom ann@example.org\naccount two\nhost h\nfrom "
                 "*@*.example.com\naccount three\nhost h\nfrom *@example.org\naccount four\nhost "
                 "h\nfrom ann+*@example.net\n",
                 0600);
    tidymail_config *config = tidymail_config_load(config_path);
    for (size_t i = 0; i < sizeof(choices) / sizeof(choices[0]); i++) {
        assert_string_equal(
            tidymail_account_name(tidymail_config_account_from(config, choices[i].address)),
            choices[i].account);
    }
    assert_null(tidymail_config_account(config, NULL)); /* several, and none is the default */
    assert_null(tidymail_config_account(config, "five"));
    assert_null(tidymail_config_account_from(config, NULL));
    assert_string_equal(tidymail_account_name(tidymail_config_account(config, "two")), "two");
    assert_int_equal(tidymail_config_account_count(config), 4);
    assert_string_equal(tidymail_account_name(tidymail_config_account_at(config, 3)), "four");
    assert_null(tidymail_config_account_at(config, 4));
    tidymail_config_free(config);
}

/* What `from` stands for, as with msmtp: patterns of a shell, and user+detail. */
static void test_patterns_of_senders(void **state)
{
    static const struct {
        const char *from;
        const char *sender;
        int is_it;
    } cases[] = {
        {"ann@example.org", "Ann@Example.ORG", 1},
        {"ann@example.org", "ann+list@example.org", 1},
        {"ANN@example.org", "ann+a+b@EXAMPLE.org", 1},
        {"ann@example.org", "ann+list@example.com", 0},
        {"ann@example.org", "anna+list@example.org", 0},
        {"ann@example.org", "+list@example.org", 0},
        {"ann@example.org", "ann@example+org", 0},
        {"ann+a@example.org", "ann+b@example.org", 0},
        {"ann", "ann+b@example.org", 0},
        {"*@example.org", "x+y@example.org", 1},
        {"*@*.org", "ann@a.b.org", 1},
        {"*@*.org", "ann@a.b.com", 0},
        {"a?n@example.org", "axn@example.org", 1},
        {"a?n@example.org", "an@example.org", 0},
        {"[a-c]nn@example.org", "Bnn@example.org", 1},
        {"[a-c]nn@example.org", "dnn@example.org", 0},
        {"[!a-c]nn@example.org", "dnn@example.org", 1},
        {"[^a-c]nn@example.org", "ann@example.org", 0},
        {"[]x]nn@example.org", "]nn@example.org", 1},
        {"[ann@example.org", "[ann@example.org", 1},
        {"[ann@example.org", "ann@example.org", 0},
        {"*[0-9]@example.org", "ann7@example.org", 1},
        {"*[0-9]@example.org", "ann@example.org", 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[256];
        snprintf(text, sizeof(text), "account a\nhost h\nfrom \"%s\"\n", cases[i].from);
        config_write(text, 0600);
        tidymail_config *config = tidymail_config_load(config_path);
        const tidymail_account *found = tidymail_config_account_from(config, cases[i].sender);
        if ((found != NULL) != cases[i].is_it) {
            print_message("from %s, sender %s\n", cases[i].from, cases[i].sender);
        }
        assert_int_equal(found != NULL, cases[i].is_it);
        tidymail_config_free(config);
    }
}

static void test_names_and_paths(void **state)
{
    (void)state;
    char host[256], expected[600];
    assert_int_equal(gethostname(host, sizeof(host)), 0);
    assert_int_equal(setenv("USER", "ann", 1), 0);
    assert_int_equal(setenv("HOME", "/home/ann", 1), 0);
    config_write("account a\nhost h\nfrom %U@%H\nmaildomain %%x%z%C\nlogfile ~/mail.log\n"
                 "aliases ~x\ntls_cert_file \"~/c.pem\"\n",
                 0644);
    tidymail_config *config = tidymail_config_load(config_path);
    const tidymail_account *account = tidymail_config_account(config, NULL);
    snprintf(expected, sizeof(expected), "ann@%s", host);
    assert_string_equal(tidymail_account_setting(account, "from"), expected);
    snprintf(expected, sizeof(expected), "%%x%%z%s", host);
    assert_string_equal(tidymail_account_setting(account, "maildomain"), expected);
    assert_string_equal(tidymail_account_setting(account, "logfile"), "/home/ann/mail.log");
    assert_string_equal(tidymail_account_setting(account, "aliases"), "~x");
    assert_string_equal(tidymail_account_setting(account, "nothing"), "");
    assert_non_null(strstr(config_options(account), "cert=/home/ann/c.pem"));
    tidymail_config_free(config);
}

static void test_usual_places(void **state)
{
    (void)state;
    char path[256];
    assert_int_equal(setenv("XDG_CONFIG_HOME", config_folder, 1), 0);
    tidymail_config *config = tidymail_config_load(NULL);
    assert_null(tidymail_config_error(config));
    if (access("/etc/tidymail/config", F_OK) != 0) {
        assert_string_equal(tidymail_config_path(config), "");
        assert_int_equal(tidymail_config_account_count(config), 0);
    }
    tidymail_config_free(config);
    snprintf(path, sizeof(path), "%s/tidymail", config_folder);
    assert_int_equal(mkdir(path, 0700), 0);
    config_write("account a\nhost h\n", 0600);
    snprintf(path, sizeof(path), "%s/tidymail/config", config_folder);
    assert_int_equal(rename(config_path, path), 0);
    config = tidymail_config_load(NULL);
    assert_string_equal(tidymail_config_path(config), path);
    assert_int_equal(tidymail_config_account_count(config), 1);
    tidymail_config_free(config);
    assert_int_equal(unlink(path), 0);
    *strrchr(path, '/') = '\0';
    assert_int_equal(rmdir(path), 0);
    config = tidymail_config_load(config_path); /* named, and not there */
    assert_int_equal(tidymail_error_kind(tidymail_config_error(config)),
                     TIDYMAIL_KIND_CONFIGURATION);
    assert_non_null(strstr(tidymail_error_message(tidymail_config_error(config)), "No such file"));
    tidymail_config_free(config);
    assert_int_equal(unsetenv("XDG_CONFIG_HOME"), 0);
}

static void test_options_of_the_caller_win(void **state)
{
    (void)state;
    static const char *const more[] = {"tls=none"};
    tidymail_transport_options options = TIDYMAIL_TRANSPORT_OPTIONS_INIT;
    options.options = more;
    options.option_count = 1;
    options.user = "bob";
    options.password = "other";
    config_write("account a\nhost h\nuser ann\npassword x\ntls on\n", 0600);
    tidymail_config *config = tidymail_config_load(config_path);
    tidymail_transport *transport =
        tidymail_account_open(tidymail_config_account(config, "a"), &options);
    tidymail_config_free(config); /* the transport has its own copies */
    assert_null(tidymail_transport_error(transport));
    assert_non_null(strstr(tidymail_transport_url(transport), "bob:***@h"));
    tidymail_transport_close(transport);
}

static void test_null_is_harmless(void **state)
{
    (void)state;
    tidymail_config_free(NULL);
    assert_null(tidymail_config_error(NULL));
    assert_string_equal(tidymail_config_path(NULL), "");
    assert_null(tidymail_config_account(NULL, "a"));
    assert_null(tidymail_config_account_from(NULL, "a"));
    assert_null(tidymail_config_account_at(NULL, 0));
    assert_int_equal(tidymail_config_account_count(NULL), 0);
    assert_string_equal(tidymail_account_name(NULL), "");
    assert_string_equal(tidymail_account_setting(NULL, "from"), "");
    assert_string_equal(tidymail_account_url(NULL), "");
    assert_null(tidymail_account_options(NULL));
    assert_null(tidymail_account_error(NULL));
    tidymail_transport *transport = tidymail_account_open(NULL, NULL);
    assert_non_null(tidymail_transport_error(transport));
    tidymail_transport_close(transport);
}

static int config_scenario(const tidymail_allocator *allocator, const struct fail_alloc *memory,
                           void *context)
{
    (void)context;
    tidymail_config *config = tidymail_config_load_with(config_path, allocator);
    const tidymail_error *error = tidymail_config_error(config);
    int failed = 0;
    if (config != NULL && memory->failures > 0) { /* it is said, and never half an account */
        failed = tidymail_error_kind(error) != TIDYMAIL_KIND_LOCAL;
    } else if (config != NULL) {
        const tidymail_account *account = tidymail_config_account(config, "default");
        tidymail_transport *transport = tidymail_account_open(account, NULL);
        const char *shown = tidymail_transport_url(transport);
        failed = error != NULL ||
                 (memory->failures == 0 && strcmp(shown, "smtp://ann:***@two.example:25") != 0);
        tidymail_transport_close(transport);
    }
    tidymail_config_free(config);
    return failed;
}

static void test_every_allocation_may_fail(void **state)
{
    (void)state;
    config_write("defaults\ntls on\nuser ann\npassword x\naccount one\nhost one.example\n"
                 "timeout 5\naccount default : one\nhost two.example\n",
                 0600);
    const char *wrong = fail_alloc_run_all(config_scenario, NULL, 40);
    if (wrong != NULL) {
        fail_msg("%s", wrong);
    }
}

static int config_setup(void **state)
{
    (void)state;
    snprintf(config_folder, sizeof(config_folder), "/tmp/test_config.XXXXXX");
    if (mkdtemp(config_folder) == NULL) {
        return -1;
    }
    snprintf(config_path, sizeof(config_path), "%s/file", config_folder);
    return 0;
}

static int config_teardown(void **state)
{
    (void)state;
    unlink(config_path);
    return rmdir(config_folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accounts),
        cmocka_unit_test(test_wrong_files),
        cmocka_unit_test(test_permissions),
        cmocka_unit_test(test_choice),
        cmocka_unit_test(test_patterns_of_senders),
        cmocka_unit_test(test_names_and_paths),
        cmocka_unit_test(test_usual_places),
        cmocka_unit_test(test_options_of_the_caller_win),
        cmocka_unit_test(test_null_is_harmless),
        cmocka_unit_test(test_every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, config_setup, config_teardown);
}
