// What Swift's Glibc module leaves out of the calls on files.
#ifndef TOLLKEEPER_CFILES_H
#define TOLLKEEPER_CFILES_H
#include <dirent.h>
#include <sys/types.h>
#include <sys/xattr.h>

// Declared by glibc only under _GNU_SOURCE, which would make its types differ from those of
// Swift's Glibc module. The numbers are the kernel's for x86 and Arm.
extern int renameat2(int, const char *, int, const char *, unsigned int);

enum {
    TK_O_PATH = 010000000,
    TK_RENAME_NOREPLACE = 1,
    TK_RENAME_EXCHANGE = 2,
    TK_F_SETSIG = 10,
    TK_F_SETLEASE = 1024,
    TK_F_GETLEASE = 1025,
};

// Both names are in one folder.
static inline int tk_renameat2(
    int folder, const char *from, const char *to, unsigned int flags) {
    return renameat2(folder, from, folder, to, flags);
}

// Swift would load the name as 256 bytes, which most entries do not have.
static inline const char *_Nonnull tk_name(const struct dirent *_Nonnull entry) {
    return entry->d_name;
}
#endif
