#include "CDDSPSynth.h"
