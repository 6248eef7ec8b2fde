import CMemory

/// How this process holds its memory. An agent works for some milliseconds every few seconds, and
/// should not keep what it needed only for these.
enum Memory {
    /// Larger blocks are mapped one by one, and go back to the kernel as soon as they are free.
    private static let largestKept: Int32 = 512 << 10

    /// To be called before there are other threads.
    static func prepare() {
        // One heap for all threads: each of its own would keep its own leftovers.
        mallopt(M_ARENA_MAX, 1)
        // A fixed limit: glibc's own grows with every large block that is freed.
        mallopt(M_MMAP_THRESHOLD, largestKept)
        mallopt(M_TRIM_THRESHOLD, largestKept)
    }

    /// Gives free memory back to the kernel, wherever in the heap it lies.
    static func giveBack() {
        malloc_trim(0)
    }
}
