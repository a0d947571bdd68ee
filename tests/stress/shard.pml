/*
 * shard.pml - Spin model of a shard: one owner, a redo log of one entry, death at any step, a successor, a reader
 *
 * The words of shm/shard.c in small: two records that are ports at the same time, two keys. Every store to the shard is
 * one step, and after every step the worker may die, twice in all, recovery included. The supervisor starts a successor
 * only when the dead one cannot run any more. Checked: after recovery every invariant of shm/audit.c holds; no port is given
 * out twice; a reader that saw the same state word before and after its copy has copied one binding.
 *
 *   spin -a shard.pml && gcc -O2 -DSAFETY -o pan pan.c && ./pan        must find nothing
 *
 * These break the protocol, and Spin must find each of them:
 *   -DSUSPICION     the successor starts on suspicion, while the predecessor may live
 *   -DNO_LOG        effects are applied without having been committed
 *   -DCLEAR_FIRST   the log is cleared before its effects are applied
 *   -DRELATIVE      an effect adds to what is there, instead of storing what shall be there
 *   -DSMALL_GEN     the generation wraps after two changes
 */
#ifndef TURNS
#define TURNS 3				/* changes that a worker makes in its life */
#endif
#define SLOTS 2
#define KEYS 2
#ifdef SMALL_GEN
#define GENERATIONS 2
#else
#define GENERATIONS 64
#endif

bool live[SLOTS];			/* record.state, with gen */
byte gen[SLOTS];
byte key[SLOTS];			/* the record's other fields */
byte cell[KEYS];			/* the index: 0, or slot + 1 */
bool free[SLOTS] = true;		/* the port bitmap */
byte alive_total;			/* bindings created - ended */

bool committed;				/* intent.effects */
byte in_slot, in_gen, in_key, in_cell, in_total;
bool in_live, in_free;

bool running[3];
byte deaths, started;
bool done;

#define DIE if :: deaths < 2 -> deaths++; goto dead :: skip fi

/* The state word is one store; so are the others. */
inline apply()
{
	d_step { live[in_slot] = in_live; gen[in_slot] = in_gen }; DIE;
	cell[in_key] = in_cell; DIE;
	free[in_slot] = in_free; DIE;
#ifdef RELATIVE
	if :: in_live -> alive_total++ :: else -> alive_total-- fi; DIE
#else
	alive_total = in_total; DIE
#endif
}

inline commit()
{
#ifndef NO_LOG
	committed = true; DIE;
#endif
#ifdef CLEAR_FIRST
	committed = false; DIE;
#endif
	apply();
	committed = false; DIE
}

inline audit()
{
	d_step {
		s = 0; n = 0;
		do
		:: s < SLOTS ->
			assert(free[s] == !live[s]);
			if :: live[s] -> n++; assert(cell[key[s]] == s + 1) :: else fi;
			s++
		:: else -> break
		od;
		assert(n == alive_total);
		k = 0;
		do
		:: k < KEYS ->
			if :: cell[k] != 0 -> assert(live[cell[k] - 1] && key[cell[k] - 1] == k) :: else fi;
			k++
		:: else -> break
		od;
		s = 0; k = 0; n = 0
	}
}

proctype Worker(byte me)
{
	byte s, k, n, turns;

	if
	:: committed -> apply(); committed = false; DIE
	:: else
	fi;
	audit();
	do
	:: turns < TURNS ->
		turns++;
		if :: k = 0 :: k = 1 fi;
		if
		:: cell[k] == 0 ->
			if :: free[0] -> s = 0 :: free[1] -> s = 1 :: else -> goto next fi;
			assert(!live[s]);		/* no port is given out twice */
			key[s] = k; DIE;		/* fields of a free record: nobody looks */
			in_slot = s; DIE;
			in_live = true; in_gen = (gen[s] + 1) % GENERATIONS; in_key = k; DIE;
			in_cell = s + 1; in_free = false; in_total = alive_total + 1; DIE;
			commit()
		:: cell[k] != 0 ->
			s = cell[k] - 1;
			in_slot = s; DIE;
			in_live = false; in_gen = (gen[s] + 1) % GENERATIONS; in_key = k; DIE;
			in_cell = 0; in_free = true; in_total = alive_total - 1; DIE;
			commit()
		fi;
next:		skip
	:: turns >= TURNS -> break
	od;
	done = true;
dead:
	running[me] = false
}

active proctype Supervisor()
{
	byte next;

	running[0] = true; run Worker(0); started = 1;
	do
	:: done -> break
#ifdef SUSPICION
	:: started < 2 && !done -> next = started; started++; running[next] = true; run Worker(next)
#endif
	:: !done && !running[next] && started < 3 -> next = started; started++; running[next] = true; run Worker(next)
	:: !done && !running[next] && started >= 3 -> break
	od
}

/* record_read() */
active proctype Reader()
{
	byte s, before, copied;
	bool was;

	do
	:: done -> break
	:: started >= 3 && !running[2] -> break
	:: else ->
		if :: s = 0 :: s = 1 fi;
		d_step { was = live[s]; before = gen[s] };
		copied = key[s];
		d_step {
			if
			:: was && live[s] && before == gen[s] -> assert(copied == key[s])
			:: else
			fi
		}
	od
}
