// libFuzzer's driver on one of the targets: `tollkeeper-fuzz TARGET [LIBFUZZER-ARGUMENT]...`; the
// targets' names without one. `scripts/fuzz` builds it with the sanitizers.
import Foundation

@_silgen_name("LLVMFuzzerRunDriver")
func runDriver(
    _ count: UnsafeMutablePointer<Int32>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?>,
    _ test: @convention(c) (UnsafePointer<UInt8>?, Int) -> Int32
) -> Int32

let words = CommandLine.arguments
if Fuzzing.target == nil {
    print(Fuzzing.names.joined(separator: "\n"))
    exit(words.count > 1 ? 64 : 0)
}
var count = Int32(words.count - 1)
var list: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = .allocate(capacity: words.count)
for (index, word) in ([words[0]] + words.dropFirst(2)).enumerated() { list?[index] = strdup(word) }
list?[Int(count)] = nil
exit(runDriver(&count, &list) { Fuzzing.run($0, $1) })
