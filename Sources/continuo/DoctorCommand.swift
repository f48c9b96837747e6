import ArgumentParser
import Foundation
import Host

struct DoctorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor", abstract: "Looks at what threatens real time on this machine, and says what to do.",
        discussion: """
            Reads limits, clock speeds, cores, load, kernel and JACK, and watches for two seconds how late a thread is woken. Changes
            nothing. Look while everything runs that will run on stage.

            Ends with 1 if there is a problem, with 0 otherwise (warnings and notes are none).

            Examples:
              continuo doctor
              continuo doctor --seconds 60      watch for a minute
              continuo doctor --json
            """)

    @Option(help: "Seconds to watch load and wake-ups.")
    var seconds = 2.0

    @Option(help: "The JACK server's name.")
    var server: String?

    @Flag(name: .long, help: "Prints JSON: the facts, and what they mean.")
    var json = false

    func validate() throws {
        guard seconds >= 0.1, seconds <= 86_400 else { throw ValidationError("--seconds takes 0.1 to 86400") }
    }

    func run() throws {
        struct Result: Encodable {
            var facts: SystemFacts
            var diagnoses: [Diagnosis]
        }
        if !json, seconds > 3 { Console.say("watching for \(Console.duration(seconds)) …") }
        let facts = SystemFacts.collect(world: World(), seconds: seconds, server: server)
        let diagnoses = Doctor.examine(facts)
        Console.print(json ? try Console.json(Result(facts: facts, diagnoses: diagnoses)) : Self.text(diagnoses))
        let worst = diagnoses.map(\.level).max() ?? .good
        if worst == .problem { throw ExitCode(1) }
    }

    static func text(_ diagnoses: [Diagnosis]) -> String {
        let width = diagnoses.map(\.subject.count).max() ?? 0
        var lines: [String] = []
        for diagnosis in diagnoses {
            let mark =
                switch diagnosis.level {
                case .good: "ok      "
                case .note: "note    "
                case .warning: "warning "
                case .problem: "problem "
                }
            let subject = diagnosis.subject.padding(toLength: width, withPad: " ", startingAt: 0)
            lines.append("\(mark)\(subject)  \(diagnosis.finding)")
            for line in diagnosis.remedy { lines.append(String(repeating: " ", count: 8 + width + 2) + "→ " + line) }
        }
        let problems = diagnoses.filter { $0.level == .problem }.count, warnings = diagnoses.filter { $0.level == .warning }.count
        lines.append("")
        lines.append(
            problems + warnings == 0
                ? "Nothing here threatens real time."
                : "\(problems) problem\(problems == 1 ? "" : "s"), \(warnings) warning\(warnings == 1 ? "" : "s").")
        return lines.joined(separator: "\n")
    }
}
