/*
 * text.h - a configuration as nat64.ini would spell it
 */
#ifndef SUPERVISOR_TEXT_H
#define SUPERVISOR_TEXT_H

#include <stdio.h>
#include "supervisor/config.h"

/* One section, every key with its value; a list without items as a comment. Lists one line per item. */
void text_gateway(FILE *out, const struct config_gateway *gateway);
void text_tenant(FILE *out, const struct config_tenant *tenant);

/* The whole resolved configuration. Parses back to the same. */
void text_config(FILE *out, const struct config *config);

/* The reference file: every key with its default and its line of doc, and an example tenant that nat64d accepts. */
void text_reference(FILE *out);

#endif
