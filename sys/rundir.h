/* SPDX-License-Identifier: ISC */
/*
 * The folder in which the call managers of a user have their sockets, so that they can be found by
 * those who ask for status or for a further call.
 */
#ifndef PPTP_RUN_FOLDER_H
#define PPTP_RUN_FOLDER_H

#include <stddef.h>

/* The folder's path: /run/pptp where it can be made and written, else one private to the user
 * (XDG_RUNTIME_DIR, or below /tmp); made where it is missing, mode 0700 and owned by us. 0, or a
 * negative errno. */
int run_folder_make(char *path, size_t cap);

/* The same folder for one who only looks: nothing is made or changed. -ENOENT: there is none. */
int run_folder_find(char *path, size_t cap);

/* Takes the election lock of the folder (flock on the folder itself: nothing to go stale), waiting
 * half a second at the most for whoever has it, and returns its descriptor, or a negative errno
 * (-EAGAIN: he does not let go); close it to let go. Hold it only to look for, or become, the
 * listener. -ENOENT: the folder is gone, make it again. */
int run_folder_lock(const char *folder);

enum {
	RUN_FOLDER_ENTRIES = 1024 /* octets read at once: three of the longest names, or many */
};

/* A walk through the names in the folder. Not by readdir(3), for which alone a process that waits
 * for hours would need a heap. Private. */
struct run_folder_walk {
	int fd;
	size_t at; /* octets [at, len) of `entries` are to be looked at */
	size_t len;
	char entries[RUN_FOLDER_ENTRIES];
};

/* Begins before the first name; to be ended. 0 or a negative errno. */
int run_folder_walk_begin(struct run_folder_walk *w, const char *folder);
/* The next name ("." and ".." are among them), good until the next call; NULL where there are no more. */
const char *run_folder_walk_next(struct run_folder_walk *w);
void run_folder_walk_end(struct run_folder_walk *w);

#endif
