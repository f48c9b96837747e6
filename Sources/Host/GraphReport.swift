import CHost
import Foundation

extension Graph {
    /// What has been counted so far. The graph must not be running.
    func report(_ events: GraphEvents) -> Report {
        let meter = process.pointee.meter
        var report = Report()
        report.seconds = Double(min(process.pointee.position, process.pointee.limit)) / settings.sampleRate
        report.sampleRate = settings.sampleRate
        report.block = settings.maximumBlock
        if meter.peak > 0, meter.samples > 0 {
            report.peak = 20 * log10(Double(meter.peak))
            report.level = 10 * log10(meter.energy / Double(meter.samples))
        }
        report.notes = Int(meter.notes)
        report.midiEvents = Int(meter.midiEvents)
        report.brokenSamples = Int(meter.broken)
        report.latency = latency
        report.lostEvents = Int(meter.lostEvents)
        report.lostFrames = Int(meter.lostFrames)
        for node in nodes {
            for j in 0..<node.process.pointee.controlMeterCount {
                let meter = node.process.pointee.controlMeters[j]
                let port = node.description.ports[Int(meter.port)]
                guard meter.minimum <= meter.maximum else { continue }
                report.controlOutputs.append(
                    .init(
                        plugin: node.description.name, symbol: port.symbol, minimum: Double(meter.minimum),
                        maximum: Double(meter.maximum), last: Double(meter.value.pointee), unit: port.unit))
            }
        }
        report.parameters = events.parameters
        return report
    }

    /// Fills in the times spent in the callback.
    func addLoad(to report: inout Report) {
        let meter = process.pointee.meter
        guard meter.periods > 0, let loads = meter.loads else { return }
        let period = Double(settings.maximumBlock) / settings.sampleRate * 1e9
        report.load = Double(meter.busyNanoseconds) / Double(meter.periods) / period
        report.loadWorst = Double(meter.worstLoad)
        report.overruns = Int(loads[ProcessMeter.loadBins - 1])
        let used = (0..<ProcessMeter.loadBins).last { loads[$0] > 0 } ?? 0
        report.loadHistogram = (0...used).map { Int(loads[$0]) }
        let wanted = UInt64((Double(meter.periods) * 0.999).rounded(.up))
        var seen: UInt64 = 0
        for bin in 0..<ProcessMeter.loadBins {
            seen += loads[bin]
            if seen >= wanted {
                report.loadAt999 = min(Double(bin + 1) * 0.005, Double(meter.worstLoad))
                break
            }
        }
    }
}
