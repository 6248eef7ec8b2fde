internal import Glibc

extension Array {
    /// Makes room for so many elements and a few more, and has the kernel hand out all pages of it at
    /// once: the agent gives large blocks back after each reading, and each page by itself is a fault.
    mutating func makeRoom(for count: Int) {
        reserveCapacity(count + count / 16)
        let size = capacity * MemoryLayout<Element>.stride
        guard size >= 64 << 10 else { return }
        withUnsafeMutableBytes { bytes in
            guard let start = bytes.baseAddress else { return }
            let offset = Int(bitPattern: start) % 4096
            // MADV_POPULATE_WRITE, of Linux 5.14: with older ones the pages come one by one. The last
            // one is left out: it may go on behind the block.
            madvise(start - offset, (offset + size) & ~4095, 23)
        }
    }
}
