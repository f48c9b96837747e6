/// What hosts do to any of the plugins: the checks that robustness.c and robustness_synth.c share. Included after a `Plugin`; what
/// depends on it is declared here and defined there.
#ifndef ROBUSTNESS_H
#define ROBUSTNESS_H

#include <sys/stat.h>

static Library library;
static const char *models, *scratch;
static char tiny[4096];  ///< a sound model file
static int failures = 0;

#define BLOCK 256

/// One check's line. `fault`: NULL or why it failed.
static void judge(const char* what, const char* fault) {
    if (fault) {
        printf("not ok - %s: %s\n", what, fault);
        ++failures;
    } else {
        printf("ok - %s\n", what);
    }
}

static char fault_text[512];
static const char* fault(const char* format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(fault_text, sizeof fault_text, format, arguments);
    va_end(arguments);
    return fault_text;
}

static Plugin* make(double rate, int32_t nominal_block) {
    Plugin* plugin = plugin_make(&library, rate, nominal_block);
    if (!plugin) {
        puts("not ok - instantiate: refused");
        exit(1);
    }
    return plugin;
}

/// Everything that must hold after a run of `frames` on `input`.
static const char* check_sound(const Plugin* p, const float* input, uint32_t frames);
/// Readings: finite, and in the ranges that the TTL gives.
static const char* check_readings(const Plugin* p);
/// Says that the plugin still does its work.
static const char* check_alive(Plugin* p, double rate);

static const char* check_notify(const Plugin* p) {
    if (p->notify->atom.type != urid(LV2_ATOM__Sequence) || p->notify->atom.size > NOTIFY_CAPACITY - sizeof(LV2_Atom))
        return fault("the notify port holds no sequence");
    return NULL;
}

/// The path on the notify port in this block, or NULL if it says none.
static const char* told_path(const Plugin* p) {
    LV2_ATOM_SEQUENCE_FOREACH(p->notify, event) {
        const LV2_Atom_Object* object = (const LV2_Atom_Object*)&event->body;
        const LV2_Atom *property = NULL, *value = NULL;
        lv2_atom_object_get(object, urid(LV2_PATCH__property), &property, urid(LV2_PATCH__value), &value, 0);
        if (object->body.otype == urid(LV2_PATCH__Set) && property && value && value->type == urid(LV2_ATOM__Path) &&
            ((const LV2_Atom_URID*)property)->body == urid(MODEL_FILE_URI))
            return (const char*)(value + 1);
    }
    return NULL;
}

// MARK: Messages

/// Sets a model file and waits until it is loaded or refused; the status.
static int use_file(Plugin* p, const char* path) {
    plugin_set_model_file(p, path);
    plugin_run(p, NULL, 16);
    plugin_clear_control(p);
    return plugin_settle(p);
}

/// `bytes` as the control port's memory, its end the end of what may be read. The sequence's size is what it says itself.
static void send_raw(Plugin* p, const void* bytes, size_t size, bool connect_only) {
    // Atoms lie at multiples of eight.
    const size_t room = (size + 7) / 8 * 8;
    uint8_t* place = guarded(room);
    memcpy(place, bytes, size);
    plugin_prepare_atoms(p);
    plugin_connect(p, 16);
    p->descriptor->connect_port(p->handle, PORT_control, place);
    memset(p->in, 0, LONGEST_BLOCK * sizeof(float));
    if (!connect_only) p->descriptor->run(p->handle, 16);
    p->descriptor->connect_port(p->handle, PORT_control, p->control);
    guarded_free(place, room);
}

typedef struct {
    union {
        uint8_t bytes[20000];
        uint32_t words[5000];
        LV2_Atom_Sequence sequence;
    };
    size_t size;
} Message;

/// A sequence of one patch:Set of the model file, whose value is `size` bytes of `type`.
static Message set_message(const char* type, const void* value, uint32_t size) {
    Message m = {.size = 0};
    LV2_URID_Map map = {NULL, host_map};
    LV2_Atom_Forge forge;
    LV2_Atom_Forge_Frame sequence, object;
    lv2_atom_forge_init(&forge, &map);
    lv2_atom_forge_set_buffer(&forge, m.bytes, sizeof m.bytes);
    lv2_atom_forge_sequence_head(&forge, &sequence, 0);
    lv2_atom_forge_frame_time(&forge, 0);
    lv2_atom_forge_object(&forge, &object, 0, urid(LV2_PATCH__Set));
    lv2_atom_forge_key(&forge, urid(LV2_PATCH__property));
    lv2_atom_forge_urid(&forge, urid(MODEL_FILE_URI));
    lv2_atom_forge_key(&forge, urid(LV2_PATCH__value));
    lv2_atom_forge_atom(&forge, size, urid(type));
    lv2_atom_forge_write(&forge, value, size);
    lv2_atom_forge_pop(&forge, &object);
    lv2_atom_forge_pop(&forge, &sequence);
    m.size = sizeof(LV2_Atom) + m.sequence.atom.size;
    return m;
}

static void hostile_messages(void) {
    Plugin* p = make(48000, BLOCK);
    plugin_activate(p);
    plugin_settle(p);
    // Each step names itself before it is taken: a crash shows where.
    static Message m;
    static char path[12000];

    // Every shorter sequence, each telling the truth about its own size while what lies in it does not.
    m = set_message(LV2_ATOM__Path, "/nowhere/model.safetensors", 27);
    for (size_t size = 0; size + sizeof(LV2_Atom) <= m.size; ++size) {
        static Message cut;
        cut = m;
        cut.sequence.atom.size = (uint32_t)size;
        send_raw(p, cut.bytes, sizeof(LV2_Atom) + size, false);
        // The next may not be refused because this one is still being taken up.
        if (size > m.size - 24) plugin_settle(p);
    }
    plugin_settle(p);
    judge("patch:Set cut off at every byte", check_alive(p, 48000));

    // Sizes that lie, at every place where there is one.
    static const uint32_t lies[] = {0, 1, 4, 7, 8, 9, 100, 4096, 65536, 0x7FFFFFFF, 0x80000000, 0xFFFFFFF0, 0xFFFFFFFF};
    for (size_t word = 1; word < m.size / 4; ++word)
        for (size_t lie = 0; lie < sizeof lies / sizeof *lies; ++lie) {
            static Message false_one;
            false_one = m;
            false_one.words[word] = lies[lie];
            send_raw(p, false_one.bytes, m.size, false);
        }
    plugin_settle(p);
    judge("patch:Set with each word in turn replaced", check_alive(p, 48000));

    const int64_t number = 0x4141414141414141;
    static const char* const types[] = {LV2_ATOM__Int, LV2_ATOM__Float, LV2_ATOM__Double, LV2_ATOM__Object, LV2_ATOM__Tuple,
                                        LV2_ATOM__Vector, LV2_ATOM__URID, LV2_ATOM__Bool, LV2_ATOM__Chunk};
    use_file(p, "");
    host_log_clear();
    for (size_t i = 0; i < sizeof types / sizeof *types; ++i) {
        m = set_message(types[i], &number, 8);
        send_raw(p, m.bytes, m.size, false);
    }
    const char* why = plugin_settle(p) == 0 ? NULL : fault("a value of a wrong type was taken for a path");
    if (!why && host_log_lines) why = fault("it says: %s", host_log_text);
    if (!why) why = check_alive(p, 48000);
    judge("patch:Set with values of other types", why);

    memset(path, 'a', sizeof path);
    path[0] = '/';
    static const uint32_t lengths[] = {1, 2, 255, 4094, 4095, 4096, 4097, 10240};
    why = NULL;
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths && !why; ++i)
        for (int with_nul = 0; with_nul < 2 && !why; ++with_nul) {
            path[lengths[i]] = 0;
            m = set_message(i % 2 ? LV2_ATOM__String : LV2_ATOM__Path, path, lengths[i] + (uint32_t)with_nul);
            path[lengths[i]] = 'a';
            send_raw(p, m.bytes, m.size, false);
            if (plugin_settle(p) < 0) why = fault("still loading after 30 s");
            why = why ? why : check_readings(p);
        }
    m = set_message(LV2_ATOM__Path, "", 0);
    send_raw(p, m.bytes, m.size, false);
    if (!why && plugin_settle(p) != 0) why = fault("an empty path does not take the file away");
    if (!why) why = check_alive(p, 48000);
    judge("paths of 1 byte to 10 KB, with and without NUL", why);

    // Broken UTF-8 names no file, but must come back from state as it went in or not at all.
    m = set_message(LV2_ATOM__Path, "/\xFF\xFE\xC0\x80\xED\xA0\x80", 9);
    send_raw(p, m.bytes, m.size, false);
    why = plugin_settle(p) == 2 ? NULL : fault("status %g", p->controls[PORT_status]);
    judge("a path that is no UTF-8", why);
    m = set_message(LV2_ATOM__Path, "", 1);
    send_raw(p, m.bytes, m.size, false);
    plugin_settle(p);

    // Anything at all.
    m = set_message(LV2_ATOM__Path, "/nowhere", 9);
    for (int round = 0; round < 20000; ++round) {
        static Message fuzzed;
        fuzzed = m;
        const uint32_t changes = 1 + random_below(6);
        for (uint32_t i = 0; i < changes; ++i) {
            // Values that mean something here are tried more often than any others.
            if (random_below(2)) fuzzed.words[1 + random_below((uint32_t)m.size / 4 - 1)] = random_below(40);
            else fuzzed.bytes[4 + random_below((uint32_t)m.size - 4)] = (uint8_t)random_bits();
        }
        fuzzed.sequence.atom.size = (uint32_t)(m.size - sizeof(LV2_Atom));
        send_raw(p, fuzzed.bytes, m.size, false);
    }
    plugin_settle(p);
    m = set_message(LV2_ATOM__Path, "", 1);
    send_raw(p, m.bytes, m.size, false);
    plugin_settle(p);
    judge("20000 garbled messages", check_alive(p, 48000));
    plugin_free(p);
}

// MARK: Model files

static void write_file(const char* path, const void* bytes, size_t size) {
    FILE* file = fopen(path, "wb");
    if (!file || fwrite(bytes, 1, size, file) != size || fclose(file)) {
        perror(path);
        exit(2);
    }
}

/// Each damaged file: the status says that another model is in use, one line says why, and the sound is tracked all the same.
static void bad_model_files(void) {
    Plugin* p = make(48000, BLOCK);
    plugin_activate(p);
    const char* why = plugin_settle(p) == 0 ? NULL : fault("the default model is not ready");
    char path[4200];
    FILE* file = fopen(tiny, "rb");
    static uint8_t whole[32 << 20];
    const size_t size = file ? fread(whole, 1, sizeof whole, file) : 0;
    if (file) fclose(file);
    if (size < 1000) why = fault("%s cannot be read", tiny);
    const struct { const char* name; size_t size; } kinds[] = {
        {"missing", 0}, {"empty", 0}, {"7 bytes", 7}, {"cut in its header", 200}, {"cut in its weights", size / 2},
        {"a byte short", size - 1}, {"of random bytes", 100000}, {"a folder", 0}};
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds && !why; ++k) {
        snprintf(path, sizeof path, "%s/bad-%zu.safetensors", scratch, k);
        if (k == 6) {
            static uint64_t noise[12500];
            for (int i = 0; i < 12500; ++i) noise[i] = random_bits();
            noise[0] = 4000;  // a header length that fits
            write_file(path, noise, sizeof noise);
        } else if (k == 7) {
            mkdir(path, 0755);
        } else if (k > 0) {
            write_file(path, whole, kinds[k].size);
        }
        host_log_clear();
        const int status = use_file(p, path);
        if (status != 2) why = fault("status %d with a file that is %s", status, kinds[k].name);
        if (!why && !strstr(host_log_text, path)) why = fault("a file that is %s is not named in the log", kinds[k].name);
        if (!why && host_log_lines > 2) why = fault("%d lines about a file that is %s", host_log_lines, kinds[k].name);
        if (!why) why = check_alive(p, 48000);
        if (k == 4) {
            // What the user reads.
            char* end = strchr(host_log_text, '\n');
            if (end) *end = 0;
            printf("# %s\n", host_log_text);
        }
    }
    judge("a model file that is missing, cut off, garbled or a folder", why);
    why = NULL;
    host_log_clear();
    const int status = use_file(p, tiny);
    if (status != 0 || host_log_lines) why = fault("status %d with a sound file; %s", status, host_log_text);
    if (!why) {
        plugin_set_model_file(p, "");
        plugin_run(p, NULL, 16);
        if (plugin_settle(p) != 0) why = fault("status %g without a file", p->controls[PORT_status]);
    }
    judge("a sound model file afterwards, and none", why ? why : check_alive(p, 48000));
    plugin_free(p);
}

/// The path changes while sound runs; the notify port names what is in force in the end.
static void path_while_running(void) {
    static float sound[BLOCK];
    Plugin* p = make(48000, BLOCK);
    plugin_activate(p);
    const char* why = NULL;
    char told[4096] = "?";
    int changes = 0;
    for (int block = 0; block < 1200 && !why; ++block) {
        plugin_clear_control(p);
        if (block % 20 == 0) plugin_set_model_file(p, ++changes % 3 == 0 ? "" : changes % 3 == 1 ? tiny : "/nowhere/at.all");
        make_tone(sound, BLOCK, 220, 48000, (size_t)block * BLOCK);
        plugin_run(p, sound, BLOCK);
        why = check_sound(p, sound, BLOCK);
        const char* path = told_path(p);
        if (path) snprintf(told, sizeof told, "%s", path);
        usleep(500);
    }
    // The last word, once whatever is under way has been taken up.
    if (!why) why = plugin_settle(p) >= 0 ? NULL : fault("still loading");
    plugin_set_model_file(p, tiny);
    for (int i = 0; i < 3000 && strcmp(told, tiny); ++i) {
        plugin_run(p, NULL, 16);
        plugin_clear_control(p);
        const char* path = told_path(p);
        if (path) snprintf(told, sizeof told, "%s", path);
        usleep(1000);
    }
    if (!why && strcmp(told, tiny)) why = fault("the notify port says %.100s", told);
    judge("the model file changed 60 times while running", why ? why : check_alive(p, 48000));
    plugin_free(p);
}

// MARK: State

typedef struct {
    int count;
    uint32_t key, type, flags;
    size_t size;
    uint8_t value[8192];
} Store;

static LV2_State_Status store_value(LV2_State_Handle handle, uint32_t key, const void* value, size_t size, uint32_t type,
                                    uint32_t flags) {
    Store* s = handle;
    ++s->count;
    s->key = key, s->type = type, s->flags = flags, s->size = size;
    if (size > sizeof s->value) return LV2_STATE_ERR_NO_SPACE;
    memcpy(s->value, value, size);
    return LV2_STATE_SUCCESS;
}
static const void* retrieve_value(LV2_State_Handle handle, uint32_t key, size_t* size, uint32_t* type, uint32_t* flags) {
    const Store* s = handle;
    if (!s->count || key != s->key) return NULL;
    *size = s->size, *type = s->type, *flags = s->flags;
    return s->value;
}

static int mapped_paths = 0;  // those that a map_path feature gave out and free_path has not seen
static char* abstract_path(LV2_State_Map_Path_Handle handle, const char* path) {
    char* mapped = malloc(strlen(path) + 16);
    sprintf(mapped, "session:%s", strncmp(path, handle, strlen(handle)) ? path : path + strlen(handle));
    ++mapped_paths;
    return mapped;
}
static char* absolute_path(LV2_State_Map_Path_Handle handle, const char* path) {
    char* mapped = malloc(strlen(path) + strlen(handle) + 16);
    if (!strncmp(path, "session:", 8)) sprintf(mapped, "%s%s", (const char*)handle, path + 8);
    else strcpy(mapped, path);
    ++mapped_paths;
    return mapped;
}
static void free_path(LV2_State_Free_Path_Handle handle, char* path) {
    (void)handle;
    --mapped_paths;
    free(path);
}

static void state(void) {
    LV2_State_Map_Path map = {(void*)models, abstract_path, absolute_path};
    LV2_State_Free_Path release = {NULL, free_path};
    const LV2_Feature map_feature = {LV2_STATE__mapPath, &map}, free_feature = {LV2_STATE__freePath, &release};
    const LV2_Feature* const both[] = {&map_feature, &free_feature, NULL};
    const LV2_Feature* const none[] = {NULL};
    const LV2_Feature* const* const features[] = {both, none, NULL};
    static const char* const names[] = {"with mapPath and freePath", "with an empty list of features", "with no list of features"};
    static Store store;
    Plugin* p = make(48000, BLOCK);
    plugin_activate(p);
    const LV2_State_Interface* interface = p->descriptor->extension_data(LV2_STATE__interface);
    if (!interface || p->descriptor->extension_data("urn:nothing")) {
        judge("state interface", "missing, or given for any URI");
        plugin_free(p);
        return;
    }
    for (int f = 0; f < 3; ++f) {
        const char* why = NULL;
        memset(&store, 0, sizeof store);
        use_file(p, "");
        if (interface->save(p->handle, store_value, &store, LV2_STATE_IS_POD, features[f]) || store.count)
            why = fault("a file is saved where none is set");
        if (use_file(p, tiny) != 0) why = fault("the model file is not taken");
        if (!why && interface->save(p->handle, store_value, &store, LV2_STATE_IS_POD, features[f])) why = fault("save fails");
        if (!why && (store.count != 1 || store.key != urid(MODEL_FILE_URI) || store.type != urid(LV2_ATOM__Path)))
            why = fault("it is not saved as one path");
        if (!why && (!(store.flags & LV2_STATE_IS_POD) || store.value[store.size - 1])) why = fault("not POD with NUL");
        if (!why && f == 0 && strncmp((char*)store.value, "session:", 8)) why = fault("the path was not mapped");
        if (!why && f > 0 && strcmp((char*)store.value, tiny)) why = fault("another path was saved");
        // Into a fresh instance.
        Plugin* q = make(48000, BLOCK);
        if (!why && interface->restore(q->handle, retrieve_value, &store, 0, features[f])) why = fault("restore fails");
        plugin_activate(q);
        plugin_run(q, NULL, 16);
        const char* told = told_path(q);
        for (int i = 0; i < 100 && !told; ++i) plugin_run(q, NULL, 16), told = told_path(q);
        if (!why && (!told || strcmp(told, tiny))) why = fault("after restore the file is %s", told ? told : "not told");
        if (!why) why = check_alive(q, 48000);
        // And an empty state takes it away again.
        static Store empty;
        if (!why && interface->restore(q->handle, retrieve_value, &empty, 0, features[f])) why = fault("restore of nothing fails");
        static Store again;
        memset(&again, 0, sizeof again);
        interface->save(q->handle, store_value, &again, 0, features[f]);
        if (!why && again.count) why = fault("an empty state leaves the file in force");
        if (!why && mapped_paths) why = fault("%d mapped paths were not freed", mapped_paths);
        plugin_free(q);
        char what[100];
        snprintf(what, sizeof what, "state saved and restored %s", names[f]);
        judge(what, why);
    }

    // States that no plugin wrote.
    const char* why = NULL;
    memset(&store, 0, sizeof store);
    store = (Store){.count = 1, .key = urid(MODEL_FILE_URI), .type = urid(LV2_ATOM__Float), .size = 4};
    if (!interface->restore(p->handle, retrieve_value, &store, 0, none)) why = fault("a number is taken for a path");
    store.type = urid(LV2_ATOM__Path);
    memset(store.value, 'x', sizeof store.value);
    for (size_t size = 0; size <= sizeof store.value && !why; size = size ? size * 2 : 1) {
        store.size = size;
        interface->restore(p->handle, retrieve_value, &store, 0, none);
    }
    interface->restore(p->handle, retrieve_value, &(Store){0}, 0, none);
    plugin_settle(p);
    judge("states with a wrong type, without NUL, too long", why ? why : check_alive(p, 48000));
    plugin_free(p);
}

static bool restoring = false;
static void* restore_again_and_again(void* context) {
    Plugin* p = context;
    const LV2_State_Interface* interface = p->descriptor->extension_data(LV2_STATE__interface);
    static Store with, without;
    with = (Store){.count = 1, .key = urid(MODEL_FILE_URI), .type = urid(LV2_ATOM__Path), .size = strlen(tiny) + 1};
    memcpy(with.value, tiny, with.size);
    for (int i = 0; __atomic_load_n(&restoring, __ATOMIC_ACQUIRE); ++i) {
        static Store saved;
        interface->restore(p->handle, retrieve_value, i % 2 ? &with : &without, 0, NULL);
        saved.count = 0;
        interface->save(p->handle, store_value, &saved, 0, NULL);
        usleep(300);
    }
    return NULL;
}

static void restore_while_running(void) {
    static float sound[BLOCK];
    Plugin* p = make(48000, BLOCK);
    plugin_activate(p);
    pthread_t thread;
    restoring = true;
    pthread_create(&thread, NULL, restore_again_and_again, p);
    const char* why = NULL;
    for (int block = 0; block < 4000 && !why; ++block) {
        make_tone(sound, BLOCK, 220, 48000, (size_t)block * BLOCK);
        plugin_run(p, sound, BLOCK);
        why = check_sound(p, sound, BLOCK);
        if (block % 8 == 0) usleep(500);
    }
    __atomic_store_n(&restoring, false, __ATOMIC_RELEASE);
    pthread_join(thread, NULL);
    plugin_settle(p);
    judge("state restored by another thread while running", why ? why : check_alive(p, 48000));
    plugin_free(p);
}

// MARK: Instantiation

static void features(void) {
    const LV2_Descriptor* d = library.descriptor;
    LV2_URID_Map map = {NULL, host_map};
    const LV2_Feature map_feature = {LV2_URID__map, &map};
    const LV2_Feature* const only_map[] = {&map_feature, NULL};
    const LV2_Feature* const none[] = {NULL};
    const char* why = NULL;
    LV2_Handle handle = d->instantiate(d, 48000, library.bundle, only_map);
    if (handle) d->cleanup(handle);
    else why = fault("refused");
    judge("instantiated with urid:map alone", why);
    judge("refused without urid:map", d->instantiate(d, 48000, library.bundle, none) || d->instantiate(d, 48000, library.bundle, NULL)
                                          ? "it was not" : NULL);
    static const double rates[] = {0, -48000, NAN, INFINITY, -INFINITY, 1e-3, 1, 999, 1e18, 1e300, 5e6};
    for (size_t i = 0; i < sizeof rates / sizeof *rates; ++i) {
        handle = d->instantiate(d, rates[i], library.bundle, only_map);
        if (handle) d->cleanup(handle);
    }
    judge("sample rates that are none do no harm", NULL);
    // Block lengths that lie; longer blocks than announced.
    static const int32_t blocks[] = {0, -1, 1, 1 << 30, INT32_MAX, INT32_MIN};
    why = NULL;
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks && !why; ++i) {
        Plugin* p = plugin_make(&library, 48000, blocks[i]);
        if (!p) continue;
        plugin_activate(p);
        static float sound[LONGEST_BLOCK];
        make_tone(sound, LONGEST_BLOCK, 220, 48000, 0);
        plugin_run(p, sound, LONGEST_BLOCK);
        why = check_sound(p, sound, LONGEST_BLOCK);
        if (!why) why = check_alive(p, 48000);
        plugin_free(p);
    }
    judge("nominal block lengths that are none", why);
    // Odd bundle paths.
    handle = d->instantiate(d, 48000, "", only_map);
    if (handle) d->cleanup(handle);
    handle = d->instantiate(d, 48000, "/no/such/bundle/", only_map);
    if (handle) d->cleanup(handle);
    judge("any bundle path", handle ? NULL : "refused");
}

#endif
