import Foundation
import FuzzTargets

#if canImport(ControllerFuzzTargets)
    import ControllerFuzzTargets
#endif

/// The target that the command line names.
enum Fuzzing {
    static let target = targets.first { $0.name == CommandLine.arguments.dropFirst().first }

    static var names: [String] { targets.map(\.name) }

    private static let targets: [FuzzTarget] = {
        #if canImport(ControllerFuzzTargets)
            FuzzTarget.all + ControllerTargets.all
        #else
            FuzzTarget.all
        #endif
    }()

    /// Gives it one input, on libFuzzer's own thread, and waits for the end. A finding ends the
    /// process, so that libFuzzer keeps the input.
    static func run(_ start: UnsafePointer<UInt8>?, _ length: Int) -> Int32 {
        let input = Array(UnsafeBufferPointer(start: start, count: length))
        let done = DispatchSemaphore(value: 0)
        Task {
            do {
                try await target?.run(input)
            } catch {
                print("FOUND: \(error)")
                abort()
            }
            done.signal()
        }
        done.wait()
        return 0
    }
}

/// What libFuzzer's own main, which is linked in too, would call.
@_cdecl("LLVMFuzzerTestOneInput")
func testOneInput(_ start: UnsafePointer<UInt8>?, _ length: Int) -> Int32 {
    Fuzzing.run(start, length)
}
