/* export.h: visibility and compiler hints; nothing here is for callers to use directly. */
#ifndef TIDYMAIL_EXPORT_H
#define TIDYMAIL_EXPORT_H

#if defined(__GNUC__) || defined(__clang__)
#define TIDYMAIL_API __attribute__((visibility("default")))
#define TIDYMAIL_MUST_USE __attribute__((warn_unused_result))
#else
#define TIDYMAIL_API
#define TIDYMAIL_MUST_USE
#endif

#ifdef __cplusplus
#define TIDYMAIL_BEGIN_DECLS extern "C" {
#define TIDYMAIL_END_DECLS }
#else
#define TIDYMAIL_BEGIN_DECLS
#define TIDYMAIL_END_DECLS
#endif

#endif
