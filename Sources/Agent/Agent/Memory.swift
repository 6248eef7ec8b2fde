import Accounting
import CMemory
import Meters

/// How this process holds its memory. An agent works for some milliseconds every few seconds, and
/// should not keep what it needed only for these.
enum Memory {
    /// Larger blocks are mapped one by one, and go back to the kernel as soon as they are free.
    private static let largestKept: Int32 = 128 << 10

    /// By then everything was read and told for the first time, in nanoseconds.
    static let startTakes: UInt64 = 60_000_000_000

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

    /// Lets go of the pages of the program's own file, which nobody has written to. Those that are
    /// used again come back from the kernel's cache by themselves; the others, which only the start
    /// needed, the kernel can reuse.
    static func letCodeGo() {
        let address = getauxval(UInt(AT_PHDR))
        guard let first = UnsafePointer<Elf64_Phdr>(bitPattern: address) else { return }
        let count = Int(getauxval(UInt(AT_PHNUM)))
        let headers = UnsafeBufferPointer(start: first, count: count)
        guard let own = headers.first(where: { $0.p_type == PT_PHDR }) else { return }
        // Where the program was loaded, from where its headers ended up.
        let base = address &- UInt(own.p_vaddr)
        let page = UInt(sysconf(Int32(_SC_PAGESIZE)))
        for segment in headers
        where segment.p_type == PT_LOAD && Int32(segment.p_flags) & PF_W == 0 {
            let start = (base &+ UInt(segment.p_vaddr)) & ~(page - 1)
            let end = base &+ UInt(segment.p_vaddr) &+ UInt(segment.p_memsz)
            madvise(UnsafeMutableRawPointer(bitPattern: start), Int(end - start), MADV_DONTNEED)
        }
    }
}

extension Keeper {
    /// Gives back what is not used any more, where that may be much.
    func giveMemoryBack() {
        if let end = startEnds, clock.now().boottime >= end {
            startEnds = nil
            Memory.letCodeGo()
        }
        guard hasDoneMuch else { return }
        hasDoneMuch = false
        Memory.giveBack()
    }
}
