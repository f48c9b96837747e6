#include "CPitchTracker.h"
