import Realtime
import Synchronization
import Testing

@Suite struct LatestValueTests {
    /// Against a plain variable, over random interleavings of writes and reads.
    @Test(arguments: 0..<200) func holdsTheLatest(seed: Int) {
        var random = SeededGenerator(UInt64(seed))
        let exchange = LatestValue<Int>(-1)
        var latest = -1
        var seen = true
        for step in 0..<1000 {
            switch Int.random(in: 0..<3, using: &random) {
            case 0:
                exchange.write(step)
                latest = step
                seen = false
            case 1:
                let value = exchange.read()
                #expect(value == latest)
                seen = true
            default:
                let value = exchange.readIfFresh()
                #expect(value == (seen ? nil : latest))
                seen = true
            }
        }
    }

    /// A value of many words, written and read at full speed by two threads, is never torn and never goes back.
    @Test func neverTearsOrGoesBack() {
        struct Wide: BitwiseCopyable {
            var a: Int, b: Int, c: Int, d: Int, e: Int, f: Int, g: Int, h: Int
            init(_ v: Int) { (a, b, c, d, e, f, g, h) = (v, v, v, v, v, v, v, v) }
            var isWhole: Bool { a == b && b == c && c == d && d == e && e == f && f == g && g == h }
        }
        final class Shared: @unchecked Sendable {
            let exchange = LatestValue<Wide>(Wide(0))
            let wrong = Atomic<Int>(0)
        }
        let shared = Shared()
        let last = 1_000_000
        let writer = TestThread { for value in 1...last { shared.exchange.write(Wide(value)) } }
        let reader = TestThread {
            var before = 0
            while before < last {
                let value = shared.exchange.read()
                if !value.isWhole || value.a < before { shared.wrong.add(1, ordering: .relaxed) }
                before = value.a
            }
        }
        writer.join()
        reader.join()
        let wrong = shared.wrong.load(ordering: .relaxed)
        #expect(wrong == 0)
    }
}
