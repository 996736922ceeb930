/* rest_module.h: finds and opens the module that speaks HTTP (http/http.h), at the first request. */
#ifndef TDM_TRANSPORT_REST_MODULE_H
#define TDM_TRANSPORT_REST_MODULE_H

#include "http/http.h"
#include "report/report_data.h"

/* The module, and in `library` what tdm_rest_close_module closes; NULL with `error` set (kind
 * configuration) where there is none. */
const struct tdm_http_module *tdm_rest_open_module(const tidymail_allocator *allocator,
                                                   void **library, struct tidymail_error *error);
/* NULL is accepted. */
void tdm_rest_close_module(void *library);

#endif
