/*
 * order.h - what changes something: a signal to nat64d, and what came of it
 *
 * Each takes the words behind the command, prints the outcome and returns an exit status.
 */
#ifndef CTL_ORDER_H
#define CTL_ORDER_H

int order_audit(int argc, char **argv);
int order_reload(int argc, char **argv);
int order_restart(int argc, char **argv);
int order_upgrade(int argc, char **argv);
int order_stop(int argc, char **argv);

#endif
