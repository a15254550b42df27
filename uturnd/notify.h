/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */
#ifndef UTURND_NOTIFY_H
#define UTURND_NOTIFY_H

/*
 * What sd_notify(3) does, as far as it is needed: a datagram to the service
 * manager's socket.
 */

/*
 * notify_open: a socket connected to $NOTIFY_SOCKET, or -1 if there is none
 * (or it can't be reached, which is logged).
 */
int notify_open(void);
/* fd -1: nothing happens. */
void notify_ready(int fd);
void notify_stopping(int fd);
/* notify_alive: all three processes turn, as a ping through them has shown. */
void notify_alive(int fd);

#endif /* UTURND_NOTIFY_H */
