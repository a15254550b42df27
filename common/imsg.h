/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/*
 * Messages between processes, over a connected AF_UNIX stream socket: the API
 * of OpenBSD's imsg, with what Linux and pre-allocation ask for.
 *
 * A message is a header of 16 bytes in host byte order and a payload.  The top
 * bit of the header's length marks a message that a descriptor travels with.
 * The socket must not have SO_PASSCRED or SO_PASSSEC set.
 *
 * Unless stated otherwise, functions that return int return 0 on success and
 * -1 on failure with errno set, and a call that fails changes nothing.
 */

#ifndef COMMON_IMSG_H
#define COMMON_IMSG_H

#include <sys/types.h>
#include <sys/queue.h>
#include <sys/uio.h>

#include <stddef.h>
#include <stdint.h>

#define IMSG_HEADER_SIZE sizeof(struct imsg_hdr)
/* The default limit of a message, header included. */
#define MAX_IMSGSIZE 16384
/* How much one imsgbuf_read can take, unless a larger message is allowed. */
#define IMSG_READSIZE 65536
/* How many queued buffers one sendmsg(2) or writev(2) gathers at most. */
#define IMSG_MAXIOV 128
/* How many descriptors can wait for messages that were not yet fetched. */
#define IMSG_MAXFDS 4
/* How long imsgbuf_flush tries, in seconds. */
#define IMSG_FLUSH_TIMEOUT 10

/* In a header's length: a descriptor travels with the message. */
#define IMSG_FD_MARK 0x80000000U

/* In the flags of struct imsgbuf. */
#define IMSGBUF_FDPASS   0x1
#define IMSGBUF_NOFDPASS 0x2 /* for good */
#define IMSGBUF_PIPES    0x4 /* no socket */

struct ibuf_pool;

/*
 * A bounded buffer: written at its end, read from its front.  Use the
 * functions below; the members are for them alone.
 */
struct ibuf {
	TAILQ_ENTRY(ibuf) entry;
	struct ibuf_pool *pool;    /* where it goes back to, or NULL */
	unsigned char *buf;        /* owned bytes; NULL in a view */
	const unsigned char *data; /* the same bytes, or the viewed ones */
	size_t size;               /* bytes that buf has room for */
	size_t max;                /* buf may grow so far */
	size_t wpos;               /* end of what was written */
	size_t rpos;               /* end of what was read; rpos <= wpos */
	int fd;                    /* owned descriptor, or -1 */
	int kind;                  /* heap, pooled, idle or view */
};
TAILQ_HEAD(ibuf_head, ibuf);

struct imsg_hdr {
	uint32_t type;
	uint32_t len; /* header included; top bit: with a descriptor */
	uint32_t peerid;
	uint32_t pid; /* what the peer claims to be: never trust it */
};

/* A received message.  Fetch its parts by imsg_get_*. */
struct imsg {
	struct imsg_hdr hdr;
	const void *data; /* the payload's start */
	struct ibuf *buf;
};

/* One end of a connection.  The members are for the functions alone. */
struct imsgbuf {
	struct ibuf_head txq;
	struct ibuf_pool *txpool; /* not owned; NULL: malloc */
	struct ibuf_pool *rxpool; /* not owned; NULL: malloc */
	unsigned char *rbuf;
	size_t rsize;         /* bytes that rbuf has room for */
	size_t rlen;          /* bytes received */
	size_t rpos;          /* start of the first message not fetched */
	size_t spos;          /* start of the first header not checked */
	int fdq[IMSG_MAXFDS]; /* one for each marked header in rbuf */
	size_t nfds;
	int pendfd; /* came with a header that is not complete */
	int fd;     /* the socket, or the pipe to read; not owned */
	int wfd;    /* the same socket, or the pipe to write */
	int error;  /* the stream is dead for this reason, or 0 */
	int flags;
	uint32_t qlen;
	uint32_t maxsize; /* header included */
	pid_t pid;
};

/*
 * The connection.
 */

/*
 * Prepare ib for the connected stream socket fd and record the calling
 * process's id (so call it after fork).  Allocates the read buffer.  The limit
 * is MAX_IMSGSIZE and descriptors are not passed.  The socket stays the
 * caller's: it is never closed here.  Blocking or not, as the caller likes:
 * only imsgbuf_read may block on a blocking one.  Errors: ENOMEM.
 */
int imsgbuf_init(struct imsgbuf *ib, int fd);
/*
 * The same for two pipes, one for each direction: a message costs the kernel
 * about half as much as through a socket, and no descriptor can travel.  The
 * pipe to write has to be non-blocking, and SIGPIPE ignored.
 */
int imsgbuf_init_pipes(struct imsgbuf *ib, int rfd, int wfd);

/*
 * Pass descriptors from now on, in both directions.  Without effect after
 * imsgbuf_deny_fdpass.
 */
void imsgbuf_allow_fdpass(struct imsgbuf *ib);

/*
 * Turn descriptor passing off for good.  Sending one is refused from now on
 * (one that is queued already is still sent: flush before).  Received ones that
 * were not fetched are closed; later ones are dropped by the kernel, since the
 * socket is read without a control buffer, and their message comes without.
 */
void imsgbuf_deny_fdpass(struct imsgbuf *ib);

/*
 * Set the limit of a payload in both directions, in bytes; IMSG_HEADER_SIZE is
 * added to it.  Makes the read buffer larger where it must, so call it during
 * set-up.  Errors: ERANGE if the sum wraps; EINVAL if it reaches the mark bit
 * or is more than a buffer of the receiving pool holds; ENOMEM.
 */
int imsgbuf_set_maxsize(struct imsgbuf *ib, uint32_t max);

/*
 * Take the buffers of messages from pools; NULL for malloc as usual.  The
 * pools stay the caller's, may serve several connections, and must outlive
 * ib and all its messages.  Errors: EBUSY if something is queued or was
 * received already; EINVAL if a buffer of rx is smaller than the limit of a
 * message, or one of tx smaller than a header.
 */
int imsgbuf_set_pool(
    struct imsgbuf *ib, struct ibuf_pool *tx, struct ibuf_pool *rx);

/*
 * Receive once: at most one recvmsg(2), or read(2) of a pipe, takes place (more
 * only when interrupted by signals), so a peer that writes without end can't
 * hold the caller.  Call it again when poll(2) says readable.  Returns
 *  1  something was received; or nothing is there now (EAGAIN); or there is no
 *     room before imsgbuf_get fetches messages: then nothing was read
 *  0  end of file, also if part of a message was received before:
 *     see imsgbuf_partial
 * -1  an error of that call, such as ECONNRESET (the peer closed and left
 *     bytes unread); or the stream is dead, for good: close it.
 *     ERANGE    a header's length is below 16 or above the limit
 *     EMSGSIZE  descriptors were lost (MSG_CTRUNC: none free here, or the peer
 *               sent more than two at once)
 *     EBADMSG   a second descriptor within one header
 * When the stream is dead every descriptor that was not fetched is closed.
 *
 * Of several descriptors in one control message all but the first are closed.
 * One that comes with a header that isn't marked is closed.  All received
 * descriptors are close-on-exec.
 */
int imsgbuf_read(struct imsgbuf *ib);

/*
 * Fetch the next whole message.  After 1, imsg_free must follow.  Call it until
 * it returns 0.  Returns
 *  1  *imsg is a message
 *  0  there is no whole message
 * -1  ENOBUFS, the receiving pool is empty: the message stays, try again after
 *     an imsg_free; ENOMEM, likewise; or the reason why the stream is dead
 */
int imsgbuf_get(struct imsgbuf *ib, struct imsg *imsg);

/*
 * The bytes of an unfinished message that were received.  Not 0 at end of file
 * means that the peer broke off.
 */
size_t imsgbuf_partial(const struct imsgbuf *ib);

/*
 * Send what the socket takes without blocking (whether or not it is
 * non-blocking), up to IMSG_MAXIOV buffers in one sendmsg(2) or writev(2), with
 * at most one descriptor each.  A partial write is continued by the next call,
 * so ask poll(2) for writable while imsgbuf_queuelen is not 0.  EAGAIN and
 * ENOBUFS are no errors.  A peer that closed is EPIPE; of a socket, never a
 * signal.
 */
int imsgbuf_write(struct imsgbuf *ib);

/*
 * Send until nothing is queued, waiting in ppoll(2), IMSG_FLUSH_TIMEOUT seconds
 * at most.  Errors: ETIMEDOUT; those of imsgbuf_write.
 */
int imsgbuf_flush(struct imsgbuf *ib);

/* The number of buffers that wait to be sent. */
uint32_t imsgbuf_queuelen(const struct imsgbuf *ib);

/*
 * Free and wipe all that is queued or was received, and close the descriptors
 * therein, but not the socket.  Then only imsgbuf_init may follow.
 */
void imsgbuf_clear(struct imsgbuf *ib);

/*
 * Sending.  In all of these, pid 0 stands for the own process id, and id is
 * for the caller's use.  Common errors: ERANGE, the payload is over the limit;
 * ENOBUFS, the sending pool is empty; ENOMEM.
 */

/*
 * Queue a copy of len bytes at data as one message.  fd -1: no descriptor.  On
 * success the queue owns fd and closes it when it was sent; on failure the
 * caller still owns it.  EPERM: descriptors are not passed here.
 * Returns 1, or -1.
 */
int imsg_compose(struct imsgbuf *ib, uint32_t type, uint32_t id, pid_t pid,
    int fd, const void *data, size_t len);

/* The same, gathered from iovcnt pieces.  EINVAL if iovcnt is negative. */
int imsg_composev(struct imsgbuf *ib, uint32_t type, uint32_t id, pid_t pid,
    int fd, const struct iovec *iov, int iovcnt);

/*
 * Queue a header and buf's unread bytes as payload, without a copy: two
 * entries of the queue.  buf is consumed in every case; it must not be a view
 * (abort) and must not hold a descriptor (EINVAL).  Returns 1, or -1.
 */
int imsg_compose_ibuf(struct imsgbuf *ib, uint32_t type, uint32_t id, pid_t pid,
    struct ibuf *buf);

/*
 * Begin a message with room for len bytes of payload at first, which then grows
 * up to the limit (in a pooled buffer: up to its size).  Add the payload by
 * imsg_add or ibuf_add_*, a descriptor by ibuf_fd_set, then imsg_close it or
 * ibuf_free it.  Returns NULL on failure.
 */
struct ibuf *imsg_create(
    struct imsgbuf *ib, uint32_t type, uint32_t id, pid_t pid, size_t len);

/*
 * Add to a message.  Returns len, or -1 and then msg has been FREED (as with
 * OpenBSD; ibuf_add does not free).  Errors: ERANGE, ENOMEM.
 */
int imsg_add(struct ibuf *msg, const void *data, size_t len);

/*
 * Lower the limit of msg's payload.  ERANGE if that is above the present limit
 * or below what was written already.
 */
int imsg_set_maxsize(struct ibuf *msg, size_t max);

/*
 * Finish and queue a message.  A descriptor that was set is closed and left out
 * if descriptors are not passed here.
 */
void imsg_close(struct imsgbuf *ib, struct ibuf *msg);

/*
 * Queue a copy of a received message with its type, id, pid and whole payload,
 * also if that was partly read, but never its descriptor.  Returns 1, or -1.
 */
int imsg_forward(struct imsgbuf *ib, const struct imsg *imsg);

/*
 * Receiving.
 */

uint32_t imsg_get_type(const struct imsg *imsg);
uint32_t imsg_get_id(const struct imsg *imsg);
/* What the peer claims to be; not a fact. */
pid_t imsg_get_pid(const struct imsg *imsg);
/* The bytes of payload that were not read yet. */
size_t imsg_get_len(const struct imsg *imsg);
/* Take over the descriptor; -1 if there is none, or it was taken. */
int imsg_get_fd(struct imsg *imsg);

/*
 * Copy the unread payload, which must be exactly len bytes, else EBADMSG.
 * EINVAL if len is 0.
 */
int imsg_get_data(struct imsg *imsg, void *data, size_t len);
/* Copy the next len bytes.  EBADMSG if there are fewer. */
int imsg_get_buf(struct imsg *imsg, void *data, size_t len);
/* As ibuf_get_strbuf. */
int imsg_get_strbuf(struct imsg *imsg, char *str, size_t len);
/*
 * Make view a view of all the unread payload, and count that as read.  Valid
 * until imsg_free.  EBADMSG if nothing is left.
 */
int imsg_get_ibuf(struct imsg *imsg, struct ibuf *view);

/* Wipe and free, close a descriptor that was not taken.  Keeps errno. */
void imsg_free(struct imsg *imsg);

/*
 * Buffers.
 */

/* A buffer of exactly len bytes; NULL on failure.  Errors: ENOMEM. */
struct ibuf *ibuf_open(size_t len);
/*
 * A buffer of len bytes that grows up to max; NULL on failure.  EINVAL if max
 * is 0 or less than len.
 */
struct ibuf *ibuf_dynamic(size_t len, size_t max);
/*
 * Make view a read-only view of len bytes at data, which must outlive it.  A
 * view needs no ibuf_free.  Freeing or queueing one, or giving it a
 * descriptor, aborts; writing to one is EINVAL.
 */
void ibuf_from_buffer(struct ibuf *view, const void *data, size_t len);
/* Likewise of buf's unread bytes, for as long as buf isn't written to. */
void ibuf_from_ibuf(struct ibuf *view, const struct ibuf *buf);
/*
 * Wipe and free (or return to its pool), and close its descriptor.  NULL is
 * fine.  Keeps errno.  Aborts on a view and on a pooled buffer that was freed.
 */
void ibuf_free(struct ibuf *buf);

/* The first unread byte, and the number of unread bytes. */
const void *ibuf_data(const struct ibuf *buf);
size_t ibuf_size(const struct ibuf *buf);
/* How many bytes may still be added. */
size_t ibuf_left(const struct ibuf *buf);
/* Lower max.  ERANGE if above the present one or below what was written. */
int ibuf_set_maxsize(struct ibuf *buf, size_t max);
/*
 * Cut the unread bytes at len (and wipe the rest), or fill up with zeros to
 * len.  Filling up a view is EINVAL.
 */
int ibuf_truncate(struct ibuf *buf, size_t len);
/* Count everything as unread again. */
void ibuf_rewind(struct ibuf *buf);

/* Is there a descriptor? */
int ibuf_fd_avail(const struct ibuf *buf);
/* Take over the descriptor; -1 if there is none. */
int ibuf_fd_get(struct ibuf *buf);
/* Hand over a descriptor (-1: none); one that was there is closed. */
void ibuf_fd_set(struct ibuf *buf, int fd);

/*
 * Writing.  Errors: ERANGE, more than the buffer may hold; ENOMEM; EINVAL, buf
 * is a view.
 */
int ibuf_add(struct ibuf *buf, const void *data, size_t len);
/* Add the unread bytes of from, which is not buf or a view of it. */
int ibuf_add_ibuf(struct ibuf *buf, const struct ibuf *from);
int ibuf_add_zero(struct ibuf *buf, size_t len);
/*
 * Add a field of len bytes: str, its NUL, and zeros.  EOVERFLOW if str doesn't
 * fit with its NUL.
 */
int ibuf_add_strbuf(struct ibuf *buf, const char *str, size_t len);
/* n: network byte order, h: host's.  EINVAL if the value does not fit. */
int ibuf_add_n8(struct ibuf *buf, uint64_t value);
int ibuf_add_n16(struct ibuf *buf, uint64_t value);
int ibuf_add_n32(struct ibuf *buf, uint64_t value);
int ibuf_add_n64(struct ibuf *buf, uint64_t value);
int ibuf_add_h16(struct ibuf *buf, uint64_t value);
int ibuf_add_h32(struct ibuf *buf, uint64_t value);
int ibuf_add_h64(struct ibuf *buf, uint64_t value);
/*
 * Add len bytes that the caller writes itself.  The pointer is good until the
 * next write; NULL on failure.
 */
void *ibuf_reserve(struct ibuf *buf, size_t len);
/*
 * A pointer to len written, unread bytes from offset pos on, counted from the
 * first unread byte.  NULL on failure: ERANGE if there are fewer.
 */
void *ibuf_seek(struct ibuf *buf, size_t pos, size_t len);
/* Overwrite there.  ERANGE as above; EINVAL if the value does not fit. */
int ibuf_set(struct ibuf *buf, size_t pos, const void *data, size_t len);
int ibuf_set_n8(struct ibuf *buf, size_t pos, uint64_t value);
int ibuf_set_n16(struct ibuf *buf, size_t pos, uint64_t value);
int ibuf_set_n32(struct ibuf *buf, size_t pos, uint64_t value);
int ibuf_set_n64(struct ibuf *buf, size_t pos, uint64_t value);
int ibuf_set_h16(struct ibuf *buf, size_t pos, uint64_t value);
int ibuf_set_h32(struct ibuf *buf, size_t pos, uint64_t value);
int ibuf_set_h64(struct ibuf *buf, size_t pos, uint64_t value);

/*
 * Reading, which makes what was read count as read.  EBADMSG if there are fewer
 * bytes; then nothing was read and nothing written to the caller's variable.
 */
int ibuf_get(struct ibuf *buf, void *data, size_t len);
/* Make view a view of the next len bytes. */
int ibuf_get_ibuf(struct ibuf *buf, size_t len, struct ibuf *view);
int ibuf_get_n8(struct ibuf *buf, uint8_t *value);
int ibuf_get_n16(struct ibuf *buf, uint16_t *value);
int ibuf_get_n32(struct ibuf *buf, uint32_t *value);
int ibuf_get_n64(struct ibuf *buf, uint64_t *value);
int ibuf_get_h16(struct ibuf *buf, uint16_t *value);
int ibuf_get_h32(struct ibuf *buf, uint32_t *value);
int ibuf_get_h64(struct ibuf *buf, uint64_t *value);
/*
 * Read a field of len bytes into str, which has room for as many.  EOVERFLOW,
 * and nothing was read, if it has no NUL; what follows the NUL becomes zero.
 * EINVAL if len is 0.
 */
int ibuf_get_strbuf(struct ibuf *buf, char *str, size_t len);
/*
 * Read len bytes into a string that the caller frees; it ends at the first NUL
 * if there is one.  NULL on failure: EBADMSG, ENOMEM.
 */
char *ibuf_get_string(struct ibuf *buf, size_t len);
int ibuf_skip(struct ibuf *buf, size_t len);

/*
 * Pools, for processes that must not allocate after their start.
 */

/*
 * Make nbufs buffers of bufsize bytes (a message's header included).  NULL on
 * failure: EINVAL if either is 0, ENOMEM.
 */
struct ibuf_pool *ibuf_pool_new(size_t nbufs, size_t bufsize);
/* NULL is fine.  Aborts if a buffer has not come back. */
void ibuf_pool_free(struct ibuf_pool *pool);
/* How many buffers are free. */
size_t ibuf_pool_avail(const struct ibuf_pool *pool);
/* The size of each buffer. */
size_t ibuf_pool_bufsize(const struct ibuf_pool *pool);
/* Take an empty buffer; ibuf_free returns it.  NULL and ENOBUFS if none. */
struct ibuf *ibuf_pool_get(struct ibuf_pool *pool);

#endif /* COMMON_IMSG_H */
