// What Swift's Glibc module leaves out of glibc's allocator, and where the program stands in memory.
#ifndef TOLLKEEPER_CMEMORY_H
#define TOLLKEEPER_CMEMORY_H
#include <elf.h>
#include <malloc.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>
#endif
