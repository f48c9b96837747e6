/// The model file of a `Plugin` with a control port, whichever it is: included at the end of pitch_host.h and synth_host.h.

/// Writes a patch:Set of the model file as the control port's only event.
static inline void plugin_set_model_file(Plugin* p, const char* path) {
    LV2_Atom_Forge forge;
    LV2_Atom_Forge_Frame sequence, object;
    lv2_atom_forge_init(&forge, &p->features.map);
    lv2_atom_forge_set_buffer(&forge, (uint8_t*)p->control, CONTROL_CAPACITY);
    lv2_atom_forge_sequence_head(&forge, &sequence, 0);
    lv2_atom_forge_frame_time(&forge, 0);
    lv2_atom_forge_object(&forge, &object, 0, urid(LV2_PATCH__Set));
    lv2_atom_forge_key(&forge, urid(LV2_PATCH__property));
    lv2_atom_forge_urid(&forge, urid(MODEL_FILE_URI));
    lv2_atom_forge_key(&forge, urid(LV2_PATCH__value));
    lv2_atom_forge_path(&forge, path, (uint32_t)strlen(path));
    lv2_atom_forge_pop(&forge, &object);
    lv2_atom_forge_pop(&forge, &sequence);
}

/// Runs short silent blocks until the status port says that no model is being loaded; its last value, or −1 after 30 s.
static inline int plugin_settle(Plugin* p) {
    const double end = seconds_now() + 30;
    plugin_clear_control(p);
    do {
        plugin_run(p, NULL, 16);
        if (p->controls[PORT_status] != 1) return (int)p->controls[PORT_status];
        usleep(1000);
    } while (seconds_now() < end);
    return -1;
}
