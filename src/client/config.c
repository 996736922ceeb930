/*
 * config.c: the file: "account NAME [: PARENT[, PARENT]]", "defaults", and lines of a keyword and its
 * value, which may stand in double quotes. Settings of parents and of "defaults" are copied when the
 * account begins, as msmtp does.
 */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/command.h"
#include "client/config_data.h"
#include "client/edge.h"
#include "transport/options.h"
#include "util/near.h"
#include "util/str.h"

#define CONFIG_SIZE_MAX ((size_t)1024 * 1024)
#define CONFIG_LINE_MAX ((size_t)64 * 1024)
#define CONFIG_SYSTEM "/etc/tidymail/config"

enum config_kind {
    CONFIG_TEXT,
    CONFIG_SWITCH,
    CONFIG_NUMBER,
    CONFIG_PATH,
    CONFIG_NAMES,
    CONFIG_IGNORED
};

static const struct {
    const char *keyword;
    enum config_kind kind;
} config_keywords[] = {
#define K(keyword, kind) {keyword, CONFIG_##kind},
#include "client/config_keywords.def"
#undef K
};

#define CONFIG_KEYWORDS (sizeof(config_keywords) / sizeof(config_keywords[0]))

/* What msmtp takes of older files, in today's words; NULL: the value as it is. */
static const struct {
    const char *keyword;
    const char *now;
    const char *value;
} config_older[] = {
    {"connect_timeout", "timeout", NULL},
    {"tls_nocertcheck", "tls_certcheck", "off"},
    {"tls_nostarttls", "tls_starttls", "off"},
};

/* Where the reading is. */
struct config_reader {
    tidymail_config *config;
    struct tidymail_account *account; /* NULL before the first */
    int line;
    int is_eval; /* the line is what a command said */
};

static int config_read_line(struct config_reader *reader, char *line);

static int config_fail(const struct config_reader *reader, const char *words, const char *more)
{
    return tdm_error_setf(&reader->config->error, TIDYMAIL_KIND_CONFIGURATION,
                          TIDYMAIL_PHASE_PREPARE, "%s, line %d: %s%s", reader->config->path,
                          reader->line, words, more);
}

static int config_no_memory(tidymail_config *config)
{
    return tdm_error_set(&config->error, TIDYMAIL_KIND_LOCAL, TIDYMAIL_PHASE_PREPARE,
                         "out of memory while reading the configuration", NULL);
}

static void account_clear(const tidymail_allocator *allocator, struct tidymail_account *account)
{
    for (size_t i = 0; i < account->count; i++) {
        tdm_free(allocator, account->settings[i].keyword);
        if (account->settings[i].value != NULL) {
            tdm_wipe(account->settings[i].value, strlen(account->settings[i].value));
        }
        tdm_free(allocator, account->settings[i].value);
    }
    tdm_account_unresolve(account);
    tdm_free(allocator, account->settings);
    tdm_free(allocator, account->name);
    memset(account, 0, sizeof(*account));
}

/* Copies a setting into an account; TIDYMAIL_OK or out of memory. */
static int account_add(tidymail_config *config, struct tidymail_account *account,
                       const char *keyword, const char *value, int line)
{
    const tidymail_allocator *allocator = &config->allocator;
    char *key = tdm_strdup(allocator, keyword);
    char *copy = tdm_strdup(allocator, value);
    if (key != NULL && copy != NULL && account->count == account->capacity) {
        size_t capacity = account->capacity > 0 ? account->capacity * 2 : 16;
        struct tdm_setting *settings =
            tdm_resize_array(allocator, account->settings, capacity, sizeof(*settings));
        if (settings != NULL) {
            account->settings = settings;
            account->capacity = capacity;
        }
    }
    if (key == NULL || copy == NULL || account->count == account->capacity) {
        tdm_free(allocator, key);
        tdm_free(allocator, copy);
        return config_no_memory(config);
    }
    account->settings[account->count++] = (struct tdm_setting){key, copy, line};
    return TIDYMAIL_OK;
}

static int account_inherit(tidymail_config *config, struct tidymail_account *account,
                           const struct tidymail_account *parent)
{
    int kind = TIDYMAIL_OK;
    for (size_t i = 0; i < parent->count && kind == TIDYMAIL_OK; i++) {
        kind = account_add(config, account, parent->settings[i].keyword, parent->settings[i].value,
                           parent->settings[i].line);
    }
    return kind;
}

const struct tdm_setting *tdm_account_find(const tidymail_account *account, const char *keyword)
{
    for (size_t i = account->count; i > 0; i--) {
        if (strcmp(account->settings[i - 1].keyword, keyword) == 0) {
            return &account->settings[i - 1];
        }
    }
    return NULL;
}

static struct tidymail_account *config_find(const tidymail_config *config, const char *name,
                                            size_t length)
{
    for (size_t i = 0; i < config->count; i++) {
        if (strlen(config->accounts[i]->name) == length &&
            strncmp(config->accounts[i]->name, name, length) == 0) {
            return config->accounts[i];
        }
    }
    return NULL;
}

/* ": PARENT, PARENT" */
static int config_read_parents(struct config_reader *reader, const char *text)
{
    while (*text != '\0') {
        text += strspn(text, ", \t");
        size_t length = strcspn(text, ", \t");
        const struct tidymail_account *parent = config_find(reader->config, text, length);
        if (length > 0 && parent == NULL) {
            return config_fail(reader, "there is no account above named ", text);
        }
        if (length > 0 && account_inherit(reader->config, reader->account, parent) != TIDYMAIL_OK) {
            return reader->config->error.kind;
        }
        text += length;
    }
    return TIDYMAIL_OK;
}

static int config_begin_account(struct config_reader *reader, const char *value)
{
    tidymail_config *config = reader->config;
    size_t length = strcspn(value, " \t:");
    const char *parents = value + length + strspn(value + length, " \t");
    if (length == 0 || (*parents != '\0' && *parents != ':')) {
        return config_fail(reader, "account wants a name: account NAME [: PARENT]", "");
    }
    if (config_find(config, value, length) != NULL) {
        return config_fail(reader, "there is an account of this name already: ", value);
    }
    struct tidymail_account *account = tdm_alloc_array(&config->allocator, 1, sizeof(*account));
    struct tidymail_account **grown =
        tdm_resize_array(&config->allocator, config->accounts, config->count + 1, sizeof(*grown));
    if (grown != NULL) {
        config->accounts = grown;
    }
    if (account != NULL) {
        account->config = config;
        tdm_error_init(&account->error, &config->allocator);
        account->name = tdm_strndup(&config->allocator, value, length);
    }
    if (account == NULL || grown == NULL || account->name == NULL) {
        if (account != NULL) {
            account_clear(&config->allocator, account);
        }
        tdm_free(&config->allocator, account);
        return config_no_memory(config);
    }
    config->accounts[config->count++] = account;
    reader->account = account;
    if (account_inherit(config, account, &config->defaults) != TIDYMAIL_OK) {
        return config->error.kind;
    }
    return *parents == ':' ? config_read_parents(reader, parents + 1) : TIDYMAIL_OK;
}

/* Refuses what no keyword is, with the near ones. */
static int config_unknown(const struct config_reader *reader, const char *keyword)
{
    const char *names[CONFIG_KEYWORDS + 3] = {"account", "defaults"};
    for (size_t i = 0; i < CONFIG_KEYWORDS; i++) {
        names[i + 2] = config_keywords[i].keyword;
    }
    struct tdm_buf words;
    tdm_buf_init(&words, &reader->config->allocator, 1024);
    tdm_buf_add_char(&words, '"');
    tdm_escape(&words, keyword, strnlen(keyword, 40), 0);
    tdm_buf_add_char(&words, '"');
    tdm_near_add(&words, keyword, strlen(keyword), names);
    config_fail(reader, "unknown keyword ", tdm_buf_text(&words));
    tdm_buf_clear(&words);
    return reader->config->error.kind;
}

/* The first word of /etc/mailname, or the name of the host. */
static void config_add_mail_name(struct tdm_buf *out, int from_file)
{
    char name[256];
    int file = from_file ? open("/etc/mailname", O_RDONLY | O_CLOEXEC | O_NOCTTY) : -1;
    ssize_t got = file >= 0 ? read(file, name, sizeof(name) - 1) : 0;
    if (file >= 0) {
        close(file);
    }
    name[got > 0 ? got : 0] = '\0';
    name[strcspn(name, " \t\r\n")] = '\0';
    if (name[0] == '\0' && gethostname(name, sizeof(name)) != 0) {
        name[0] = '\0';
    }
    name[sizeof(name) - 1] = '\0';
    tdm_buf_add_str(out, name[0] != '\0' ? name : "localhost");
}

static void config_add_user(struct tdm_buf *out)
{
    const char *user = getenv("USER");
    user = user != NULL && user[0] != '\0' ? user : getenv("LOGNAME");
    char bytes[4096];
    struct passwd entry;
    struct passwd *found = NULL;
    if ((user == NULL || user[0] == '\0') &&
        getpwuid_r(getuid(), &entry, bytes, sizeof(bytes), &found) == 0 && found != NULL) {
        user = found->pw_name;
    }
    tdm_buf_add_str(out, user != NULL && user[0] != '\0' ? user : "unknown");
}

/* msmtp's %U user, %H and %C host, %M mail name. */
static void config_add_names(struct tdm_buf *out, const char *value)
{
    for (; *value != '\0'; value++) {
        char next = value[0] == '%' ? value[1] : '\0';
        if (next == 'U') {
            config_add_user(out);
        } else if (next == 'H' || next == 'C' || next == 'M') {
            config_add_mail_name(out, next == 'M');
        } else if (next == '%') {
            tdm_buf_add_char(out, '%');
        } else {
            tdm_buf_add_char(out, *value);
            next = '\0';
        }
        value += next != '\0';
    }
}

/* A value of its kind, with the home and names in it; TIDYMAIL_OK or the kind of the error. */
static int config_set_checked(struct config_reader *reader, const char *keyword, const char *value,
                              enum config_kind kind)
{
    const char *home = getenv("HOME");
    struct tidymail_account *account =
        reader->account != NULL ? reader->account : &reader->config->defaults;
    if (kind == CONFIG_SWITCH && value[0] == '\0') {
        value = "on";
    }
    if (kind == CONFIG_SWITCH && strcmp(value, "on") != 0 && strcmp(value, "off") != 0) {
        return config_fail(reader, keyword, " is on or off");
    }
    if (kind == CONFIG_NUMBER &&
        (strlen(value) > 9 || value[strspn(value, "0123456789")] != '\0')) {
        return config_fail(reader, keyword, " is a number");
    }
    struct tdm_buf text;
    tdm_buf_init(&text, &reader->config->allocator, CONFIG_SIZE_MAX);
    if (kind == CONFIG_PATH && strncmp(value, "~/", 2) == 0 && home != NULL) {
        tdm_buf_addf(&text, "%s%s", home, value + 1);
    } else if (kind == CONFIG_NAMES) {
        config_add_names(&text, value);
    } else {
        tdm_buf_add_str(&text, value);
    }
    int result = text.failed ? config_no_memory(reader->config)
                             : account_add(reader->config, account, keyword, tdm_buf_text(&text),
                                           reader->line);
    tdm_buf_wipe(&text);
    return result;
}

/* Is there a secret in a URL's userinfo? Of a mail service or several transports: whatever stands
 * there. */
static int config_url_has_secret(const char *url)
{
    static const char *const plain[] = {"smtp://", "smtps://", "lmtp://"};
    const char *at = strrchr(url, '@');
    int named_only = 0;
    for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
        size_t length = strlen(plain[i]);
        named_only |= at != NULL && strncmp(url, plain[i], length) == 0 &&
                      memchr(url + length, ':', (size_t)(at - url) - length) == NULL;
    }
    return at != NULL && !named_only;
}

/* "eval COMMAND": the first line that it says takes the place of this one. A password in there is not in
 * the file. */
static int config_eval(struct config_reader *reader, const char *command)
{
    int had_password = reader->config->has_password;
    struct tdm_buf text;
    if (reader->is_eval || command[0] == '\0') {
        return config_fail(reader, reader->is_eval ? "eval says eval" : "eval wants a command", "");
    }
    tdm_buf_init(&text, &reader->config->allocator, CONFIG_LINE_MAX);
    if (tdm_buf_reserve(&text, CONFIG_LINE_MAX) != 0) { /* never moved: nothing stays behind */
        return config_no_memory(reader->config);
    }
    int kind;
    int result = tdm_command_run(command, &tdm_clock_system, &text);
    size_t length = result == 0 ? strcspn(tdm_buf_text(&text), "\n") : 0;
    if (result != 0) {
        char reason[128];
        kind = config_fail(reader, "the command of eval ",
                           result > 0 ? strerror_r(result, reason, sizeof(reason))
                                      : tdm_command_words(result));
    } else if (length == 0) {
        kind = config_fail(reader, "the command of eval gives an empty first line", "");
    } else {
        text.data[length] = '\0';
        reader->is_eval = 1;
        kind = config_read_line(reader, text.data);
        reader->is_eval = 0;
        reader->config->has_password = had_password;
    }
    tdm_buf_wipe(&text);
    return kind;
}

static int config_set(struct config_reader *reader, const char *keyword, const char *value)
{
    if (strcmp(keyword, "account") == 0) {
        return config_begin_account(reader, value);
    }
    if (strcmp(keyword, "defaults") == 0) {
        reader->account = &reader->config->defaults;
        return TIDYMAIL_OK;
    }
    if (strcmp(keyword, "eval") == 0) {
        return config_eval(reader, value);
    }
    for (size_t i = 0; i < sizeof(config_older) / sizeof(config_older[0]); i++) {
        if (strcmp(config_older[i].keyword, keyword) == 0) {
            keyword = config_older[i].now;
            value = config_older[i].value != NULL ? config_older[i].value : value;
        }
    }
    reader->config->has_password |=
        strcmp(keyword, "password") == 0 ||
        ((strcmp(keyword, "url") == 0 || strcmp(keyword, "proxy") == 0) &&
         config_url_has_secret(value));
    for (size_t i = 0; i < CONFIG_KEYWORDS; i++) {
        if (strcmp(config_keywords[i].keyword, keyword) == 0) {
            return config_set_checked(reader, keyword, value, config_keywords[i].kind);
        }
    }
    if (tdm_options_known(keyword, strlen(keyword))) {
        return config_set_checked(reader, keyword, value, CONFIG_TEXT);
    }
    return config_unknown(reader, keyword);
}

/* One line, which is cut up in place. */
static int config_read_line(struct config_reader *reader, char *line)
{
    line += strspn(line, " \t");
    size_t end = strlen(line);
    while (end > 0 && (tdm_is_space(line[end - 1]) || line[end - 1] == '\r')) {
        line[--end] = '\0';
    }
    if (line[0] == '\0' || line[0] == '#') {
        return TIDYMAIL_OK;
    }
    char *value = line + strcspn(line, " \t");
    if (*value != '\0') {
        *value++ = '\0';
        value += strspn(value, " \t");
    }
    end = strlen(value);
    if (end >= 2 && value[0] == '"' && value[end - 1] == '"') {
        value[end - 1] = '\0';
        value++;
    }
    size_t control = tdm_find_control(value, strlen(value));
    if (value[control] != '\0' && value[control] != '\t') {
        return config_fail(reader, "a control byte in the value of ", line);
    }
    return config_set(reader, line, value);
}

static void config_read_text(tidymail_config *config, char *text)
{
    struct config_reader reader = {config, NULL, 0, 0};
    int kind = TIDYMAIL_OK;
    while (text != NULL && kind == TIDYMAIL_OK) {
        char *end = strchr(text, '\n');
        if (end != NULL) {
            *end++ = '\0';
        }
        reader.line++;
        kind = config_read_line(&reader, text);
        text = end;
    }
}

/* A password in it is the owner's alone. */
static void config_check_mode(tidymail_config *config, int file)
{
    struct stat facts;
    if (!config->has_password || config->is_system || strncmp(config->path, "/etc/", 5) == 0 ||
        fstat(file, &facts) != 0 || !S_ISREG(facts.st_mode) || facts.st_uid != geteuid() ||
        (facts.st_mode & 077) == 0) {
        return;
    }
    tdm_error_setf(&config->error, TIDYMAIL_KIND_CONFIGURATION, TIDYMAIL_PHASE_PREPARE,
                   "%s: a password is in it, and others may read it", config->path);
    tdm_text_set(&config->allocator, &config->error.hint,
                 "chmod 600 the file, or take the password from elsewhere with password-from");
}

/* 0, or the errno of a file that cannot be opened. */
static int config_read_file(tidymail_config *config)
{
    char reason[128];
    int file = open(config->path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (file < 0) {
        return errno;
    }
    struct tdm_buf text;
    tdm_buf_init(&text, &config->allocator, CONFIG_SIZE_MAX);
    ssize_t got = 1;
    while (got > 0 && tdm_buf_reserve(&text, 4096) == 0) {
        do {
            got = read(file, text.data + text.length, 4096);
        } while (got < 0 && errno == EINTR);
        text.length += got > 0 ? (size_t)got : 0;
    }
    if (got < 0) {
        tdm_error_setf(&config->error, TIDYMAIL_KIND_LOCAL, TIDYMAIL_PHASE_PREPARE, "%s: %s",
                       config->path, strerror_r(errno, reason, sizeof(reason)));
    } else if (tdm_buf_add_char(&text, '\0') != 0) {
        if (text.length + 8192 < CONFIG_SIZE_MAX) {
            config_no_memory(config);
        }
        tdm_error_setf(&config->error, TIDYMAIL_KIND_CONFIGURATION, TIDYMAIL_PHASE_PREPARE,
                       "%s: larger than a configuration may be", config->path);
    } else {
        config_read_text(config, text.data);
        config_check_mode(config, file);
    }
    tdm_buf_wipe(&text);
    close(file);
    return 0;
}

/* The user's own, then the system's; the path of what there is. */
static void config_read_usual(tidymail_config *config)
{
    const char *folder = getenv("XDG_CONFIG_HOME");
    const char *home = getenv("HOME");
    struct tdm_buf path;
    tdm_buf_init(&path, &config->allocator, 8192);
    if (folder != NULL && folder[0] == '/') {
        tdm_buf_addf(&path, "%s/tidymail/config", folder);
    } else if (home != NULL && home[0] != '\0') {
        tdm_buf_addf(&path, "%s/.config/tidymail/config", home);
    }
    if (path.length > 0 && !path.failed) {
        tdm_text_set(&config->allocator, &config->path, tdm_buf_text(&path));
    }
    tdm_buf_clear(&path);
    int missing = config->path == NULL ? ENOENT : config_read_file(config);
    if (missing != 0) {
        config->is_system = 1;
        tdm_text_set(&config->allocator, &config->path, CONFIG_SYSTEM);
        if (config->path == NULL || config_read_file(config) != 0) {
            tdm_text_set(&config->allocator, &config->path, NULL);
        }
    }
}

tidymail_config *tidymail_config_load(const char *path)
{
    return tidymail_config_load_with(path, NULL);
}

tidymail_config *tidymail_config_load_with(const char *path, const tidymail_allocator *given)
{
    tidymail_allocator allocator = tdm_allocator_or_default(given);
    tidymail_config *config = tdm_alloc_array(&allocator, 1, sizeof(*config));
    char reason[128];
    if (config == NULL) {
        return NULL;
    }
    config->allocator = allocator;
    tdm_error_init(&config->error, &allocator);
    config->defaults.config = config;
    tdm_error_init(&config->defaults.error, &allocator);
    int failed = 0;
    if (path == NULL) {
        config_read_usual(config);
    } else {
        config->path = tdm_strdup(&allocator, path);
        failed = config->path == NULL ? ENOMEM : config_read_file(config);
    }
    if (failed == ENOMEM) {
        config_no_memory(config);
    } else if (failed != 0) {
        tdm_error_setf(&config->error, TIDYMAIL_KIND_CONFIGURATION, TIDYMAIL_PHASE_PREPARE,
                       "the configuration %s: %s", path,
                       strerror_r(failed, reason, sizeof(reason)));
    }
    for (size_t i = 0; i < config->count && config->error.kind == TIDYMAIL_OK; i++) {
        if (tdm_account_resolve(config->accounts[i]) != TIDYMAIL_OK) {
            config_no_memory(config);
        }
    }
    return config;
}

void tidymail_config_free(tidymail_config *config)
{
    if (config == NULL) {
        return;
    }
    tidymail_allocator allocator = config->allocator;
    for (size_t i = 0; i < config->count; i++) {
        account_clear(&allocator, config->accounts[i]);
        tdm_free(&allocator, config->accounts[i]);
    }
    tdm_free(&allocator, config->accounts);
    account_clear(&allocator, &config->defaults);
    tdm_error_clear(&config->error);
    tdm_free(&allocator, config->path);
    tdm_free(&allocator, config);
}

const tidymail_error *tidymail_config_error(const tidymail_config *config)
{
    return config != NULL && config->error.kind != TIDYMAIL_OK ? &config->error : NULL;
}

const char *tidymail_config_path(const tidymail_config *config)
{
    return config != NULL && config->path != NULL ? config->path : "";
}

const tidymail_account *tidymail_config_account(const tidymail_config *config, const char *name)
{
    if (config == NULL) {
        return NULL;
    }
    if (name != NULL) {
        return config_find(config, name, strlen(name));
    }
    const tidymail_account *usual = config_find(config, "default", strlen("default"));
    return usual != NULL ? usual : config->count == 1 ? config->accounts[0] : NULL;
}

const tidymail_account *tidymail_config_account_from(const tidymail_config *config,
                                                     const char *address)
{
    for (size_t i = 0; config != NULL && address != NULL && i < config->count; i++) {
        const char *from = tidymail_account_setting(config->accounts[i], "from");
        if (from[0] != '\0' && tdm_config_from_matches(from, address)) {
            return config->accounts[i];
        }
    }
    return NULL;
}

size_t tidymail_config_account_count(const tidymail_config *config)
{
    return config != NULL ? config->count : 0;
}

const tidymail_account *tidymail_config_account_at(const tidymail_config *config, size_t index)
{
    return config != NULL && index < config->count ? config->accounts[index] : NULL;
}

const char *tidymail_account_name(const tidymail_account *account)
{
    return account != NULL ? account->name : "";
}

const char *tidymail_account_setting(const tidymail_account *account, const char *keyword)
{
    const struct tdm_setting *setting =
        account != NULL && keyword != NULL ? tdm_account_find(account, keyword) : NULL;
    return setting != NULL ? setting->value : "";
}
