/*
 * tls_bio.c: a BIO of ours in place of OpenSSL's socket BIO, for two reasons: it writes with
 * MSG_NOSIGNAL, so that no SIGPIPE ever reaches the application, and it keeps the peer's first bytes
 * and the errno values, so that a failure can be explained.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "net/tls_internal.h"

static int bio_is_retry(int number)
{
    return number == EAGAIN || number == EWOULDBLOCK || number == EINTR;
}

/* 1 where the kernel may keep the bytes until those that follow at once: of TLS 1.3 our Finished is the
 * end of the handshake, below it the server's is waited for. */
static int bio_more_follows(const struct tdm_tls_socket *own)
{
    return own->more || (own->speaks_first && SSL_get_state(own->ssl) == TLS_ST_CW_FINISHED &&
                         SSL_version(own->ssl) == TLS1_3_VERSION);
}

static int bio_write(BIO *bio, const char *bytes, int length)
{
    struct tdm_tls_socket *own = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    ssize_t sent = send(own->fd, bytes, (size_t)length,
                        MSG_NOSIGNAL | MSG_DONTWAIT | (bio_more_follows(own) ? MSG_MORE : 0));
    if (sent < 0) {
        if (bio_is_retry(errno)) {
            BIO_set_retry_write(bio);
        } else {
            own->write_errno = errno;
        }
        return -1;
    }
    return (int)sent;
}

static void bio_keep_first(struct tdm_tls_socket *own, const char *bytes, size_t length)
{
    size_t room = sizeof(own->first) - own->first_length;
    size_t kept = length < room ? length : room;
    memcpy(own->first + own->first_length, bytes, kept);
    own->first_length += kept;
}

void tdm_tls_read_first(struct tdm_tls_socket *own)
{
    char bytes[TDM_TLS_FIRST_BYTES];
    ssize_t got = recv(own->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
    if (got > 0) {
        bio_keep_first(own, bytes, (size_t)got);
    }
}

static int bio_read(BIO *bio, char *bytes, int capacity)
{
    struct tdm_tls_socket *own = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    ssize_t got = recv(own->fd, bytes, (size_t)capacity, own->wait ? 0 : MSG_DONTWAIT);
    own->wait = 0;
    if (got > 0) {
        bio_keep_first(own, bytes, (size_t)got);
        return (int)got;
    }
    if (got == 0) {
        own->eof = 1;
        return 0;
    }
    if (bio_is_retry(errno)) {
        BIO_set_retry_read(bio);
    } else {
        own->read_errno = errno;
    }
    return -1;
}

static long bio_control(BIO *bio, int command, long number, void *pointer)
{
    const struct tdm_tls_socket *own = BIO_get_data(bio);
    (void)number;
    (void)pointer;
    switch (command) {
    case BIO_CTRL_FLUSH:
        return 1; /* nothing is kept back */
    case BIO_CTRL_EOF:
        return own != NULL && own->eof;
    default:
        return 0;
    }
}

static int bio_create(BIO *bio)
{
    BIO_set_init(bio, 1);
    return 1;
}

BIO_METHOD *tdm_tls_bio_method(void)
{
    /* no index of its own: OpenSSL has 127 for a whole process, and nothing looks for this BIO */
    BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "tidymail socket");
    if (method == NULL || BIO_meth_set_write(method, bio_write) != 1 ||
        BIO_meth_set_read(method, bio_read) != 1 || BIO_meth_set_ctrl(method, bio_control) != 1 ||
        BIO_meth_set_create(method, bio_create) != 1) {
        BIO_meth_free(method);
        return NULL;
    }
    return method;
}
