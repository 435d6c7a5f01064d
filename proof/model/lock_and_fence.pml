/* The lock and the fence: coordinators that consolidate batches of one date into one table.

   All batches stage a row with the same business key: two such rows in the table are the incident. With LINES_MOVE
   each batch stages another line of one player, which supersedes the active line: two active lines are the incident.

   Assumptions about the services, and where these are documented:
   - Firestore: a commit with a precondition is atomic ("does not exist", "last updated then"), and of two that
     write one document only one is applied; the commit time of a document increases with each commit.
     https://cloud.google.com/firestore/docs/reference/rpc/google.firestore.v1#precondition
     https://cloud.google.com/firestore/docs/understand-reads-writes-scale
   - BigQuery: a transaction reads one snapshot; all of it commits, or none; of two concurrent ones that UPDATE
     the same rows, the later is cancelled; an INSERT, or a MERGE that only inserts, does not conflict.
     https://cloud.google.com/bigquery/docs/transactions
     https://cloud.google.com/bigquery/docs/data-manipulation-language#dml_statement_conflicts
   - Clocks: a holder's own clock drifts by less than the margin between its renewal deadline and its lease, so that it
     no longer trusts a lease when the service lets another take it. Clocks need not agree.

   Switches, each of which removes a defence or an event:
     NO_LOCK        the lock is not taken                        NO_EXPIRY      leases never expire
     NO_FENCE       the fence is not touched                     NO_CRASH       no program dies
     READ_FENCE     the fence is read, not updated               NO_STEAL       no operator releases a lock by force
     ONE_FENCE_ROW  only one of racing fence rows is updated     NO_LOST_ANSWER every answer arrives
     ANY_TOKEN      a stale token is not refused                 TRUST_TOO_LONG a lease is trusted after it has expired
     DELETE_ANY     a release deletes any holder's record        NO_READ_BACK   no read after a lost answer
     STEAL_ONLY     a forced release does not move the fence     DROP_FIRST     staging is dropped before the commit
     NO_LEDGER      the ledger is not read                       MIXED_SCOPE    a setting decides which fence row is moved
     MIXED_SPECS    settings name two date columns                              and which lock is taken; programs differ
     ANY_SPEC       an unrecorded spec is accepted               AFTERWARDS     old lines are set inactive after the commit */

#ifndef BATCHES
#define BATCHES 2
#endif
#ifndef COORDINATORS
#define COORDINATORS 3
#endif
#ifndef PAUSES
#define PAUSES 2 /* how often a live holder pauses beyond its lease, in total */
#endif
#ifndef LOST_ANSWERS
#define LOST_ANSWERS 1
#endif
#ifndef CRASHES
#define CRASHES 1
#endif
#define NOBODY 255
#define PROGRAMS (COORDINATORS + 1)
#define LAST COORDINATORS /* starts when there are no more faults, and consolidates every batch */

#ifdef NO_LOCK
#define TAKES_LOCK false
#else
#define TAKES_LOCK true
#endif
#ifdef NO_FENCE
#define HAS_FENCE false
#else
#define HAS_FENCE true
#endif
#ifdef READ_FENCE
#define MOVES_FENCE false
#else
#define MOVES_FENCE HAS_FENCE
#endif
#ifdef ANY_TOKEN
#define REFUSES_STALE false
#else
#define REFUSES_STALE HAS_FENCE
#endif
#ifdef NO_LEDGER
#define LOOKS_AT_LEDGER false
#else
#define LOOKS_AT_LEDGER true
#endif
#ifdef ONE_FENCE_ROW
#define updates(row) (seen_fence[row] && chosen_row == (row))
#else
#define updates(row) seen_fence[row]
#endif
/* With two scopes, or two specs and so two dates, each has its own fence row. */
#if defined(MIXED_SCOPE) || defined(MIXED_SPECS)
#define HAS_OWN_ROW
#define own_row (me % 2)
#define other_row (1 - own_row)
#define is_own(row) ((row) == own_row)
#define newest_token fence[own_row]
#else
#define is_own(row) true
#define newest_token ((fence[0] > fence[1]) -> fence[0] : fence[1])
#endif
#if defined(MIXED_SPECS) && !defined(ANY_SPEC)
#define other_spec_is_there fence_is_there[other_row]
#else
#define other_spec_is_there false
#endif

/* Firestore: one document, and the commit time. */
byte holder = NOBODY;
byte held_token = 0;
byte commit_time = 0;
bool is_expired = false;
byte pauses = 0;
byte lost_answers = 0;
byte crashes = 0;

/* What each program believes, and which holders an operator has shut out. */
bool believes[PROGRAMS];
bool put_out[PROGRAMS];
byte shut_out = 0;
byte at_work = COORDINATORS;
bool finished = false;

/* The warehouse: rows of the key, two places for a fence row, and the commit that updated each last. */
byte copies = 0;
#ifdef LINES_MOVE
byte lines = 0; /* a bit for each batch: whether its line is active */
#endif
bool fence_is_there[2];
byte fence[2];
byte updated_at[2];
byte commits = 0;
bool is_staged[BATCHES];
bool is_in_ledger[BATCHES];

/* No two holders believe that they hold the lock, except one that was shut out and has not noticed yet. */
inline check_believers() {
    believers = 0; one = 0;
    do
    :: one < PROGRAMS && believes[one] && !put_out[one] -> believers++; one++
    :: one < PROGRAMS && !(believes[one] && !put_out[one]) -> one++
    :: one == PROGRAMS -> break
    od;
    assert(believers <= 1);
    believers = 0; one = 0
}

/* One commit: create the document if it is missing, or replace exactly the expired one; sets `mine`. */
inline try_to_acquire() {
    atomic {
        if
#ifndef NO_READ_BACK
        :: holder == me -> /* an earlier try took it, and its answer was lost */
            mine = true
#endif
        :: holder == NOBODY || is_expired ->
            commit_time++; held_token = commit_time; holder = me; is_expired = false;
            if
            :: mine = true
#ifndef NO_LOST_ANSWER
            :: lost_answers < LOST_ANSWERS && me != LAST -> mine = false; lost_answers++
#endif
            fi
        :: else -> mine = false
        fi;
        if
        :: mine ->
            token = held_token; believes[me] = true; is_expired = false; put_out[me] = false;
            printf("coordinator %d holds the lock, token %d\n", me, token)
        :: else
        fi;
        check_believers()
    }
}

inline release() {
    atomic {
        believes[me] = false; mine = false;
        printf("coordinator %d lets the lock go\n", me);
#ifdef DELETE_ANY
        holder = NOBODY; is_expired = false
#else
        if
        :: holder == me -> holder = NOBODY; is_expired = false
        :: else
        fi
#endif
    }
}

/* INSERT of the fence row if none is visible. Two may race, and both rows stay. */
inline ensure_fence() {
#ifdef HAS_OWN_ROW
    seen_row = fence_is_there[own_row] || other_spec_is_there;
    atomic {
        if
        :: !seen_row -> fence_is_there[own_row] = true
        :: else
        fi
    }
#else
    seen_row = fence_is_there[0] || fence_is_there[1];
    atomic {
        if
        :: !seen_row && !fence_is_there[0] -> fence_is_there[0] = true
        :: !seen_row && fence_is_there[0] && !fence_is_there[1] -> fence_is_there[1] = true
        :: else
        fi
    }
#endif
}

inline take_snapshot() {
    atomic {
        printf("coordinator %d begins its transaction for batch %d: it sees %d rows of the key\n", me, batch, copies);
        began = commits; seen_copies = copies; seen_merged = is_in_ledger[batch];
        seen_fence[0] = is_own(0) && fence_is_there[0]; seen_fence[1] = is_own(1) && fence_is_there[1];
#ifdef LINES_MOVE
        seen_lines = lines;
#endif
        seen_other = other_spec_is_there;
        seen_token = newest_token;
        if
        :: seen_fence[0] -> chosen_row = 0
        :: seen_fence[1] -> chosen_row = 1
        :: !seen_fence[0] && !seen_fence[1] -> chosen_row = 0
        fi
    }
}

#define CONFLICTS (MOVES_FENCE && ((updates(0) && updated_at[0] > began) || (updates(1) && updated_at[1] > began)))

/* Everything that the transaction read is from its snapshot; all its writes take effect here, or none. */
inline commit_transaction() {
    atomic {
        if
        :: seen_other -> outcome = OTHER_SPEC
        :: !seen_other && LOOKS_AT_LEDGER && seen_merged -> outcome = OVERTAKEN
        :: !seen_other && !(LOOKS_AT_LEDGER && seen_merged) && TAKES_LOCK && REFUSES_STALE && token < seen_token ->
            outcome = STALE
        :: !seen_other && !(LOOKS_AT_LEDGER && seen_merged) &&
           !(TAKES_LOCK && REFUSES_STALE && token < seen_token) && CONFLICTS ->
            outcome = CONFLICT
        :: else ->
            outcome = COMMITTED; commits++;
            if
            :: MOVES_FENCE ->
                token = (TAKES_LOCK -> token : seen_token + 1);
                assert(token >= newest_token); /* the fence never moves back */
                assert(token >= shut_out); /* a shut-out holder writes nothing */
                if
                :: updates(0) -> fence[0] = token; updated_at[0] = commits
                :: else
                fi;
                if
                :: updates(1) -> fence[1] = token; updated_at[1] = commits
                :: else
                fi
            :: else
            fi;
#ifdef LINES_MOVE
#ifdef AFTERWARDS
            lines = lines | (1 << batch);
#else
            lines = (lines & ~seen_lines) | (1 << batch);
#endif
            printf("coordinator %d commits: active lines %d\n", me, lines);
            assert((lines & (lines - 1)) == 0); /* fails with two active lines of one player */
#else
            copies = copies + (seen_copies == 0 -> 1 : 0);
            printf("coordinator %d commits: now %d rows of the key\n", me, copies);
            assert(copies <= 1); /* the incident: two rows of one key */
#endif
            assert(!is_in_ledger[batch]); /* no table is merged twice */
            is_in_ledger[batch] = true
        fi
    }
}

/* A program that dies leaves its lock, and nothing of its transaction. */
inline may_die() {
#ifndef NO_CRASH
    if
    :: atomic { me != LAST && crashes < CRASHES -> crashes++; printf("coordinator %d dies\n", me); goto dead }
    :: true
    fi
#else
    skip
#endif
}

mtype = { COMMITTED, CONFLICT, OVERTAKEN, STALE, OTHER_SPEC };

proctype Coordinator(byte me) {
    byte batch = me % BATCHES;
    byte token = 0;
    bool mine = false;
    bool seen_row = false;
    byte began = 0;
    byte seen_copies = 0;
#ifdef LINES_MOVE
    byte seen_lines = 0;
#endif
    bool seen_merged = false;
    bool seen_fence[2];
    bool seen_other = false;
    byte seen_token = 0;
    byte chosen_row = 0;
    byte believers = 0;
    byte one = 0;
    mtype outcome = CONFLICT;

    if
    :: me == LAST -> (at_work == 0); batch = 0
    :: else
    fi;

next_batch:
    do
    :: !is_staged[batch] || is_in_ledger[batch] -> goto clean_up
    :: else ->
        do
        :: !TAKES_LOCK || mine -> break
        :: TAKES_LOCK && !mine && (holder == NOBODY || holder == me || is_expired) -> try_to_acquire()
        od;
        may_die();
        ensure_fence();
        do
        :: true ->
            take_snapshot();
#ifdef DROP_FIRST
            is_staged[batch] = false;
#endif
            may_die();
            commit_transaction();
            if
            :: outcome == CONFLICT -> skip
            :: else -> break
            fi
        od;
        may_die();
        atomic {
#ifdef LINES_MOVE
            seen_lines = 0;
#endif
            began = 0; seen_copies = 0; seen_merged = false; seen_fence[0] = false; seen_fence[1] = false;
            seen_token = 0; chosen_row = 0; seen_row = false; seen_other = false
        };
        if
        :: TAKES_LOCK -> release()
        :: else
        fi;
        token = 0;
        if
        :: outcome == OTHER_SPEC -> outcome = CONFLICT; goto clean_up
        :: else -> outcome = CONFLICT
        fi
    od;

clean_up:
    if
    :: is_in_ledger[batch] -> is_staged[batch] = false
    :: else
    fi;
    assert(is_staged[batch] || is_in_ledger[batch]); /* no row is lost */
    if
    :: me == LAST && batch + 1 < BATCHES -> batch++; goto next_batch
    :: me == LAST && batch + 1 == BATCHES -> finished = true; goto end
    :: else -> at_work--; goto end
    fi;

dead:
    atomic { believes[me] = false; at_work-- };
end:
    skip
}

/* A lease expires when its holder no longer trusts it: it is dead, paused, or cannot reach the service. */
active proctype Time() {
end:
    do
#ifndef NO_EXPIRY
    :: atomic { !finished && holder != NOBODY && !is_expired && (!believes[holder] || pauses < PAUSES) ->
        if
        :: believes[holder] -> pauses++
        :: else
        fi;
#ifndef TRUST_TOO_LONG
        believes[holder] = false;
#endif
        printf("the lease of coordinator %d has expired\n", holder);
        is_expired = true
    }
#endif
    :: finished -> break
    od
}

/* Releases a lock by force once, even of a live holder, and moves the fence to that moment. */
#if !defined(NO_STEAL) && !defined(NO_LOCK)
active proctype Operator() {
    byte moment = 0;
    byte began = 0;
    bool seen_row = false;
    bool seen_fence[2];
    byte chosen_row = 0;

    if
    :: atomic { holder != NOBODY ->
        printf("the operator releases the lock of coordinator %d by force\n", holder);
        put_out[holder] = true; holder = NOBODY; is_expired = false;
        commit_time++; moment = commit_time
    }
    :: at_work == 0 -> goto end
    fi;
    if
    :: MOVES_FENCE ->
#ifndef STEAL_ONLY
        ensure_fence();
        do
        :: true ->
            atomic {
                began = commits; seen_fence[0] = fence_is_there[0]; seen_fence[1] = fence_is_there[1]
            };
            atomic {
                if
                :: CONFLICTS -> skip
                :: else ->
                    commits++;
                    if
                    :: seen_fence[0] && fence[0] < moment -> fence[0] = moment; updated_at[0] = commits
                    :: else
                    fi;
                    if
                    :: seen_fence[1] && fence[1] < moment -> fence[1] = moment; updated_at[1] = commits
                    :: else
                    fi;
                    break
                fi
            }
        od;
#endif
        shut_out = moment
    :: else
    fi;
end:
    skip
}
#endif

init {
    atomic {
        byte number = 0;
        do
        :: number < BATCHES -> is_staged[number] = true; number++
        :: else -> break
        od;
        number = 0;
        do
        :: number < PROGRAMS -> run Coordinator(number); number++
        :: else -> break
        od
    }
}

ltl everything_is_consolidated { <> finished }
