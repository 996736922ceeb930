/* calendar.h: what a message must know of an iCalendar object (RFC 5545): its METHOD. */
#ifndef TDM_MESSAGE_CALENDAR_H
#define TDM_MESSAGE_CALENDAR_H

#include "util/buf.h"

struct tdm_calendar {
    struct tdm_buf method;
    struct tdm_buf bytes; /* the whole text with CRLF line ends (RFC 5545 3.1) */
    const char *reason;   /* why it is not right; NULL: out of memory */
    size_t offset;        /* and where */
};

/* 0, or -1 where it is no VCALENDAR in UTF-8 with one METHOD. To be cleared in both cases. */
int tdm_calendar_read(const tidymail_allocator *allocator, const char *text,
                      struct tdm_calendar *calendar);
void tdm_calendar_clear(struct tdm_calendar *calendar);

#endif
