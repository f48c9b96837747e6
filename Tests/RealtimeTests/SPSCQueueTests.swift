import Realtime
import Synchronization
import Testing

@Suite struct SPSCQueueTests {
    /// The queue against an ordinary array, over random interleavings of both sides' operations.
    @Test(arguments: 0..<200) func behavesAsAQueue(seed: Int) {
        var random = SeededGenerator(UInt64(seed))
        let queue = SPSCQueue<Int>(minimumCapacity: Int.random(in: 1...40, using: &random))
        let capacity = queue.capacity
        var model: [Int] = []
        var next = 0
        var buffer = [Int](repeating: 0, count: 64)
        for _ in 0..<2000 {
            switch Int.random(in: 0..<7, using: &random) {
            case 0, 1:
                let pushed = queue.push(next)
                #expect(pushed == (model.count < capacity))
                if pushed { model.append(next) }
                next += 1
            case 2:
                let count = Int.random(in: 0...(queue.capacity + 1), using: &random)
                let elements = Array(next..<(next + count))
                let pushed = queue.push(elements, count: count)
                #expect(pushed == (model.count + count <= capacity))
                if pushed { model += elements }
                next += count
            case 3:
                let popped = queue.pop()
                #expect(popped == (model.isEmpty ? nil : model.removeFirst()))
            case 4:
                let oldest = queue.peek()
                #expect(oldest == model.first)
            case 5:
                let count = Int.random(in: 0...min(64, queue.capacity), using: &random)
                let popped = queue.pop(into: &buffer, count: count)
                #expect(popped == (count <= model.count))
                if popped {
                    #expect(Array(buffer[0..<count]) == Array(model[0..<count]))
                    model.removeFirst(count)
                }
            default:
                let (count, room) = (queue.count, queue.room)
                #expect(count == model.count)
                #expect(room == capacity - model.count)
            }
        }
        queue.drain()
        let left = queue.count
        #expect(left == 0)
    }

    /// Two threads, a million elements, in order and complete. ThreadSanitizer runs this too.
    @Test func carriesEverythingInOrderBetweenThreads() {
        final class Shared: @unchecked Sendable {
            let queue = SPSCQueue<Int>(minimumCapacity: 61)
            let wrong = Atomic<Int>(0)
        }
        let shared = Shared()
        let total = 1_000_000
        let producer = TestThread {
            var random = SeededGenerator(1)
            var next = 0
            var batch = [Int](repeating: 0, count: 32)
            while next < total {
                let count = min(Int.random(in: 1...32, using: &random), total - next)
                for i in 0..<count { batch[i] = next + i }
                if count == 1 ? shared.queue.push(next) : shared.queue.push(batch, count: count) { next += count }
            }
        }
        let consumer = TestThread {
            var random = SeededGenerator(2)
            var expected = 0
            var batch = [Int](repeating: 0, count: 32)
            while expected < total {
                if Bool.random(using: &random) {
                    if let element = shared.queue.pop() {
                        if element != expected { shared.wrong.add(1, ordering: .relaxed) }
                        expected += 1
                    }
                } else {
                    let count = min(Int.random(in: 1...32, using: &random), total - expected)
                    if shared.queue.pop(into: &batch, count: count) {
                        for i in 0..<count where batch[i] != expected + i { shared.wrong.add(1, ordering: .relaxed) }
                        expected += count
                    }
                }
            }
        }
        producer.join()
        consumer.join()
        let wrong = shared.wrong.load(ordering: .relaxed)
        #expect(wrong == 0)
        let left = shared.queue.count
        #expect(left == 0)
    }
}
