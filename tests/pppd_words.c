/* SPDX-License-Identifier: ISC */
/*
 * A plugin of pppd that prints the words of the file WORDS_OF as pppd's own parser reads them, one a
 * line in hexadecimal and an empty line at each line's end, and ends pppd: what a configuration means
 * is for pppd to say.
 */
#include <stdio.h>
#include <stdlib.h>

enum {
	MAX_WORD = 1024 /* pppd's MAXWORDLEN */
};

/* Exported by pppd to plugins. */
int getword(FILE *f, char *word, int *newline, const char *filename);

extern const char pppd_version[];
const char pppd_version[] = "2.4.9"; /* a plugin of another version is turned down */

void plugin_init(void);

void plugin_init(void)
{
	char word[MAX_WORD];
	int newline = 0;
	const char *path = getenv("WORDS_OF");
	FILE *f = path ? fopen(path, "r") : NULL;

	if (!f)
		exit(1);
	while (getword(f, word, &newline, path)) {
		if (newline)
			putchar('\n');
		for (const char *c = word; *c; c++)
			printf("%02x", (unsigned)(unsigned char)*c);
		putchar('\n');
	}
	exit(0);
}
