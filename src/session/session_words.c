/* session_words.c: enhanced status codes in words: RFC 3463 3 and IANA's registry "SMTP Enhanced
 * Status Codes". The class says for how long it is so, and is not repeated here. */
#include <string.h>
#include <tidymail/session.h>

static const struct {
    const char *code; /* subject and detail */
    const char *words;
} words_rows[] = {
    {"0.0", "nothing more is known"},
    {"1.0", "something about the address"},
    {"1.1", "the mailbox does not exist"},
    {"1.2", "the domain of the address does not exist or takes no mail"},
    {"1.3", "the address is not written as one"},
    {"1.4", "the address means more than one mailbox"},
    {"1.5", "the recipient's address is right"},
    {"1.6", "the mailbox has moved, and nobody says where to"},
    {"1.7", "the sender's address is not written as one"},
    {"1.8", "the sender's domain does not exist or takes no mail"},
    {"1.9", "passed on to a server that knows no such codes"},
    {"1.10", "the recipient's domain takes no mail at all (null MX)"},
    {"2.0", "something about the mailbox"},
    {"2.1", "the mailbox is switched off and takes no mail"},
    {"2.2", "the mailbox is full"},
    {"2.3", "the message is larger than the mailbox takes"},
    {"2.4", "the mailing list could not be expanded"},
    {"3.0", "something about the receiving system"},
    {"3.1", "the system's storage is full"},
    {"3.2", "the system takes no mail now"},
    {"3.3", "the system cannot do what the message asks for"},
    {"3.4", "the message is too large for the system"},
    {"3.5", "the system is not set up right"},
    {"3.6", "the priority that was asked for has been changed"},
    {"4.0", "something about the network or the way to the mailbox"},
    {"4.1", "the next server does not answer"},
    {"4.2", "the connection to the next server was bad"},
    {"4.3", "a directory (DNS) could not be asked"},
    {"4.4", "there is no way to the next server"},
    {"4.5", "the mail system has too much to do"},
    {"4.6", "the message goes round in circles"},
    {"4.7", "the message was not delivered within its time"},
    {"5.0", "something about the protocol"},
    {"5.1", "the command is not allowed here, or not known"},
    {"5.2", "the command is not written as it should be"},
    {"5.3", "too many recipients"},
    {"5.4", "the parameters of the command are wrong"},
    {"5.5", "the protocol's version is not the server's"},
    {"5.6", "the line of the login is too long"},
    {"6.0", "something about the content of the message"},
    {"6.1", "the media type is not supported"},
    {"6.2", "a conversion is needed and not allowed"},
    {"6.3", "a conversion is needed and not possible"},
    {"6.4", "converted, and something was lost"},
    {"6.5", "the conversion failed"},
    {"6.6", "the message's content is not to be had"},
    {"6.7", "addresses that are not ASCII are not allowed here"},
    {"6.8", "a reply in UTF-8 is needed, and the client does not take it"},
    {"6.9", "a header in UTF-8 cannot be handed on"},
    {"6.10", "see 5.6.8 and 5.6.9"},
    {"7.0", "refused for a reason of security or policy"},
    {"7.1", "delivery is not allowed: a policy, or relaying that is denied"},
    {"7.2", "sending to this mailing list is not allowed"},
    {"7.3", "a conversion of security is needed and not possible"},
    {"7.4", "the security features are not supported"},
    {"7.5", "cryptography failed"},
    {"7.6", "the cryptographic algorithm is not supported"},
    {"7.7", "the message was changed on its way"},
    {"7.8", "user name or password is wrong"},
    {"7.9", "the login mechanism is too weak here"},
    {"7.10", "encryption is needed"},
    {"7.11", "this login mechanism needs encryption"},
    {"7.12", "the password has to be changed first"},
    {"7.13", "the account is switched off"},
    {"7.14", "the relaying server is not trusted"},
    {"7.15", "the priority is too low"},
    {"7.16", "the message is too large for its priority"},
    {"7.17", "the mailbox has another owner since"},
    {"7.18", "the domain has another owner since"},
    {"7.19", "RRVS cannot be checked"},
    {"7.20", "no DKIM signature that is right"},
    {"7.21", "no DKIM signature that the policy accepts"},
    {"7.22", "no DKIM signature of the author's domain"},
    {"7.23", "SPF failed"},
    {"7.24", "SPF could not be evaluated"},
    {"7.25", "the address has no matching name in DNS (PTR)"},
    {"7.26", "several checks of the sender's domain failed (SPF, DKIM, DMARC)"},
    {"7.27", "the sender's domain takes no mail itself (null MX)"},
    {"7.28", "too much mail from this client (flood)"},
    {"7.29", "the ARC chain is broken"},
    {"7.30", "the message requires TLS, and the next server has none"},
};

const char *tidymail_enhanced_words(const char *enhanced)
{
    if (enhanced == NULL || strspn(enhanced, "245") != 1 || enhanced[1] != '.') {
        return "";
    }
    if (enhanced[0] == '2' && strcmp(enhanced + 2, "0.0") == 0) {
        return "all is well";
    }
    for (size_t i = 0; i < sizeof(words_rows) / sizeof(words_rows[0]); i++) {
        if (strcmp(words_rows[i].code, enhanced + 2) == 0) {
            return words_rows[i].words;
        }
    }
    return "";
}
