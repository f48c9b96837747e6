#pragma once
#include <jack/jack.h>
#include <jack/midiport.h>
#include <jack/transport.h>
#include <jack/ringbuffer.h>
#include <jack/thread.h>
#include <jack/metadata.h>
#include <jack/statistics.h>
