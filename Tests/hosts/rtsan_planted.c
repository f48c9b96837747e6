/// Continuo Pitch, or with PLANT_SYNTH Continuo Synth, or with PLANT_BASS Continuo Bass, with a fault planted in its run(), for the real-time sanitizer to find. PLANT:
/// 1 allocates, 2 locks a mutex, 3 sleeps, 4 writes to a file.
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

static void fault(void) {
#if PLANT == 1
    void* volatile memory = malloc(64);
    free(memory);
#elif PLANT == 2
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&mutex);
    pthread_mutex_unlock(&mutex);
#elif PLANT == 3
    usleep(1);
#elif PLANT == 4
    if (write(2, "", 0)) return;
#endif
}

// Only once there was something to hear, so that the sound must have come this far.
#ifdef PLANT_SYNTH
#include "CDDSPSynth.h"
static void planted_process(continuo_synth* synth, continuo_synth_io* io) {
    continuo_synth_process(synth, io);
    if (io->pitch > 0) fault();
}
#define continuo_synth_process planted_process
#include "../../Plugins/Synth/synth.c"
#elif defined PLANT_BASS
#include "CBassGenerator.h"
static void planted_process(continuo_bass* bass, continuo_bass_io* io) {
    continuo_bass_process(bass, io);
    if (io->is_playing) fault();
}
#define continuo_bass_process planted_process
#include "../../Plugins/Bass/bass.c"
#else
#include "CPitchTracker.h"
static void planted_process(continuo_pitch* tracker, continuo_pitch_io* io) {
    continuo_pitch_process(tracker, io);
    if (io->frequency > 0) fault();
}
#define continuo_pitch_process planted_process
#include "../../Plugins/Pitch/pitch.c"
#endif
