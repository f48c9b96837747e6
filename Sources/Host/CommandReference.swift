extension HostSession {
    /// All commands by kind, as Markdown: what docs/COMMANDS.md holds.
    public static var commandReference: String {
        var text = """
            # Commands of the host

            What `continuo host` takes at its console and at its remote port ([HOST.md](HOST.md)); `continuo host --list-commands` prints this, \
            `help COMMAND` a part of it. Arguments in the order in which they are written; those in brackets may be left out. Those of \
            mod-host have its names, arguments and answers.

            """
        for (title, commands) in RemoteCommand.groups {
            text += "\n## \(title)\n\n| command | does | for example |\n|---|---|---|\n"
            for command in commands {
                let optional = command.arguments.count - command.optional
                let arguments = command.arguments.enumerated().map { index, argument in
                    index < optional || argument.hasPrefix("[") ? argument : "[\(argument)]"
                }
                let usage = ([command.name] + arguments).joined(separator: " ") + (command.isVariadic ? " …" : "")
                text += "| `\(usage)` | \(command.summary) | `\(command.example)` |\n"
            }
        }
        return text
    }
}
