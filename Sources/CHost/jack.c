#include "ch_jack.h"

#include <stdio.h>

static char last_error[256];

static void remember_error(const char* message) { snprintf(last_error, sizeof(last_error), "%s", message); }
static void ignore(const char* message) { (void)message; }

void ch_jack_be_quiet(void) {
    jack_set_error_function(remember_error);
    jack_set_info_function(ignore);
}

const char* ch_jack_last_error(void) { return last_error; }

jack_client_t* ch_jack_open(const char* name, const char* server, jack_status_t* status) {
    return server ? jack_client_open(name, JackNoStartServer | JackServerName, status, server)
                  : jack_client_open(name, JackNoStartServer, status);
}
