#include "CBassGenerator.h"
