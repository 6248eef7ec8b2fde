import CZlib

/// The gzip format, for request bodies.
public enum Gzip {
    /// Compresses bytes into one gzip member; throws where zlib has no memory.
    public static func deflate(_ bytes: [UInt8]) throws(GzipError) -> [UInt8] {
        guard let size = UInt32(exactly: bytes.count) else { throw GzipError(.tooLarge) }
        var stream = z_stream()
        guard tk_deflate_init_gzip(&stream, Z_DEFAULT_COMPRESSION) == Z_OK else {
            throw GzipError(.failed)
        }
        defer { deflateEnd(&stream) }
        let bound = deflateBound(&stream, uLong(size))
        var result = Z_ERRNO
        let output = [UInt8](unsafeUninitializedCapacity: Int(bound)) { output, count in
            result = step(&stream, bytes[...], into: output) { CZlib.deflate(&$0, Z_FINISH) }
            count = output.count - Int(stream.avail_out)
        }
        guard result == Z_STREAM_END else { throw GzipError(.failed) }
        return output
    }

    /// Decompresses exactly one gzip member, and stops as soon as it gives more than `limit` bytes.
    ///
    /// Throws for anything that is not gzip, is cut short, fails its checksum or has bytes after
    /// its end.
    public static func inflate(_ bytes: [UInt8], limit: Int) throws(GzipError) -> [UInt8] {
        guard UInt32(exactly: bytes.count) != nil else { throw GzipError(.tooLarge) }
        var stream = z_stream()
        guard tk_inflate_init_gzip(&stream) == Z_OK else { throw GzipError(.failed) }
        defer { inflateEnd(&stream) }
        var output: [UInt8] = []
        var rest = bytes[...]
        while true {
            var result = Z_ERRNO
            let piece = [UInt8](unsafeUninitializedCapacity: pieceSize) { piece, count in
                result = step(&stream, rest, into: piece) { CZlib.inflate(&$0, Z_NO_FLUSH) }
                count = piece.count - Int(stream.avail_out)
            }
            rest = rest.suffix(Int(stream.avail_in))
            guard piece.count <= limit - output.count else { throw GzipError(.tooLarge) }
            output += piece
            switch result {
            case Z_STREAM_END where rest.isEmpty: return output
            case Z_STREAM_END: throw GzipError(.trailing)
            case Z_OK where !piece.isEmpty || !rest.isEmpty: continue
            case Z_OK, Z_BUF_ERROR: throw GzipError(.truncated)
            case Z_MEM_ERROR: throw GzipError(.failed)
            default: throw GzipError(.malformed)
            }
        }
    }

    private static let pieceSize = 64 << 10

    /// Lets zlib work on `input` into `output`; the stream's counters say how far it came.
    private static func step(
        _ stream: inout z_stream, _ input: ArraySlice<UInt8>,
        into output: UnsafeMutableBufferPointer<UInt8>, _ work: (inout z_stream) -> Int32
    ) -> Int32 {
        input.withUnsafeBufferPointer { input in
            // zlib only reads through next_in.
            stream.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
            stream.avail_in = UInt32(input.count)
            stream.next_out = output.baseAddress
            stream.avail_out = UInt32(output.count)
            return work(&stream)
        }
    }
}

/// Why bytes could not be compressed or decompressed.
public struct GzipError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What kind of failure it is.
    public enum Code: Hashable, Sendable {
        /// It is not gzip, or was damaged.
        case malformed
        /// It ends too early.
        case truncated
        /// Something follows its end.
        case trailing
        /// It holds more than the limit.
        case tooLarge
        /// zlib has no memory.
        case failed
    }

    /// What kind of failure it is.
    public var code: Code

    init(_ code: Code) { self.code = code }

    /// One sentence for people.
    public var description: String {
        switch code {
        case .malformed: "the body is not gzip, or is damaged"
        case .truncated: "the gzip body ends too early"
        case .trailing: "something follows the end of the gzip body"
        case .tooLarge: "the gzip body holds more than is allowed"
        case .failed: "there is no memory for gzip"
        }
    }
}
