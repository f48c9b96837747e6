/// Reads the one kind of pickle that `torch.save(module.state_dict())` writes, and nothing else.
///
/// A pickle is a program for a stack machine. General readers run it; this one knows the twenty-odd opcodes, the three
/// constructors and the one shape of result that a dictionary of dense tensors needs. Every other opcode, global, type
/// or arrangement is an error, so nothing a file says is ever executed. Values nest at most three deep by
/// construction, memory is linear in the input, and no reference cycle can be made.
/// Opcodes: Python's Lib/pickletools.py. Layout: torch/_utils.py, `_rebuild_tensor_v2`.
package enum StateDictPickle {
    /// A tensor as the pickle describes it: a contiguous piece of a storage kept in another member of the archive.
    package struct Tensor: Equatable {
        package var name: String
        package var storage: Storage
        /// First element, counted in elements of the storage.
        package var offset: Int
        package var shape: [Int]
    }

    package struct Storage: Equatable {
        package enum Element: String {
            case float32 = "FloatStorage"
            case int64 = "LongStorage"
        }
        package var element: Element
        /// The member `data/KEY` of the archive.
        package var key: String
        /// Elements in the whole storage.
        package var count: Int
    }

    /// The tensors in the file's order.
    /// - Throws: `.checkpoint`, with the byte offset and what was wrong there.
    package static func read(_ bytes: [UInt8]) throws(ModelStoreError) -> [Tensor] {
        var machine = Machine(bytes: bytes)
        return try machine.run()
    }

    /// What may lie on the stack.
    private enum Value {
        case mark
        case none
        case bool(Bool)
        case integer(Int)
        case string(String)
        /// Nested as deep as `depth`: a tuple of scalars has depth 1.
        case tuple([Value], depth: Int)
        case global(Global)
        case storage(Storage)
        case tensor(Tensor)
        /// A plain `dict`: appears only as metadata, so its content is checked to be data and dropped.
        case dictionary
        case ordered(Ordered)
    }

    private enum Global: String {
        case orderedDict = "collections OrderedDict"
        case rebuildTensor = "torch._utils _rebuild_tensor_v2"
        case floatStorage = "torch FloatStorage"
        case longStorage = "torch LongStorage"
    }

    /// An `OrderedDict`. A reference, since the memo and the stack share it while it is being filled.
    private final class Ordered {
        var tensors: [Tensor] = []
        var names: Set<String> = []
        /// The first name that holds something other than a tensor, as metadata does and the result must not.
        var otherName: String?
    }

    private struct Machine {
        let bytes: [UInt8]
        var position = 0
        var stack: [Value] = []
        var memo: [Int: Value] = [:]

        init(bytes: [UInt8]) { self.bytes = bytes }

        func fail(_ cause: String) -> ModelStoreError { .checkpoint("data.pkl, byte \(position): \(cause)") }

        mutating func run() throws(ModelStoreError) -> [Tensor] {
            while true {
                let opcode = try byte()
                switch opcode {
                case 0x80:  // PROTO
                    let version = try byte()
                    guard version == 2 else { throw fail("pickle protocol \(version) where 2 was expected") }
                case UInt8(ascii: "c"):  // GLOBAL
                    let name = try line() + " " + line()
                    guard let global = Global(rawValue: name) else {
                        throw fail("'\(printable(name))' has no place in a state dictionary")
                    }
                    stack.append(.global(global))
                case UInt8(ascii: "q"): try put(Int(byte()))  // BINPUT
                case UInt8(ascii: "r"): try put(integer(bytes: 4))  // LONG_BINPUT
                case UInt8(ascii: "h"): try get(Int(byte()))  // BINGET
                case UInt8(ascii: "j"): try get(integer(bytes: 4))  // LONG_BINGET
                case UInt8(ascii: "("): stack.append(.mark)
                case UInt8(ascii: ")"): stack.append(.tuple([], depth: 1))
                case 0x85: try tuple(1)
                case 0x86: try tuple(2)
                case 0x87: try tuple(3)
                case UInt8(ascii: "t"): try tuple(sinceMark().count, dropMark: true)
                case UInt8(ascii: "X"):  // BINUNICODE
                    let count = try integer(bytes: 4)
                    guard count <= bytes.count - position else { throw fail("a string ends beyond the file") }
                    guard let text = String(validating: bytes[position..<(position + count)], as: UTF8.self) else {
                        throw fail("a string is not UTF-8")
                    }
                    position += count
                    stack.append(.string(text))
                case UInt8(ascii: "K"): stack.append(.integer(Int(try byte())))  // BININT1
                case UInt8(ascii: "M"): stack.append(.integer(try integer(bytes: 2)))  // BININT2
                case UInt8(ascii: "J"):  // BININT
                    stack.append(.integer(Int(Int32(truncatingIfNeeded: try integer(bytes: 4)))))
                case 0x8a: stack.append(.integer(try long()))  // LONG1
                case UInt8(ascii: "N"): stack.append(.none)
                case 0x88: stack.append(.bool(true))
                case 0x89: stack.append(.bool(false))
                case UInt8(ascii: "}"): stack.append(.dictionary)
                case UInt8(ascii: "Q"): stack.append(.storage(try storage(pop())))  // BINPERSID
                case UInt8(ascii: "R"): try reduce()
                case UInt8(ascii: "s"):  // SETITEM
                    let value = try pop(), key = try pop()
                    try set([key, value])
                case UInt8(ascii: "u"):  // SETITEMS
                    let items = try sinceMark()
                    stack.removeLast(items.count + 1)
                    try set(items)
                case UInt8(ascii: "b"):  // BUILD: torch hangs its `_metadata` on the dictionary this way
                    guard case .dictionary = try pop(), case .ordered = stack.last else {
                        throw fail("BUILD of something other than a dictionary")
                    }
                case UInt8(ascii: "."): return try result()
                default: throw fail("opcode \(String(opcode, radix: 16)) has no place in a state dictionary")
                }
            }
        }

        // MARK: Bytes

        mutating func byte() throws(ModelStoreError) -> UInt8 {
            guard position < bytes.count else { throw fail("the file ends early") }
            position += 1
            return bytes[position - 1]
        }

        /// A little-endian unsigned integer.
        mutating func integer(bytes count: Int) throws(ModelStoreError) -> Int {
            guard count <= bytes.count - position else { throw fail("the file ends early") }
            var value = 0
            for i in 0..<count { value |= Int(bytes[position + i]) << (8 * i) }
            position += count
            return value
        }

        /// LONG1: a length, then that many bytes of a little-endian two's complement number.
        mutating func long() throws(ModelStoreError) -> Int {
            let count = Int(try byte())
            guard count <= 8 else { throw fail("an integer of \(count) bytes") }
            guard count > 0 else { return 0 }
            let shift = 64 - 8 * count
            return (try integer(bytes: count) << shift) >> shift  // sign extension
        }

        mutating func line() throws(ModelStoreError) -> String {
            guard let end = bytes[position...].prefix(256).firstIndex(of: UInt8(ascii: "\n")) else {
                throw fail("a name without an end")
            }
            defer { position = end + 1 }
            return String(decoding: bytes[position..<end], as: UTF8.self)
        }

        // MARK: Stack and memo

        mutating func pop() throws(ModelStoreError) -> Value {
            guard let value = stack.popLast() else { throw fail("the stack is empty") }
            if case .mark = value { throw fail("a mark where a value was expected") }
            return value
        }

        func sinceMark() throws(ModelStoreError) -> [Value] {
            guard let mark = stack.lastIndex(where: { if case .mark = $0 { true } else { false } }) else {
                throw fail("no mark on the stack")
            }
            return Array(stack[(mark + 1)...])
        }

        mutating func put(_ index: Int) throws(ModelStoreError) {
            guard let value = stack.last else { throw fail("the stack is empty") }
            if case .mark = value { throw fail("a mark where a value was expected") }
            memo[index] = value
        }

        mutating func get(_ index: Int) throws(ModelStoreError) {
            guard let value = memo[index] else { throw fail("nothing was stored as \(index)") }
            stack.append(value)
        }

        mutating func tuple(_ count: Int, dropMark: Bool = false) throws(ModelStoreError) {
            guard count <= stack.count else { throw fail("the stack is empty") }
            let values = Array(stack.suffix(count))
            var depth = 1
            for value in values {
                if case .mark = value { throw fail("a mark where a value was expected") }
                if case .tuple(_, let inner) = value { depth = max(depth, inner + 1) }
            }
            // A tensor's description is two deep; unlimited depth would let a file exhaust the call stack.
            guard depth <= 4 else { throw fail("tuples nested too deep") }
            stack.removeLast(count + (dropMark ? 1 : 0))
            stack.append(.tuple(values, depth: depth))
        }

        // MARK: Meaning

        /// A persistent id: ('storage', StorageType, key, device, elements).
        func storage(_ value: Value) throws(ModelStoreError) -> Storage {
            guard case .tuple(let parts, _) = value, parts.count == 5, case .string("storage") = parts[0],
                case .global(let type) = parts[1], case .string(let key) = parts[2], case .string = parts[3],
                case .integer(let count) = parts[4], count >= 0
            else { throw fail("a persistent id that is no storage") }
            guard !key.isEmpty, key.utf8.allSatisfy({ UInt8(ascii: "0") <= $0 && $0 <= UInt8(ascii: "9") }) else {
                throw fail("a storage named '\(printable(key))'")
            }
            switch type {
            case .floatStorage: return Storage(element: .float32, key: key, count: count)
            case .longStorage: return Storage(element: .int64, key: key, count: count)
            case .orderedDict, .rebuildTensor: throw fail("a persistent id that is no storage")
            }
        }

        mutating func reduce() throws(ModelStoreError) {
            guard case .tuple(let arguments, _) = try pop(), case .global(let function) = try pop() else {
                throw fail("a call without a function or arguments")
            }
            switch function {
            case .orderedDict:
                guard arguments.isEmpty else { throw fail("an OrderedDict made from arguments") }
                stack.append(.ordered(Ordered()))
            case .rebuildTensor: stack.append(.tensor(try tensor(arguments)))
            case .floatStorage, .longStorage: throw fail("a storage type called as a function")
            }
        }

        /// (storage, offset, shape, strides, requires_grad, backward_hooks).
        func tensor(_ arguments: [Value]) throws(ModelStoreError) -> Tensor {
            guard arguments.count == 6, case .storage(let storage) = arguments[0],
                case .integer(let offset) = arguments[1], case .tuple(let sizes, _) = arguments[2],
                case .tuple(let steps, _) = arguments[3], case .bool = arguments[4], case .ordered = arguments[5]
            else { throw fail("a tensor whose description has another form") }
            let shape = try integers(sizes), strides = try integers(steps)
            guard shape.count == strides.count, shape.count <= 8 else { throw fail("shape and strides do not match") }
            var expected = 1
            for (size, stride) in zip(shape, strides).reversed() {
                // The stride of a dimension of one element means nothing.
                guard size <= 1 || stride == expected else { throw fail("a tensor that is not contiguous") }
                let (product, overflow) = expected.multipliedReportingOverflow(by: size)
                guard !overflow else { throw fail("a tensor of impossible size") }
                expected = product
            }
            let (end, overflow) = offset.addingReportingOverflow(expected)
            guard offset >= 0, !overflow, end <= storage.count else { throw fail("a tensor reaches beyond its storage") }
            return Tensor(name: "", storage: storage, offset: offset, shape: shape)
        }

        func integers(_ values: [Value]) throws(ModelStoreError) -> [Int] {
            var result: [Int] = []
            for value in values {
                guard case .integer(let number) = value, number >= 0 else { throw fail("a size that is no number") }
                result.append(number)
            }
            return result
        }

        /// Stores key, value, key, value, … in the dictionary on top of the stack.
        func set(_ items: [Value]) throws(ModelStoreError) {
            guard items.count % 2 == 0 else { throw fail("a key without a value") }
            guard let target = stack.last else { throw fail("the stack is empty") }
            for i in stride(from: 0, to: items.count, by: 2) {
                guard case .string(let name) = items[i] else { throw fail("a key that is no string") }
                switch (target, items[i + 1]) {
                case (.ordered(let dictionary), .tensor(var tensor)):
                    guard dictionary.names.insert(name).inserted else {
                        throw fail("'\(printable(name))' stands there twice")
                    }
                    tensor.name = name
                    dictionary.tensors.append(tensor)
                case (.ordered(let dictionary), .dictionary): dictionary.otherName = dictionary.otherName ?? name
                case (.dictionary, .ordered), (.dictionary, .integer), (.dictionary, .string), (.dictionary, .bool),
                    (.dictionary, .none):
                    break  // metadata
                default: throw fail("'\(printable(name))' is neither a tensor nor metadata")
                }
            }
        }

        mutating func result() throws(ModelStoreError) -> [Tensor] {
            guard position == bytes.count else { throw fail("more data after the end") }
            guard stack.count == 1, case .ordered(let dictionary) = stack[0] else {
                throw fail("the result is no dictionary of tensors")
            }
            if let name = dictionary.otherName { throw fail("'\(printable(name))' is no tensor") }
            return dictionary.tensors
        }

        /// At most 60 characters of a hostile string, fit for a terminal.
        func printable(_ text: String) -> String {
            String(text.unicodeScalars.prefix(60).map { $0.properties.generalCategory == .control ? "?" : Character($0) })
        }
    }
}
