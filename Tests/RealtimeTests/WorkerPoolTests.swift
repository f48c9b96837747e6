import CRealtime
import Realtime
import Synchronization
import Testing

extension PoolTests {
@Suite(.serialized) struct WorkerPoolTests {
    final class Counter: PoolClient, @unchecked Sendable {
        let done = Atomic<Int>(0)
        let inside = Atomic<Int>(0)
        let overlapped = Atomic<Bool>(false)
        override func performNext() {
            if inside.add(1, ordering: .acquiringAndReleasing).oldValue != 0 { overlapped.store(true, ordering: .relaxed) }
            done.add(1, ordering: .acquiringAndReleasing)
            inside.subtract(1, ordering: .acquiringAndReleasing)
        }
    }

    /// Every piece of every client's work is done, once, and never on two threads at a time.
    @Test func doesAllWorkOfManyClientsOnFewThreads() {
        let clients = (0..<64).map { _ in Counter() }
        for client in clients { #expect(WorkerPool.register(client, .inference)) }
        #expect(WorkerPool.status(.inference).threads <= Int(cr_processor_count()))
        let producers = (0..<4).map { group in
            TestThread {
                for _ in 0..<500 { for index in stride(from: group, to: 64, by: 4) { clients[index].submit(deadline: cr_now()) } }
            }
        }
        for producer in producers { producer.join() }
        let start = cr_now()
        while clients.contains(where: { $0.done.load(ordering: .acquiring) < 500 }) && cr_now() - start < 10_000_000_000 {
            cr_sleep(1_000_000)
        }
        for client in clients {
            let done = client.done.load(ordering: .acquiring)
            #expect(done == 500)
            let overlapped = client.overlapped.load(ordering: .relaxed)
            #expect(!overlapped)
            WorkerPool.unregister(client)
        }
        #expect(WorkerPool.status(.inference).threads == 0)
    }

    /// Clients come and go while others work; nothing is forgotten and the threads are gone at the end.
    @Test func clientsComeAndGo() {
        let steady = Counter()
        #expect(WorkerPool.register(steady, .inference))
        for _ in 0..<300 {
            let passing = Counter()
            #expect(WorkerPool.register(passing, .inference))
            passing.submit(deadline: 0)
            steady.submit(deadline: 0)
            WorkerPool.unregister(passing)
        }
        let start = cr_now()
        while steady.done.load(ordering: .acquiring) < 300 && cr_now() - start < 10_000_000_000 { cr_sleep(100_000) }
        let done = steady.done.load(ordering: .acquiring)
        #expect(done == 300)
        WorkerPool.unregister(steady)
        #expect(WorkerPool.status(.inference).threads == 0)
    }

    /// Work may take the process's lock, as loading a model does, while its client is being taken away.
    @Test func workMayTakeTheProcessLockWhileItsClientLeaves() {
        final class Locking: PoolClient, @unchecked Sendable {
            let begun = Atomic<Bool>(false)
            let ended = Atomic<Bool>(false)
            let gone = Atomic<Bool>(false)
            override func performNext() {
                begun.store(true, ordering: .releasing)
                cr_sleep(50_000_000)
                cr_process_lock()
                cr_process_unlock()
                ended.store(true, ordering: .releasing)
            }
        }
        let client = Locking()
        #expect(WorkerPool.register(client, .background))
        client.submit(deadline: 0)
        while !client.begun.load(ordering: .acquiring) { cr_sleep(100_000) }
        let leaving = TestThread {
            WorkerPool.unregister(client)
            client.gone.store(true, ordering: .releasing)
        }
        let start = cr_now()
        while !client.gone.load(ordering: .acquiring) {
            // All other tests need that lock too.
            precondition(cr_now() - start < 10_000_000_000, "work and unregister wait for each other")
            cr_sleep(100_000)
        }
        leaving.join()
        let ended = client.ended.load(ordering: .acquiring)
        #expect(ended)
    }

    /// Of waiting clients the most urgent is served first.
    @Test func mostUrgentFirst() {
        final class Order: @unchecked Sendable {
            let next = Atomic<Int>(0)
            let gate = Atomic<Bool>(false)
        }
        final class Ordered: PoolClient, @unchecked Sendable {
            let order: Order
            var rank = -1
            init(_ order: Order) { self.order = order }
            override func performNext() { rank = order.next.add(1, ordering: .acquiringAndReleasing).oldValue }
        }
        final class Blocker: PoolClient, @unchecked Sendable {
            let order: Order
            init(_ order: Order) { self.order = order }
            override func performNext() {
                while !order.gate.load(ordering: .acquiring) { cr_sleep(100_000) }
            }
        }
        // The background pool has one thread, so the order can be told.
        let order = Order()
        let blocker = Blocker(order)
        let clients = (0..<5).map { _ in Ordered(order) }
        #expect(WorkerPool.register(blocker, .background))
        for client in clients { #expect(WorkerPool.register(client, .background)) }
        blocker.submit(deadline: 0)
        cr_sleep(20_000_000)
        let deadlines: [UInt64] = [50, 20, 40, 10, 30]
        for (client, deadline) in zip(clients, deadlines) { client.submit(deadline: deadline) }
        order.gate.store(true, ordering: .releasing)
        let start = cr_now()
        while order.next.load(ordering: .acquiring) < 5 && cr_now() - start < 5_000_000_000 { cr_sleep(100_000) }
        for client in clients { WorkerPool.unregister(client) }
        WorkerPool.unregister(blocker)
        #expect(clients.map(\.rank) == [4, 1, 3, 0, 2])
    }
}
}
