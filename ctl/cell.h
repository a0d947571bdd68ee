/*
 * cell.h - one value as text
 */
#ifndef CTL_CELL_H
#define CTL_CELL_H

#include "ctl/output.h"

#define CELL_SIZE 2048			/* a value as text; longer ones are cut */

/* One value, for people or for a program. A null is the empty text. */
void cell_print(char cell[CELL_SIZE], const struct output_field *f, const struct output_value *v, bool people);

/* A number as far as JSON's integers reach; the same in all formats. */
uint64_t cell_number(const struct output_value *v);

/* A number of seconds as people say it: 59 s, 2 h 4 min, 3 d 4 h. Returns buf. */
char *cell_duration(char *buf, size_t size, uint64_t seconds);

/* Copy text so that it is valid UTF-8 without control characters; what is not becomes a question mark. */
void cell_clean(char *buf, size_t size, const char *text);

#endif
