/// An order in which everything comes after what it depends on.
enum GraphOrder {
    /// - Parameter arcs: (from, to).
    /// - Returns: the elements in order, stable: what could run in the order given does; or the elements of a cycle, each
    ///   leading to the next and the last to the first.
    static func sort<Element: Hashable>(_ elements: [Element], arcs: [(Element, Element)]) -> Result<Element> {
        var followers: [Element: [Element]] = [:]
        var waiting: [Element: Int] = [:]
        for element in elements { waiting[element] = 0 }
        for (from, to) in arcs where waiting[from] != nil && waiting[to] != nil {
            followers[from, default: []].append(to)
            waiting[to]! += 1
        }
        var order: [Element] = []
        var left = elements
        while !left.isEmpty {
            guard let next = left.firstIndex(where: { waiting[$0] == 0 }) else { break }
            let element = left.remove(at: next)
            order.append(element)
            for follower in followers[element] ?? [] { waiting[follower]! -= 1 }
        }
        if left.isEmpty { return Result(order: order, cycle: []) }
        // All that is left waits for something that is left: walking back from anywhere must come round.
        var predecessors: [Element: Element] = [:]
        let rest = Set(left)
        for (from, to) in arcs where rest.contains(from) && rest.contains(to) { predecessors[to] = from }
        var path: [Element] = []
        var at = left[0]
        while !path.contains(at) {
            path.append(at)
            at = predecessors[at] ?? at
        }
        let cycle = Array(path[path.firstIndex(of: at)!...].reversed())
        // Told from the one that comes first.
        let first = elements.first { cycle.contains($0) }.flatMap { cycle.firstIndex(of: $0) } ?? 0
        return Result(order: order, cycle: Array(cycle[first...] + cycle[..<first]))
    }

    struct Result<Element> {
        var order: [Element]
        /// Empty if all could be ordered.
        var cycle: [Element]
    }
}
