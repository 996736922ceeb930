/* sendmail_fields.c: see sendmail_fields.h. */
#include "sendmail_fields.h"

#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include <tidymail/address.h>

void sendmail_host_name(char *name, size_t size)
{
    FILE *file = fopen("/etc/mailname", "re");
    name[0] = '\0';
    if (file != NULL) {
        if (fgets(name, (int)size, file) == NULL) {
            name[0] = '\0';
        }
        fclose(file);
    }
    name[strcspn(name, " \t\r\n")] = '\0';
    if (name[0] == '\0' && gethostname(name, size) != 0) {
        name[0] = '\0';
    }
    name[size - 1] = '\0';
    if (name[0] == '\0') {
        snprintf(name, size, "localhost");
    }
}

void sendmail_user_name(char *name, size_t size)
{
    const struct passwd *entry = getpwuid(getuid());
    const char *user = entry != NULL ? entry->pw_name : getenv("USER");
    snprintf(name, size, "%s", user != NULL && user[0] != '\0' ? user : "unknown");
}

int sendmail_add_from(FILE *out, const char *name, const char *address)
{
    char *text = NULL;
    size_t length = 0;
    FILE *quoted = open_memstream(&text, &length);
    if (quoted == NULL) {
        return -1;
    }
    if (name[0] != '\0') {
        fputc('"', quoted);
        for (; *name != '\0'; name++) {
            fputs(*name == '"' || *name == '\\' ? "\\" : "", quoted);
            fputc((unsigned char)*name < 0x20 || *name == 0x7f ? ' ' : *name, quoted);
        }
        fputs("\" ", quoted);
    }
    fprintf(quoted, "<%s>", address);
    tidymail_address_list *list =
        fclose(quoted) == 0 ? tidymail_address_list_parse(text, TIDYMAIL_ADDRESS_LENIENT) : NULL;
    int count = (int)tidymail_address_list_count(list);
    if (count == 1) {
        fputs(tidymail_address_list_field(list, "From"), out);
    }
    tidymail_address_list_free(list);
    free(text);
    return count == 1 ? 0 : -1;
}

/* RFC 5322 3.3, in the time of this place. */
void sendmail_add_date(FILE *out)
{
    static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    struct tm parts;
    time_t now = time(NULL);
    if (localtime_r(&now, &parts) == NULL) {
        return;
    }
    long minutes = parts.tm_gmtoff / 60;
    long size = minutes < 0 ? -minutes : minutes;
    fprintf(out, "Date: %s, %d %s %d %02d:%02d:%02d %c%02ld%02ld\r\n", days[parts.tm_wday],
            parts.tm_mday, months[parts.tm_mon], parts.tm_year + 1900, parts.tm_hour, parts.tm_min,
            parts.tm_sec, minutes < 0 ? '-' : '+', size / 60, size % 60);
}

void sendmail_add_message_id(FILE *out, const char *domain)
{
    unsigned long long random[2] = {0, 0};
    if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random)) {
        random[0] ^= (unsigned long long)getpid();
    }
    fprintf(out, "Message-ID: <%llx.%016llx%016llx@%s>\r\n", (unsigned long long)time(NULL),
            random[0], random[1], domain);
}
