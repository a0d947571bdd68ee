/*
 * bpf.h - programs and memory for the kernel's virtual machine, written by hand
 *
 * Usable alone: this file and bpf.c. The instructions are those of linux/bpf.h, one call each, in the order in which
 * they run; a jump names a label, which may come later. No compiler, no library, nothing to load from a file.
 */
#ifndef SUPERVISOR_BPF_H
#define SUPERVISOR_BPF_H

#include <linux/bpf.h>
#include <stddef.h>
#include <stdint.h>

#define BPF_CODE_MAX 1024		/* instructions of one program */
#define BPF_CODE_LABELS 32

/* A program that grows. Zeroed, it is empty. */
struct bpf_code {
	unsigned n;			/* instructions so far; above BPF_CODE_MAX: it did not fit */
	struct bpf_insn insn[BPF_CODE_MAX];
	uint8_t target[BPF_CODE_MAX];	/* of a jump: 1 + its label */
	uint16_t place[BPF_CODE_LABELS];	/* of a label: 1 + the instruction it names */
};

/* dst = dst OP src, 64 bits wide. op is BPF_MOV, BPF_ADD, ... */
void bpf_do(struct bpf_code *c, uint8_t op, uint8_t dst, uint8_t src);
/* The same with a number, which is extended with its sign. */
void bpf_do_number(struct bpf_code *c, uint8_t op, uint8_t dst, int32_t number);
/* dst, as many bits of it, in the other byte order than the network's. */
void bpf_host_order(struct bpf_code *c, uint8_t dst, unsigned bits);

/* dst = what lies offset bytes behind the address in src. size is BPF_B, BPF_H, BPF_W or BPF_DW. */
void bpf_read(struct bpf_code *c, uint8_t size, uint8_t dst, uint8_t src, size_t offset);
/* The same of the stack, whose top is offset 0, so that offsets are negative; and back. */
void bpf_pop(struct bpf_code *c, uint8_t size, uint8_t dst, int offset);
void bpf_push(struct bpf_code *c, uint8_t size, int offset, uint8_t src);

/* dst = the map in this descriptor, to call a helper with; dst = the address of the only value of an array. */
void bpf_map(struct bpf_code *c, uint8_t dst, int map);
void bpf_value(struct bpf_code *c, uint8_t dst, int map);

/* Go on at the label. */
void bpf_go(struct bpf_code *c, unsigned label);
/* The same if dst OP src, or dst OP number. op is BPF_JEQ, BPF_JNE, BPF_JLT, ... */
void bpf_if(struct bpf_code *c, uint8_t op, uint8_t dst, uint8_t src, unsigned label);
void bpf_if_number(struct bpf_code *c, uint8_t op, uint8_t dst, int32_t number, unsigned label);
/* The next instruction has this label, below BPF_CODE_LABELS. */
void bpf_label(struct bpf_code *c, unsigned label);

/* Call a helper of the kernel, BPF_FUNC_..., which spoils registers 0 to 5. */
void bpf_call(struct bpf_code *c, int32_t function);
/* End; the result is register 0. */
void bpf_exit(struct bpf_code *c);

/*
 * An array of so many values of size bytes, which bpf_memory maps; closed on exec. Should: hold CAP_BPF. Returns
 * the descriptor, or -errno.
 */
int bpf_array(const char *name, size_t size, uint32_t values);

/* The bytes that bpf_memory of such an array has. */
size_t bpf_size(size_t size, uint32_t values);

/*
 * Map so many bytes of an array, writable. A value starts at its number times its size, rounded up to 8. Takes no
 * rights but the descriptor. Returns NULL with errno set. munmap it.
 */
void *bpf_memory(int map, size_t bytes);

/*
 * Load a socket filter; closed on exec. Should: hold CAP_BPF. Returns the descriptor, or -errno, and then in why,
 * which is never empty, the kernel's own words if it had any.
 */
int bpf_load(struct bpf_code *c, const char *name, char *why, size_t size);

#endif
