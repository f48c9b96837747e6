-- What Tests/hosts/ardour.sh has Ardour do. Lines that begin with `result` are for it.
local step, folder = os.getenv("STEP"), os.getenv("SESSION")
local pitch_uri = "urn:continuo:pitch"

local function result(...) print("result", ...) io.stdout:flush() end

-- The control inputs' places in Ardour's counting, and their values, by label.
local function controls(processor)
  local plugin, found, place = processor:to_insert():plugin(0), {}, 0
  for i = 0, plugin:parameter_count() - 1 do
    local id, ok = plugin:nth_parameter(i, false)
    if ok and plugin:parameter_is_control(id) and plugin:parameter_is_input(id) then
      found[plugin:parameter_label(id)] = place
      place = place + 1
    end
  end
  return found
end

local function value(processor, label)
  local v = ARDOUR.LuaAPI.get_processor_param(processor, controls(processor)[label])
  return string.format("%.4g", v)
end

local function report_synth(processor)
  for _, label in ipairs { "Instrument", "Vibrato rate", "Room", "Gain", "Formants" } do
    result("synth_control", (label:gsub(" ", "_")), value(processor, label))
  end
end

local function report(processor)
  for _, label in ipairs { "A4", "Shortest note", "Bend range", "Lowest frequency", "Hop", "Confidence threshold" } do
    result("control", (label:gsub(" ", "_")), value(processor, label))
  end
end

-- An instrument track: notes, Continuo Synth with a preset, one control set by hand.
local function make_synth(session)
  local track = session:new_midi_track(
    ARDOUR.ChanCount(ARDOUR.DataType("midi"), 1), ARDOUR.ChanCount(ARDOUR.DataType("audio"), 2), true,
    ARDOUR.LuaAPI.new_plugin_info("urn:continuo:synth", ARDOUR.PluginType.LV2), nil, nil, 1, "synth",
    ARDOUR.PresentationInfo.max_order, ARDOUR.TrackMode.Normal, true):front()
  sleep(1)
  local synth = track:nth_plugin(0)
  assert(not synth:isnil(), "no synth")
  local notes = ARDOUR.LuaAPI.new_plugin(session, "urn:continuo:test:note-player", ARDOUR.PluginType.LV2, "")
  assert(not notes:isnil(), "no note player")
  assert(track:add_processor_by_index(notes, 0, nil, true) == 0, "the note player is refused")
  sleep(1)
  local plugin = synth:to_insert():plugin(0)
  local preset = plugin:preset_by_label("French Horn")
  result("synth_preset", preset and preset.valid and plugin:load_preset(preset) and "loaded" or "refused")
  sleep(1)
  assert(ARDOUR.LuaAPI.set_processor_param(synth, controls(synth)["Room"], 0))
  assert(ARDOUR.LuaAPI.set_processor_param(synth, controls(synth)["Formants"], -2))
  sleep(1)
  report_synth(synth)
end

-- A track that plays a song in the transport's time to Continuo Bass, whose own outputs go to a bus; a bar captured while it rolls. A
-- track with strict inputs and outputs beside it.
local function make_bass(session)
  local bass, track
  for _, strict in ipairs { true, false } do
    track = session:new_audio_track(2, 2, nil, 1, strict and "strict" or "band", ARDOUR.PresentationInfo.max_order, ARDOUR.TrackMode.Normal, true, true):front()
    track:set_strict_io(strict)
    for place, uri in ipairs { "urn:continuo:test:song-player", "urn:continuo:bass" } do
      bass = ARDOUR.LuaAPI.new_plugin(session, uri, ARDOUR.PluginType.LV2, "")
      assert(not bass:isnil(), uri)
      assert(track:add_processor_by_index(bass, place - 1, nil, true) == 0, uri)
    end
    sleep(1)
    assert(ARDOUR.LuaAPI.set_processor_param(bass, controls(bass)["Through level"], -60))
    result(strict and "bass_strict" or "bass_free", track:output():n_ports():n_audio())
  end
  local bus = session:new_audio_route(2, 2, nil, 1, "bass", ARDOUR.PresentationInfo.Flag.AudioBus, ARDOUR.PresentationInfo.max_order):front()
  for i = 0, 1 do assert(track:output():nth(2 + i):connect(bus:input():nth(i):name()) == 0, "bus") end
  -- Ardour's panner of four channels would mix them.
  track:panner_shell():set_bypassed(true)
  local function set(label, value) assert(ARDOUR.LuaAPI.set_processor_param(bass, controls(bass)[label], value), label) end
  set("Bars", 1)
  local by = ARDOUR.TransportRequestSource.TRS_UI
  session:request_locate(0, false, ARDOUR.LocateTransportDisposition.MustStop, by)
  sleep(1)
  session:request_roll(by)
  sleep(1)
  set("Capture", 1)
  -- Bar 2 is captured; the take sounds from bar 4 on.
  for _ = 1, 60 do
    if session:transport_sample() > 8 * 44100 then break end
    sleep(1)
  end
  set("Capture", 0)
  session:request_stop(false, false, by)
  sleep(1)
  result("bass_rolled", session:transport_sample())
end

if step == "bass_make" then
  local session = create_session(folder, "test", 44100)
  sleep(1)
  make_bass(session)
  session:save_state("")
  result("saved")
elseif step == "synth_make" then
  local session = create_session(folder, "test", 44100)
  sleep(1)
  make_synth(session)
  session:save_state("")
  result("saved")
elseif step == "make" then
  local session = create_session(folder, "test", 44100)
  sleep(1)
  local track = session:new_audio_track(1, 1, nil, 1, "voice", ARDOUR.PresentationInfo.max_order, ARDOUR.TrackMode.Normal, true, true):front()
  local pitch
  for place, uri in ipairs { "urn:continuo:test:player", pitch_uri, "urn:continuo:test:note-logger" } do
    local processor = ARDOUR.LuaAPI.new_plugin(session, uri, ARDOUR.PluginType.LV2, "")
    assert(not processor:isnil(), uri)
    assert(track:add_processor_by_index(processor, place - 1, nil, true) == 0, uri)
    if uri == pitch_uri then pitch = processor end
  end
  sleep(1)
  local plugin = pitch:to_insert():plugin(0)
  -- The second has a model file, too: Ardour 7's scripts cannot set one by themselves.
  for _, label in ipairs { "Trumpet", "With a file" } do
    local preset = plugin:preset_by_label(label)
    result("preset", (label:gsub(" ", "_")), preset and preset.valid and plugin:load_preset(preset) and "loaded" or "refused")
    sleep(1)
    if label == "Trumpet" then report(pitch) end
  end
  assert(ARDOUR.LuaAPI.set_processor_param(pitch, controls(pitch)["Bend range"], 3))
  sleep(2)
  session:save_state("")
  result("saved")
else
  local session = load_session(folder, "test")
  assert(session, "no session")
  sleep(1)
  result("unknown", session:unknown_processors():size())
  if step == "bass_load" then
    result("bass_free", session:route_by_name("band"):output():n_ports():n_audio())
  elseif step == "synth_load" then
    report_synth(session:route_by_name("synth"):nth_plugin(1))
  else
    report(session:route_by_name("voice"):nth_plugin(1))
  end
  if step == "look" then
    quit()
    return
  end
  local export = session:simple_export()
  -- Floats, as they are: other formats get noise of Ardour's own.
  if step == "bass_load" then assert(export:set_preset(os.getenv("FLOAT_PRESET")), "no export preset") end
  export:set_folder(os.getenv("OUT"))
  export:set_name(({ synth_load = "synth", bass_load = "bass" })[step] or "export")
  export:set_range(0, tonumber(os.getenv("FRAMES")))
  result("exported", export:run_export())
  sleep(1)
  result("block", session:get_block_size())
  close_session()
  result("closed")
end
quit()
