import Foundation
import Host

/// Control outputs over time as a table: a row for each moment at which some changed.
struct ControlTable {
    private var columns: [String] = []
    private var rows: [(time: Double, values: [Float])] = []

    init(_ changes: [TimedControl], report: Report) {
        let many = Set(changes.map(\.plugin)).count > 1
        func name(_ change: TimedControl) -> String { many ? "\(change.plugin + 1):\(change.symbol)" : change.symbol }
        var places: [String: Int] = [:]
        for change in changes where places[name(change)] == nil {
            places[name(change)] = columns.count
            columns.append(name(change))
        }
        var values = [Float](repeating: 0, count: columns.count)
        for (index, change) in changes.enumerated() {
            values[places[name(change)]!] = change.value
            if index + 1 == changes.count || changes[index + 1].time != change.time {
                rows.append((Double(change.time) / report.sampleRate, values))
            }
        }
    }

    func write(to path: String) throws {
        var text = (["time"] + columns).joined(separator: ",") + "\n"
        for row in rows {
            text += ([String(format: "%.5f", row.time)] + row.values.map { String(format: "%.6g", $0) }).joined(separator: ",") + "\n"
        }
        do {
            try Data(text.utf8).write(to: URL(filePath: path), options: .atomic)
        } catch {
            throw HostError.file(path: path, cause: "cannot be written: \(error.localizedDescription)")
        }
    }
}
