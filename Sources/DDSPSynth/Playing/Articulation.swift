import CRealtime

/// Reads an instrument's profile: velocity and time to loudness (dB).
///
/// Plain functions of their arguments, so that a control that moves in mid-note can be smoothed by comparing the value that was
/// with the value that would have been (`Performer`).
enum Articulation {
    typealias Profile = UnsafePointer<InstrumentProfile>

    /// Loudness of the body at `velocity` (1 … 127): through the four measured points by a monotone cubic (Fritsch and Butland
    /// 1984), under the lowest on in a straight line. Measured points that fall as velocity grows are levelled.
    static func level(_ profile: Profile, velocity: Float) -> Float {
        let y0 = profile.pointee.loudness[0]
        let y1 = max(y0, profile.pointee.loudness[1])
        let y2 = max(y1, profile.pointee.loudness[2])
        let y3 = max(y2, profile.pointee.loudness[3])
        let (d0, d1, d2) = ((y1 - y0) / 34, (y2 - y1) / 36, (y3 - y2) / 27)
        if velocity < 30 { return y0 + (velocity - 30) * max(d0, 0.15) }
        if velocity < 64 { return cubic((velocity - 30) / 34, 34, y0, y1, d0, slope(34, 36, d0, d1)) }
        if velocity < 100 { return cubic((velocity - 64) / 36, 36, y1, y2, slope(34, 36, d0, d1), slope(36, 27, d1, d2)) }
        return cubic(min(1, (velocity - 100) / 27), 27, y2, y3, slope(36, 27, d1, d2), d2)
    }

    /// Loudness with breath in velocity's place: as velocity, but down to nothing.
    static func breathLevel(_ profile: Profile, breath: Float) -> Float {
        let level = level(profile, velocity: 1 + 126 * breath)
        if breath >= 0.125 { return level }
        return breath > 0 ? max(VoiceControl.silence, level + 40 * cr_log10(8 * breath)) : VoiceControl.silence
    }

    /// Loudness against the body's, `time` seconds after the note-on. After the last point a sustained instrument stays where it
    /// is, another goes on falling.
    static func attack(_ profile: Profile, velocity: Float, time: Float) -> Float {
        let time = max(0, time)
        if time >= 2.3 {
            let last = point(profile, velocity, 95)
            if profile.pointee.sustains { return last }
            let fall = (last - point(profile, velocity, 87)) / (8 * 0.064)
            return last + min(-6, fall) * (time - 2.3)
        }
        let position = time < 0.252 ? time * 250 : 63 + (time - 0.252) * (1 / 0.064)
        let index = min(94, Int(position))
        let low = point(profile, velocity, index)
        return low + (point(profile, velocity, index + 1) - low) * (position - Float(index))
    }

    /// Seconds from the note-on until the note has come to its height: what the attack control stretches. Not what follows, or a
    /// plucked string would ring ten times as long.
    static func attackLength(_ profile: Profile, velocity: Float) -> Float {
        var highest: Float = -200
        for index in 0..<96 { highest = max(highest, point(profile, velocity, index)) }
        var index = 0
        while index < 95, point(profile, velocity, index) < highest - 1 { index += 1 }
        return InstrumentProfile.attackTime(index)
    }

    /// Loudness against that at the note's end, `time` seconds after it. Past the last point it falls ever faster, so that every
    /// note ends; what decays by itself is given its time (a harp has no dampers).
    static func release(_ profile: Profile, time: Float) -> Float {
        // Against its own first point: a note's end must not step.
        let first = profile.pointee.release[0]
        guard time > 0 else { return 0 }
        let position = time * (1 / 0.016)
        if position >= 31 {
            let beyond = time - 31 * 0.016
            let last = profile.pointee.release[31]
            let fall = min(0, (last - profile.pointee.release[27]) / (4 * 0.016))
            let hurry: Float = profile.pointee.sustains ? 60 : 6
            return min(3, last - first + fall * beyond - hurry * beyond * beyond)
        }
        let index = Int(position)
        let low = profile.pointee.release[index]
        return min(3, low - first + (profile.pointee.release[index + 1] - low) * (position - Float(index)))
    }

    /// 0 … 1 … with no slope at either end.
    static func ease(_ x: Float) -> Float {
        let x = max(0, min(1, x))
        return x * x * (3 - 2 * x)
    }

    /// Where in the measured curve a note is at `age` seconds: its attack, `length` seconds, is stretched, the rest is not.
    static func curveTime(_ age: Float, _ length: Float, _ stretch: Float) -> Float {
        age < length * stretch ? age / stretch : length + age - length * stretch
    }

    /// A note begins in tune: 0 at first, 1 after 60 ms.
    static func onset(_ age: Float) -> Float { ease(age * (1 / 0.06)) }

    /// 1 for an instrument whose player finds the note from a little below (bow, reed, lips): one that plays vibrato. 0 for keys.
    static func scoops(_ profile: Profile) -> Float {
        profile.pointee.sustains ? (profile.pointee.vibratoDepth > 0 ? 1 : 0) : 0
    }

    /// Attack point `index` between the measured velocities.
    private static func point(_ profile: Profile, _ velocity: Float, _ index: Int) -> Float {
        if velocity <= 30 { return profile.pointee.attack[index] }
        if velocity >= 127 { return profile.pointee.attack[288 + index] }
        let row = velocity < 64 ? 0 : velocity < 100 ? 1 : 2
        let (start, width): (Float, Float) = row == 0 ? (30, 34) : row == 1 ? (64, 36) : (100, 27)
        let low = profile.pointee.attack[96 * row + index]
        return low + (profile.pointee.attack[96 * row + 96 + index] - low) * ((velocity - start) / width)
    }

    private static func slope(_ h0: Float, _ h1: Float, _ d0: Float, _ d1: Float) -> Float {
        d0 > 0 && d1 > 0 ? 3 * (h0 + h1) / ((2 * h1 + h0) / d0 + (h1 + 2 * h0) / d1) : 0
    }

    private static func cubic(_ t: Float, _ h: Float, _ y0: Float, _ y1: Float, _ m0: Float, _ m1: Float) -> Float {
        let u = 1 - t
        let left = (1 + 2 * t) * y0 + t * h * m0
        let right = (1 + 2 * u) * y1 - u * h * m1
        return u * u * left + t * t * right
    }
}
