import Foundation
import Host

/// A plugin made for these tests, compiled when they run: it tells on control ports what the host told it.
struct ProbePlugin {
    static let uri = "urn:continuo:test:probe"
    let scratch: ScratchFolder
    let world: World

    /// - Parameters:
    ///   - extra: more Turtle for the plugin's own description.
    ///   - defines: `-D` options for its C source.
    ///   - hasEnabled: whether it bypasses itself.
    init(extra: String = "", defines: [String] = [], hasBinary: Bool = true, hasEnabled: Bool = true) throws {
        scratch = try ScratchFolder()
        let turtle = ProbePlugin.turtle(extra)
        try scratch.write(
            "lv2/probe.lv2/manifest.ttl",
            hasEnabled ? turtle : turtle.replacingOccurrences(of: "lv2:designation lv2:enabled ; ", with: ""))
        let source = try scratch.write("probe.c", ProbePlugin.source)
        if hasBinary {
            let compiler = Process()
            compiler.executableURL = URL(fileURLWithPath: "/usr/bin/env")
            compiler.arguments = ["clang", "-shared", "-fPIC", "-O1", source, "-o", scratch.file("lv2/probe.lv2/probe.so")]
                + defines.map { "-D\($0)" }
            try compiler.run()
            compiler.waitUntilExit()
            guard compiler.terminationStatus == 0 else { throw CocoaError(.executableLoad) }
        }
        world = World(path: "\(scratch.file("lv2")):/usr/lib/lv2:/usr/local/lib/lv2")
    }

    static let controls = [
        "sample_rate", "minimum_block", "maximum_block", "nominal_block", "sequence_size", "features", "longest_block",
        "last_free_wheeling", "last_enabled", "last_tempo", "positions", "optional_cv", "atom_capacity", "runs", "options_told",
        "worked_at_once",
    ]

    private static func turtle(_ extra: String) -> String {
        var ports = """
            [ a lv2:InputPort, lv2:AudioPort ; lv2:index 0 ; lv2:symbol "in" ; lv2:name "In" ] ,
            [ a lv2:OutputPort, lv2:AudioPort ; lv2:index 1 ; lv2:symbol "out" ; lv2:name "Out" ] ,
            [ a lv2:InputPort, atom:AtomPort ; atom:bufferType atom:Sequence ; atom:supports time:Position ;
              lv2:designation lv2:control ; rsz:minimumSize 70000 ; lv2:index 2 ; lv2:symbol "control" ; lv2:name "Control" ] ,
            [ a lv2:OutputPort, atom:AtomPort ; atom:bufferType atom:Sequence ; rsz:minimumSize 70000 ;
              lv2:index 3 ; lv2:symbol "notify" ; lv2:name "Notify" ] ,
            [ a lv2:InputPort, lv2:ControlPort ; lv2:designation lv2:freeWheeling ; lv2:portProperty lv2:toggled ;
              lv2:index 4 ; lv2:symbol "free" ; lv2:name "Free" ; lv2:default 0 ; lv2:minimum 0 ; lv2:maximum 1 ] ,
            [ a lv2:InputPort, lv2:ControlPort ; lv2:designation lv2:enabled ; lv2:portProperty lv2:toggled ;
              lv2:index 5 ; lv2:symbol "enabled" ; lv2:name "Enabled" ; lv2:default 1 ; lv2:minimum 0 ; lv2:maximum 1 ] ,
            [ a lv2:InputPort, lv2:ControlPort ; lv2:designation time:beatsPerMinute ;
              lv2:index 6 ; lv2:symbol "bpm" ; lv2:name "Tempo" ; lv2:default 1 ; lv2:minimum 0 ; lv2:maximum 999 ] ,
            [ a lv2:InputPort, lv2:CVPort ; lv2:portProperty lv2:connectionOptional ;
              lv2:index 7 ; lv2:symbol "cv" ; lv2:name "CV" ] ,
            [ a lv2:OutputPort, lv2:ControlPort ; lv2:designation lv2:latency ; lv2:portProperty lv2:reportsLatency ;
              lv2:index 8 ; lv2:symbol "latency" ; lv2:name "Latency" ] ,
            [ a lv2:InputPort, lv2:ControlPort ; lv2:index 9 ; lv2:symbol "delay" ; lv2:name "Delay" ;
              lv2:default 0 ; lv2:minimum 0 ; lv2:maximum 4000 ]
            """
        for (i, symbol) in controls.enumerated() {
            ports += """
                 ,
                [ a lv2:OutputPort, lv2:ControlPort ; lv2:index \(10 + i) ; lv2:symbol "\(symbol)" ; lv2:name "\(symbol)" ]
                """
        }
        return """
            @prefix atom: <http://lv2plug.in/ns/ext/atom#> .
            @prefix bufsz: <http://lv2plug.in/ns/ext/buf-size#> .
            @prefix doap: <http://usefulinc.com/ns/doap#> .
            @prefix lv2: <http://lv2plug.in/ns/lv2core#> .
            @prefix opts: <http://lv2plug.in/ns/ext/options#> .
            @prefix rsz: <http://lv2plug.in/ns/ext/resize-port#> .
            @prefix time: <http://lv2plug.in/ns/ext/time#> .
            @prefix urid: <http://lv2plug.in/ns/ext/urid#> .
            <\(uri)> a lv2:Plugin ; lv2:binary <probe.so> ; doap:name "Probe" ;
              lv2:requiredFeature urid:map, opts:options, bufsz:boundedBlockLength ; \(extra)
              lv2:port \(ports) .
            """
    }

    private static let source = #"""
        #include <lv2/atom/util.h>
        #include <lv2/buf-size/buf-size.h>
        #include <lv2/core/lv2.h>
        #include <lv2/log/log.h>
        #include <lv2/options/options.h>
        #include <lv2/parameters/parameters.h>
        #include <lv2/time/time.h>
        #include <lv2/urid/urid.h>
        #include <lv2/worker/worker.h>
        #include <math.h>
        #include <stdlib.h>
        #include <string.h>
        #include <time.h>

        enum { CONTROLS = 16, DELAY = 4096 };
        typedef struct {
            void* ports[10 + CONTROLS];
            float told[CONTROLS];
            float line[DELAY];
            unsigned at;
            LV2_URID position;
            LV2_URID_Map* map;
            LV2_Log_Log* log;
            const LV2_Worker_Schedule* schedule;
            volatile int works;
        } Probe;

        static LV2_Handle instantiate(
            const LV2_Descriptor* d, double rate, const char* bundle, const LV2_Feature* const* features) {
            Probe* probe = calloc(1, sizeof(Probe));
            LV2_URID_Map* map = NULL;
            const LV2_Options_Option* options = NULL;
            for (int i = 0; features[i]; ++i) {
                if (!strcmp(features[i]->URI, LV2_LOG__log)) probe->log = features[i]->data;
                if (!strcmp(features[i]->URI, LV2_WORKER__schedule)) probe->schedule = features[i]->data;
                if (!strcmp(features[i]->URI, LV2_URID__map)) map = features[i]->data;
                if (!strcmp(features[i]->URI, LV2_OPTIONS__options)) options = features[i]->data;
                if (!strcmp(features[i]->URI, LV2_BUF_SIZE__boundedBlockLength)) probe->told[5] += 1;
                if (!strcmp(features[i]->URI, LV2_BUF_SIZE__fixedBlockLength)) probe->told[5] += 2;
                if (!strcmp(features[i]->URI, LV2_BUF_SIZE__powerOf2BlockLength)) probe->told[5] += 4;
                if (!strcmp(features[i]->URI, LV2_CORE__isLive)) probe->told[5] += 8;
            }
        #ifdef REFUSE
            free(probe);
            return NULL;
        #endif
            probe->map = map;
            probe->position = map->map(map->handle, LV2_TIME__Position);
            const char* names[] = {
                LV2_PARAMETERS__sampleRate, LV2_BUF_SIZE__minBlockLength, LV2_BUF_SIZE__maxBlockLength,
                "http://lv2plug.in/ns/ext/buf-size#nominalBlockLength", LV2_BUF_SIZE__sequenceSize};
            for (; options && options->key; ++options) {
                for (int i = 0; i < 5; ++i) {
                    if (options->key != map->map(map->handle, names[i])) continue;
                    probe->told[i] = i == 0 ? *(const float*)options->value : (float)*(const int32_t*)options->value;
                }
            }
            return probe;
        }

        static void connect_port(LV2_Handle handle, uint32_t port, void* data) { ((Probe*)handle)->ports[port] = data; }

        static void run(LV2_Handle handle, uint32_t frames) {
            Probe* probe = handle;
            const float* in = probe->ports[0];
            float* out = probe->ports[1];
            const LV2_Atom_Sequence* control = probe->ports[2];
            const unsigned delay = (unsigned)*(const float*)probe->ports[9];
            for (uint32_t i = 0; i < frames; ++i) {
                probe->line[probe->at % DELAY] = in[i];
                out[i] = probe->line[(probe->at + DELAY - delay) % DELAY];
                ++probe->at;
            }
        #ifdef MISBEHAVE
            // What "delay" asks for: 1 no number, 2 far too loud, 3 far too slow, 4 more atoms than there is room for.
            for (uint32_t i = 0; i < frames && delay == 1; ++i) out[i] = NAN;
            for (uint32_t i = 0; i < frames && delay == 2; ++i) out[i] = 1e6f;
            if (delay == 3) {
                struct timespec then, now;
                clock_gettime(CLOCK_MONOTONIC, &then);
                do clock_gettime(CLOCK_MONOTONIC, &now);
                while ((now.tv_sec - then.tv_sec) * 1000000000L + now.tv_nsec - then.tv_nsec < 4000000L);
            }
        #endif
            LV2_ATOM_SEQUENCE_FOREACH(control, event) {
                const LV2_Atom_Object* object = (const LV2_Atom_Object*)&event->body;
                if (object->body.otype == probe->position) probe->told[10] += 1;
            }
        #ifdef LOGS
            if (probe->told[13] == 2 && probe->log) {
                probe->log->printf(
                    probe->log->handle, probe->map->map(probe->map->handle, LV2_LOG__Warning), "hello from run %d\n", 3);
            }
        #endif
            if (frames > probe->told[6]) probe->told[6] = (float)frames;
            probe->told[7] = *(const float*)probe->ports[4];
            probe->told[8] = *(const float*)probe->ports[5];
            probe->told[9] = *(const float*)probe->ports[6];
            probe->told[11] = probe->ports[7] != NULL;
            probe->told[12] = (float)((const LV2_Atom*)probe->ports[3])->size;
            probe->told[13] += 1;
            // Whether work that takes its time is done when it has been asked for.
            if (probe->schedule && frames > 0) {
                const int before = probe->works;
                probe->schedule->schedule_work(probe->schedule->handle, 1, "");
                probe->told[15] = probe->works != before;
            }
            ((LV2_Atom_Sequence*)probe->ports[3])->atom.size = 8;
            ((LV2_Atom_Sequence*)probe->ports[3])->atom.type = ((const LV2_Atom*)control)->type;
        #ifdef MISBEHAVE
            if (delay == 4) ((LV2_Atom_Sequence*)probe->ports[3])->atom.size = 1u << 30;
        #endif
            *(float*)probe->ports[8] = (float)delay;
            for (int i = 0; i < CONTROLS; ++i) *(float*)probe->ports[10 + i] = probe->told[i];
        }

        static void cleanup(LV2_Handle handle) { free(handle); }

        // Counts the options that it is told of by its own interface, if they are what its features said.
        static uint32_t get_options(LV2_Handle handle, LV2_Options_Option* options) { return LV2_OPTIONS_ERR_UNKNOWN; }
        static uint32_t set_options(LV2_Handle handle, const LV2_Options_Option* options) {
            Probe* probe = handle;
            for (; options->key; ++options) {
                if (options->key == probe->map->map(probe->map->handle, LV2_BUF_SIZE__maxBlockLength) &&
                    *(const int32_t*)options->value == (int32_t)probe->told[2]) probe->told[14] += 1;
            }
            return LV2_OPTIONS_SUCCESS;
        }
        static LV2_Worker_Status work(
            LV2_Handle handle, LV2_Worker_Respond_Function respond, LV2_Worker_Respond_Handle to, uint32_t size, const void* data) {
            nanosleep(&(struct timespec){0, 2000000}, NULL);
            ((Probe*)handle)->works += 1;
            return LV2_WORKER_SUCCESS;
        }
        static LV2_Worker_Status work_response(LV2_Handle handle, uint32_t size, const void* data) { return LV2_WORKER_SUCCESS; }
        static const void* extension(const char* uri) {
            static const LV2_Options_Interface options = {get_options, set_options};
            static const LV2_Worker_Interface worker = {work, work_response, NULL};
            if (!strcmp(uri, LV2_WORKER__interface)) return &worker;
            return strcmp(uri, LV2_OPTIONS__interface) ? NULL : &options;
        }

        static const LV2_Descriptor descriptor = {
            "urn:continuo:test:probe", instantiate, connect_port, NULL, run, NULL, cleanup, extension};
        LV2_SYMBOL_EXPORT
        const LV2_Descriptor* lv2_descriptor(uint32_t index) { return index == 0 ? &descriptor : NULL; }
        """#
}

extension Report {
    /// The last value of a control output.
    func last(_ symbol: String) -> Double? { controlOutputs.last { $0.symbol == symbol }?.last }
}
