/* part.h: what a message carries beside its text: attachments, inline images, invitations, and
 * trees of parts (MIME, RFC 2045 to 2049) for those who want to build them by hand. */
#ifndef TIDYMAIL_PART_H
#define TIDYMAIL_PART_H

#include <tidymail/message.h>

TIDYMAIL_BEGIN_DECLS

/*
 * An attachment. Exactly one of path, bytes and source says where its bytes come from; they arrive
 * unchanged at the reader. All texts are UTF-8 and copied at the call.
 */
typedef struct tidymail_attachment {
    size_t struct_size; /* sizeof(tidymail_attachment) */
    const char *path;   /* a file: it is looked at during the call, and read when the message is
                           sent; a change of its size in between fails the send */
    const void *bytes;  /* memory, copied; NULL with length 0 is an empty attachment where neither
                           path nor source is given */
    size_t length;
    const tidymail_source
        *source;            /* a stream, taken over on success (its release is called when it is
                                      not needed any more). Its size may be unknown. Where it cannot
                                      rewind, the message can be opened (or sent) once only */
    const char *name;       /* the file name that readers see; NULL: that of path, else none.
                                Folders in front of it are left out (RFC 2183 2.3) */
    const char *type;       /* "image/png", with parameters where wanted; NULL: from the name and
                                the bytes, "application/octet-stream" where they say nothing */
    const char *content_id; /* for cid: URLs in the HTML, without angle brackets ("logo@example.org"
                                or "logo"); NULL: none (RFC 2392) */
    const char *description; /* Content-Description; NULL: none */
    int is_inline;           /* 1: shown inside the HTML (multipart/related, RFC 2387); needs
                                content_id and an HTML body */
} tidymail_attachment;

#define TIDYMAIL_ATTACHMENT_INIT                                                                   \
    {                                                                                              \
        sizeof(tidymail_attachment), 0, 0, 0, 0, 0, 0, 0, 0, 0                                     \
    }

/*
 * Attachments stand behind the text in the order of the calls. They return what setters of
 * message.h return: TIDYMAIL_OK; TIDYMAIL_KIND_MESSAGE for bad input; TIDYMAIL_KIND_LOCAL for a
 * file that cannot be read, or when out of memory. The error sticks to the message.
 */
TIDYMAIL_API int tidymail_message_add_attachment(tidymail_message *message,
                                                 const tidymail_attachment *attachment);
/* The short forms. */
TIDYMAIL_API int tidymail_message_attach_file(tidymail_message *message, const char *path);
TIDYMAIL_API int tidymail_message_attach_bytes(tidymail_message *message, const char *name,
                                               const char *type, const void *bytes, size_t length);
/* An image for <img src="cid:CONTENT_ID">. */
TIDYMAIL_API int tidymail_message_inline_file(tidymail_message *message, const char *path,
                                              const char *content_id);
/* Another message as it is, in a message/rfc822 part (RFC 2046 5.2.1): its bytes, header first; line
 * ends become CRLF, and Bcc fields stay. Such a part cannot be encoded: where it holds bytes over 127
 * the server must offer 8BITMIME. */
TIDYMAIL_API int tidymail_message_attach_message(tidymail_message *message, const void *bytes,
                                                 size_t length);
/* An invitation (RFC 5545, RFC 6047): the iCalendar text stands as the last alternative beside text
 * and HTML, with `method=` equal to the METHOD inside (refused where there is none), and once more as
 * the attachment invite.ics, which some readers want. */
TIDYMAIL_API int tidymail_message_set_calendar(tidymail_message *message, const char *icalendar);
/* 1: the text is sent as format=flowed (RFC 3676): long lines are broken at blanks in a way that
 * readers undo, each line of the given text is a paragraph. */
TIDYMAIL_API int tidymail_message_set_flowed(tidymail_message *message, int flowed);

/*
 * A part by itself: a leaf with bytes, or a multipart with children. It belongs to the caller until it
 * is given to a parent or to a message, which frees it then. Errors stick to the part and come out
 * with the message it was given to.
 */
typedef struct tidymail_part tidymail_part;

/* A leaf. `type` as in tidymail_attachment, NULL: "text/plain". NULL only when out of memory. Text
 * (type text/...) given as bytes gets CRLF line ends, and a charset where `type` has none. */
TIDYMAIL_API tidymail_part *tidymail_part_new(const char *type, const void *bytes, size_t length);
TIDYMAIL_API tidymail_part *tidymail_part_new_source(const char *type,
                                                     const tidymail_source *source);
/* "mixed", "alternative", "related", "digest", "report; report-type=delivery-status", ... */
TIDYMAIL_API tidymail_part *tidymail_part_new_multipart(const char *subtype);
/* A variant of each with an allocator (copied; NULL: the C library's). */
TIDYMAIL_API tidymail_part *tidymail_part_new_with(const char *type, const void *bytes,
                                                   size_t length,
                                                   const tidymail_allocator *allocator);
TIDYMAIL_API tidymail_part *tidymail_part_new_source_with(const char *type,
                                                          const tidymail_source *source,
                                                          const tidymail_allocator *allocator);
TIDYMAIL_API tidymail_part *tidymail_part_new_multipart_with(const char *subtype,
                                                             const tidymail_allocator *allocator);
/* Frees a part that was given to nobody, with all its children. NULL is accepted. */
TIDYMAIL_API void tidymail_part_free(tidymail_part *part);
/* Content-Disposition (RFC 2183): "attachment" or "inline", with the file name (NULL: none). */
TIDYMAIL_API int tidymail_part_set_disposition(tidymail_part *part, const char *disposition,
                                               const char *name);
/* One more header field of the part, checked as in tidymail_message_add_header: Content-ID (with or
 * without brackets), Content-Description, Content-Language, Content-Location, X-... The fields that
 * tidymail writes (Content-Type, Content-Transfer-Encoding, Content-Disposition) are refused. */
TIDYMAIL_API int tidymail_part_add_header(tidymail_part *part, const char *name, const char *value);
/* Appends `child`, which belongs to `parent` afterwards, in every case; a NULL parent (out of memory)
 * frees it. Refused: a leaf as parent, a child that was given away before (it stays where it is), a
 * part inside itself, more than 32 levels. */
TIDYMAIL_API int tidymail_part_add(tidymail_part *parent, tidymail_part *child);
/* The body of the message is this tree, instead of text, HTML and attachments (which are refused
 * beside it). The part belongs to the message afterwards, in every case. */
TIDYMAIL_API int tidymail_message_set_body(tidymail_message *message, tidymail_part *part);

TIDYMAIL_END_DECLS

#endif
