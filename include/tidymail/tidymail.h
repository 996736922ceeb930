/* tidymail.h: everything an application needs to send mail. */
#ifndef TIDYMAIL_TIDYMAIL_H
#define TIDYMAIL_TIDYMAIL_H

#include <tidymail/address.h>
#include <tidymail/check.h>
#include <tidymail/config.h>
#include <tidymail/dkim.h>
#include <tidymail/error.h>
#include <tidymail/message.h>
#include <tidymail/part.h>
#include <tidymail/provider.h>
#include <tidymail/report.h>
#include <tidymail/service.h>
#include <tidymail/session.h>
#include <tidymail/smtp.h>
#include <tidymail/source.h>
#include <tidymail/transport.h>
#include <tidymail/types.h>
#include <tidymail/version.h>
#include <tidymail/webhook.h>

#endif
