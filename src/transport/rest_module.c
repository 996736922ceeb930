/*
 * rest_module.c: the module lies beside libtidymail (or the program that holds its archive), in a folder
 * tidymail/, or in the folder that was chosen when it was built. It stays in memory when it is closed:
 * libcurl and what it uses do not like to be unloaded.
 */
#include "transport/rest_module.h"

#include <dlfcn.h>
#include <string.h>
#include <tidymail/version.h>
#include <unistd.h>

#define MODULE_FILE "tidymail-http.so"
#define MODULE_PATH_MAX 4096

/* The folder of the code that runs here, as an absolute path; "" where it is not known. A path from the
 * current folder is no help: that may be anybody's. */
static void module_add_own_folder(struct tdm_buf *out)
{
    static const char anchor = 0;
    Dl_info info;
    char program[MODULE_PATH_MAX];
    const char *path = dladdr(&anchor, &info) != 0 ? info.dli_fname : NULL;
    if (path == NULL || path[0] != '/') {
        ssize_t length = readlink("/proc/self/exe", program, sizeof(program) - 1);
        program[length > 0 ? length : 0] = '\0';
        path = program;
    }
    const char *slash = strrchr(path, '/');
    if (slash != NULL) {
        tdm_buf_add(out, path, (size_t)(slash - path));
    }
}

struct module_search {
    struct tdm_buf folder;
    struct tdm_buf path;  /* of the one that was tried last */
    struct tdm_buf wrong; /* what the system says about a module that is there */
    struct tdm_buf places;
};

/* Opens it there; NULL where it is not. */
static void *module_try(struct module_search *search, const char *folder, const char *below)
{
    tdm_buf_reset(&search->path);
    tdm_buf_addf(&search->path, "%s%s/" MODULE_FILE, folder, below);
    if (search->path.failed || search->path.data[0] != '/') {
        return NULL;
    }
    const char *path = tdm_buf_text(&search->path);
    tdm_buf_addf(&search->places, "%s%s%s", search->places.length > 0 ? ", " : "", folder, below);
    if (access(path, F_OK) != 0) {
        return NULL;
    }
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (library == NULL && search->wrong.length == 0) {
        const char *words = dlerror();
        tdm_buf_add_str(&search->wrong, words != NULL ? words : path);
    }
    return library;
}

static void *module_find(struct module_search *search)
{
    static const char *const below[] = {"/tidymail", "", "/../" TIDYMAIL_LIBDIR "/tidymail",
                                        "/../lib/tidymail"};
    void *library = NULL;
    module_add_own_folder(&search->folder);
    for (size_t i = 0; library == NULL && i < sizeof(below) / sizeof(below[0]); i++) {
        library = search->folder.length > 0
                      ? module_try(search, tdm_buf_text(&search->folder), below[i])
                      : NULL;
    }
    return library != NULL ? library : module_try(search, TIDYMAIL_MODULE_DIR, "");
}

static void module_say_missing(const struct module_search *search, struct tidymail_error *error)
{
    struct tdm_buf hint;
    if (search->folder.failed || search->path.failed || search->places.failed ||
        search->wrong.failed) {
        tdm_error_set(error, TIDYMAIL_KIND_LOCAL, TIDYMAIL_PHASE_PREPARE,
                      "out of memory while opening the module " MODULE_FILE, NULL);
        return;
    }
    if (search->wrong.length > 0) {
        tdm_error_setf(error, TIDYMAIL_KIND_CONFIGURATION, TIDYMAIL_PHASE_PREPARE,
                       "mail services need the module " MODULE_FILE ", which cannot be opened: %s",
                       tdm_buf_text(&search->wrong));
        tdm_text_set(&error->allocator, &error->hint,
                     "install libcurl with OpenSSL (Debian: libcurl4), 7.85 or newer");
        return;
    }
    tdm_buf_init(&hint, &error->allocator, (size_t)32 * 1024);
    tdm_buf_addf(&hint,
                 "install it beside libtidymail (it is built where libcurl4-openssl-dev is "
                 "installed); looked in %s",
                 tdm_buf_text(&search->places));
    tdm_error_set(error, TIDYMAIL_KIND_CONFIGURATION, TIDYMAIL_PHASE_PREPARE,
                  "mail services need the module " MODULE_FILE ", which is not installed",
                  hint.failed ? NULL : tdm_buf_text(&hint));
    tdm_buf_clear(&hint);
}

const struct tdm_http_module *tdm_rest_open_module(const tidymail_allocator *allocator,
                                                   void **library, struct tidymail_error *error)
{
    struct module_search search;
    const struct tdm_http_module *module = NULL;
    tdm_buf_init(&search.folder, allocator, MODULE_PATH_MAX);
    tdm_buf_init(&search.path, allocator, (size_t)2 * MODULE_PATH_MAX);
    tdm_buf_init(&search.wrong, allocator, MODULE_PATH_MAX);
    tdm_buf_init(&search.places, allocator, (size_t)6 * MODULE_PATH_MAX);
    *library = module_find(&search);
    if (*library == NULL) {
        module_say_missing(&search, error);
    } else {
        module = dlsym(*library, TDM_HTTP_MODULE_SYMBOL);
        if (module == NULL || module->abi != TDM_HTTP_MODULE_ABI ||
            strcmp(module->version, TIDYMAIL_VERSION) != 0) {
            tdm_error_setf(error, TIDYMAIL_KIND_CONFIGURATION, TIDYMAIL_PHASE_PREPARE,
                           "the module %s is not that of tidymail " TIDYMAIL_VERSION,
                           tdm_buf_text(&search.path));
            tdm_text_set(&error->allocator, &error->hint,
                         "install library and module of one version");
            module = NULL;
            tdm_rest_close_module(*library);
            *library = NULL;
        }
    }
    tdm_buf_clear(&search.folder);
    tdm_buf_clear(&search.path);
    tdm_buf_clear(&search.wrong);
    tdm_buf_clear(&search.places);
    return module;
}

void tdm_rest_close_module(void *library)
{
    if (library != NULL) {
        dlclose(library);
    }
}
