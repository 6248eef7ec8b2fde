// What Swift's Glibc module leaves out of the calls that start programs.
#ifndef TOLLKEEPER_CSPAWN_H
#define TOLLKEEPER_CSPAWN_H

// glibc declares it only under _DEFAULT_SOURCE, which Swift's import of it does without. The first
// is a posix_spawn_file_actions_t: <spawn.h> would make types such as pid_t this module's.
extern int posix_spawn_file_actions_addclosefrom_np(void *, int);

static inline int tk_close_from(void *actions, int first) {
    return posix_spawn_file_actions_addclosefrom_np(actions, first);
}
#endif
