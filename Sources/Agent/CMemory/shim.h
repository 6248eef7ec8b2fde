// What Swift's Glibc module leaves out of glibc's allocator.
#ifndef TOLLKEEPER_CMEMORY_H
#define TOLLKEEPER_CMEMORY_H
#include <malloc.h>
#endif
