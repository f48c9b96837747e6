/// What a program change does: a plugin's preset, or another patch.
public struct PatchProgram: Sendable, Equatable {
    /// 1 to 128.
    public var program: Int
    /// Of the bank selected before (controllers 0 and 32), 0 to 16383; nil: any.
    public var bank: Int?
    /// 1 to 16; nil: all.
    public var channel: Int?
    /// The plugin whose preset it is.
    public var plugin: String?
    public var preset: String?
    /// A patch file, beside this one.
    public var patch: String?

    public init(program: Int) { self.program = program }
}
