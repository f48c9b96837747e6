/// What the process thread calls of a plugin.
#ifndef CH_PLUGIN_H
#define CH_PLUGIN_H

#include <lilv/lilv.h>
#include <lv2/buf-size/buf-size.h>
#include <lv2/core/lv2.h>
#include <lv2/options/options.h>
#include <lv2/parameters/parameters.h>
#include <lv2/port-groups/port-groups.h>
#include <lv2/port-props/port-props.h>
#include <lv2/presets/presets.h>
#include <lv2/resize-port/resize-port.h>
#include <lv2/state/state.h>
#include <lv2/units/units.h>
#include <time.h>

#include "CRealtime.h"

/// An instance as the process thread sees it.
typedef struct {
    LV2_Handle handle;
    void (*run)(LV2_Handle, uint32_t);
    void (*connect)(LV2_Handle, uint32_t, void*);
} ch_plugin;

static inline ch_plugin ch_plugin_of(LilvInstance* instance) {
    const LV2_Descriptor* descriptor = lilv_instance_get_descriptor(instance);
    return (ch_plugin){lilv_instance_get_handle(instance), descriptor->run, descriptor->connect_port};
}

// The compiler's proof ends at these two calls: what happens inside is the plugin's promise (lv2:hardRTCapable), not ours.
CR_REALTIME void ch_plugin_run(ch_plugin plugin, uint32_t frames) { plugin.run(plugin.handle, frames); }
CR_REALTIME void ch_plugin_connect(ch_plugin plugin, uint32_t port, void* buffer) {
    plugin.connect(plugin.handle, port, buffer);
}

// Set-up calls that are inline in lilv.h and so have no symbol for Swift's importer to be sure of.
static inline void ch_instance_activate(LilvInstance* instance) { lilv_instance_activate(instance); }
static inline void ch_instance_deactivate(LilvInstance* instance) { lilv_instance_deactivate(instance); }
static inline const void* ch_instance_extension(LilvInstance* instance, const char* uri) {
    return lilv_instance_get_extension_data(instance, uri);
}

/// Monotonic time in nanoseconds (the vDSO's clock: no system call).
CR_REALTIME uint64_t ch_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

#endif
