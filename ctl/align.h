/*
 * align.h - rows for people: columns as wide as their widest cell
 */
#ifndef CTL_ALIGN_H
#define CTL_ALIGN_H

#include "ctl/output.h"

/* Put the columns' names into the batch. */
void align_begin(struct output *o);

/* Put a row into the batch. When it no longer fits, what was there before it goes to buf first and ends the turn. */
void align_row(struct output *o, const struct output_value *row);

/* Write the batch into buf, aligned. */
void align_flush(struct output *o);

#endif
