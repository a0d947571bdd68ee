/*
 * nowhere.h - a mount namespace with nothing in it, and a descriptor for it
 */
#ifndef BIRTH_NOWHERE_H
#define BIRTH_NOWHERE_H

/*
 * Empty the mount namespace of the calling process: its root becomes a directory that nothing can be created in.
 * Mustn't: be called in a mount namespace that is not the caller's own. Returns 0 or -errno.
 */
int nowhere_empty(void);

/*
 * Make such a namespace without entering it. Should: be called with CAP_SYS_ADMIN in effect, while /proc is there, by a
 * process without threads. Returns a descriptor of it (close-on-exec), or -errno.
 */
int nowhere_open(void);

/* Live there from now on, in its root. Takes CAP_SYS_ADMIN and CAP_SYS_CHROOT. Returns 0 or -errno. */
int nowhere_enter(int fd);

#endif
