/// loads BUNDLE: loading and unloading the plugin, as scans and sessions do it. Prints one line a check.
///
/// - loads BUNDLE --time: only the milliseconds of this process's first dlopen
#include <malloc.h>

#include SUBJECT  // pitch_host.h, synth_host.h or bass_host.h

static long status_field(const char* name) {
    char line[256];
    long value = -1;
    FILE* file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof line, file))
        if (!strncmp(line, name, strlen(name))) value = strtol(line + strlen(name) + 1, NULL, 10);
    if (file) fclose(file);
    return value;
}
static long threads(void) { return status_field("Threads"); }
static long resident_kilobytes(void) { return status_field("VmRSS"); }

/// Bytes that somebody allocated and has not freed.
static long held(void) {
    const struct mallinfo2 info = mallinfo2();
    return (long)(info.uordblks + info.hblkhd);
}

static char path[8192];

static void* load(void) {
    void* library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        printf("not ok - dlopen: %s\n", dlerror());
        exit(1);
    }
    return library;
}

static float sound[512];

/// One whole life: load, instantiate, run, free, unload.
static void live(const char* bundle, bool waits_for_model) {
    Library library = library_open(bundle, NULL);
    Plugin* plugin = plugin_make(&library, 48000, 256);
    if (!plugin) {
        puts("not ok - instantiate: refused");
        exit(1);
    }
    plugin_activate(plugin);
    if (waits_for_model) plugin_settle(plugin);
    for (int block = 0; block < 8; ++block) plugin_run(plugin, sound, 512);
    plugin_free(plugin);
    if (dlclose(library.library)) {
        puts("not ok - dlclose: refused");
        exit(1);
    }
}

static bool is_mapped(void) {
    char line[8192];
    bool found = false;
    FILE* file = fopen("/proc/self/maps", "r");
    while (file && fgets(line, sizeof line, file)) found |= strstr(line, "/" PLUGIN_SO) != NULL;
    if (file) fclose(file);
    return found;
}

int main(int count, char** arguments) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    const char* bundle = arguments[1];
    snprintf(path, sizeof path, "%s/" PLUGIN_SO, bundle);
    if (count > 2) {
        const double start = seconds_now();
        load();
        printf("%.2f\n", (seconds_now() - start) * 1000);
        return 0;
    }
    int failures = 0;
    make_tone(sound, 512, 220, 48000, 0);
    const long threads_before = threads();

    // As Carla's scan does: never instantiated.
    for (int i = 0; i < 50; ++i) dlclose(load());
    const long before = resident_kilobytes();
    for (int i = 0; i < 1000; ++i) dlclose(load());
    long growth = resident_kilobytes() - before;
    if (growth < 512) printf("ok - 1000 × dlopen and dlclose (memory grew by %ld KB)\n", growth);
    else ++failures, printf("not ok - 1000 × dlopen and dlclose: memory grew by %ld KB\n", growth);

    // The first rounds fill the allocator's pools, one a thread; from then on nothing may be added.
    for (int i = 0; i < 60; ++i) live(bundle, i % 2 == 0);
    const long settled = resident_kilobytes(), held_before = held();
    for (int i = 0; i < 300; ++i) live(bundle, i % 2 == 0);
    growth = resident_kilobytes() - settled;
    const long kept = held() - held_before;
    if (growth < 512 && kept < 300)
        printf("ok - 300 × load, instantiate, run, free, unload (memory grew by %ld KB, %ld bytes kept)\n", growth, kept);
    else
        ++failures, printf("not ok - 300 × load, instantiate, run, free, unload: memory grew by %ld KB, %ld bytes kept\n",
                           growth, kept);

    if (threads() == threads_before) puts("ok - no thread stays behind");
    else ++failures, printf("not ok - no thread stays behind: %ld before, %ld after\n", threads_before, threads());
    if (!is_mapped()) puts("ok - the library is unloaded");
    else ++failures, puts("not ok - the library is unloaded: it is still mapped");
    return failures > 0;
}
