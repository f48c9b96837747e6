import DDSPSynth
import Testing

@Suite struct TimelineTests {
    @Test func framesLieEveryFourMilliseconds() {
        let timeline = Timeline(sampleRate: 44_100)
        #expect(timeline.frameTime(0) == 0)
        #expect(timeline.frameTime(1) == 177)  // 176.4, upwards
        #expect(timeline.frameTime(250) == 44_100)
    }
}
